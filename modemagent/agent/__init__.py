"""The daemon ``modemagent run``."""
