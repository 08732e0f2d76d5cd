"""The database itself: connections, statements, keys, jobs, backups."""
