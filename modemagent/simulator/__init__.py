"""A modem played from a transcript, on a PTY or TCP: what there is when there is no hardware."""
