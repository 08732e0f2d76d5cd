"""Tables of the registry's database, by subject."""
