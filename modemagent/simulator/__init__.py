"""A modem played from a transcript, on a PTY or TCP; never imports dialects."""
