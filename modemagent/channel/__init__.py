"""Ports: open, locked, and served by one session each. The only package that imports serial."""
