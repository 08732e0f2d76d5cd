"""The daemon's control socket."""
