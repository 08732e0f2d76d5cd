"""Storage of received reports: streams, boots, places and their kept readings."""
