"""AT responses, URCs and error codes in plain language, with source and remedy."""

from modemagent.explain.decoder import explain, explain_code

__all__ = ["explain", "explain_code"]
