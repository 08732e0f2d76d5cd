"""Evaluation of the rules: after reports, and for the whole fleet."""
