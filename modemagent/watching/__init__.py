"""Modem supervision: find modems, open and identify them, and monitor them for changes."""
