"""The control socket of the daemon."""
