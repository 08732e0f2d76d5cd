"""Diagnosis of modems: each check answers one question with one finding and one remedy."""
