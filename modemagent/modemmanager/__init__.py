"""Programs that hold modems as well and can be asked what they know of them."""
