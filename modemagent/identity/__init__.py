"""Values and their rules: no I/O, no clock, no asyncio."""
