"""What an outside EIR and the APIs of operators state."""
