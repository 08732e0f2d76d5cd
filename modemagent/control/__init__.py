"""The daemon's control protocol, client side."""
