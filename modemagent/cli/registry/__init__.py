"""``modemagent registry``: one module for each group of commands."""

from modemagent.cli.registry.group import command

__all__ = ["command"]
