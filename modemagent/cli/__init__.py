"""The command line: parse, call one function, render. The only floor that imports click.

A command is one module here and one row in :data:`modemagent.cli.main.COMMANDS`. It returns its
exit status, or None for success. Modules of commands are imported when their command runs, never
for ``--help`` or ``--version``, and import their own heavy parts (json, asyncio, the registry's
packages) inside the function that needs them.
"""
