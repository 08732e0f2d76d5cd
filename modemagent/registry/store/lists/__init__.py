"""Lists, imports, the TAC table, recalls and checks of many numbers."""
