"""``modemagent provision``: the bench."""

from modemagent.cli.provision.group import command

__all__ = ["command"]
