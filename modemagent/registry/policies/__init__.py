"""Pairing policies: which SIMs a modem may hold; pure functions without a database."""
