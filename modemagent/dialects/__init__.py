"""Knowledge about modem makers as tables: which command reads which value."""
