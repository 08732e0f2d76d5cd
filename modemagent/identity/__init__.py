"""Identifiers, readings and the rules for them: no I/O, no clock, no asyncio."""
