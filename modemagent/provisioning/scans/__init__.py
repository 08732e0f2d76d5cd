"""Scanners: where scans come from, what they contain, and which bay they belong to."""
