"""What is wrong with this modem, and what to do: one question, one finding, one remedy each."""
