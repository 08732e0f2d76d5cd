"""Sans-I/O AT codec: bytes in, events out; a stranger to identity."""
