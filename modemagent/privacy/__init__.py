"""Detection, masking and replacement of identifiers."""
