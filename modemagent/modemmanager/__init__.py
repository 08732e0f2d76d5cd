"""ModemManager: the modems it manages, read over D-Bus."""
