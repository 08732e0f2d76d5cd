"""How identifiers are recognized, masked and replaced."""
