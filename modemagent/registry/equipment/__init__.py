"""Equipment status as an EIR answers it (3GPP TS 29.511), and as another EIR answers."""
