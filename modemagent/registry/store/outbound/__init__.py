"""What leaves the registry: webhooks, notices and exports."""
