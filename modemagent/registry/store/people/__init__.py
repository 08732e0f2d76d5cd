"""People, their sessions and tokens, and what they keep on pages."""
