"""Vendor knowledge as tables; a dialect is rows, not a class hierarchy."""
