"""The AT protocol without I/O: bytes in, events and parsed lines out."""

DEFAULT_BAUD = 115200
"""Speed of a UART, unless the settings or an option give another one."""
