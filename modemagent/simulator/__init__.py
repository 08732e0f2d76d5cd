"""Simulated modems, played from transcripts on PTYs and TCP ports."""
