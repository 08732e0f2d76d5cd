"""Reading of modems: a port and a dialect become a snapshot."""
