"""The whole path on one machine with no hardware, as real processes.

Simulated modems, the daemon and the registry are the program's own commands, started as anyone
would start them; what is shown is what the registry's API answers. Nothing here imports them.
"""
