"""The central registry: which modem, which SIM, where, since when, says who."""
