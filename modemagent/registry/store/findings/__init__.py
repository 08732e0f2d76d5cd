"""Findings as rows and documents, and what people decide about them."""
