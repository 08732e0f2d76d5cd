"""Deadlines and registrations by the regulations of countries."""
