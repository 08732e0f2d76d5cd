"""The steps of a unit: each compares what was read or scanned with the order."""
