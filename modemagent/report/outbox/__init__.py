"""Reports on disk until the registry has acknowledged them."""
