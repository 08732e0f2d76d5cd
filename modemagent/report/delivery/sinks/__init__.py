"""Where a report may go: one module a sink."""
