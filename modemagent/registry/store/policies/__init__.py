"""Pairing policies, the links that follow from them, and announced work."""
