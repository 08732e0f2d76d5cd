"""Pages of the registry for people, rendered on the server; they work without script."""
