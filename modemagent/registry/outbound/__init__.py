"""What leaves the registry by itself: webhooks and e-mail."""
