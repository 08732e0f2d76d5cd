"""Client of the registry's HTTP API, for the command line."""
