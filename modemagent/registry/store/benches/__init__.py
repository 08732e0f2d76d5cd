"""Reports of production benches."""
