"""The AT protocol without I/O: bytes in, events and parsed lines out."""

AUTO_BAUD = "auto"
"""In place of a speed: the usual ones are tried until the modem answers."""
DEFAULT_BAUD = 115200
"""Speed of a UART, unless the settings or an option give another one."""
