"""The audit, erasure and retention."""
