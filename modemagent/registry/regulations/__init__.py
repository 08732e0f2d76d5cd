"""Rules of countries about the use and the registration of modems, as data."""
