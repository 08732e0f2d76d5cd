"""The bench without hardware: simulated modules with planted faults, and a scripted person."""
