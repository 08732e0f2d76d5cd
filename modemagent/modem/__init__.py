"""A channel and a dialect make a modem."""
