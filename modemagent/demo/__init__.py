"""The whole path on one machine without hardware: modems, daemon and registry as processes.

Simulated modems, the daemon and the registry are commands of this program, started as a user would
start them. The output shows what the API of the registry returns.
"""
