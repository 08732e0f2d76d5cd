"""The whole path on one machine with no hardware, as real processes."""
