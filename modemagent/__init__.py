"""Which module and which SIM card is really in this box."""

__version__ = "0.2.0"
