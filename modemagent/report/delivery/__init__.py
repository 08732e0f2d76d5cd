"""Reports sent in order, in batches, with retries."""
