"""The fleet as documents: modems, SIMs, gateways, past states, look-ups."""
