"""The derived history as rows: modems and SIMs, their stays, facts and events."""
