"""The AT protocol without I/O: bytes in, events and parsed lines out."""
