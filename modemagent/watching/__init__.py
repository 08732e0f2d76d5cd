"""Modems found, opened, identified and monitored, for whoever consumes the readings."""
