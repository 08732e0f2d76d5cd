"""Extras, the optional parts of an installation: the command that installs one."""

from __future__ import annotations

import sys

#: The environment that docs/install.md creates.
_ENVIRONMENT = "/opt/modemagent"


def install_command(extra: str) -> str:
    """Return the command that installs an optional part into the running installation.

    Outside an environment Debian 12 refuses ``pip install`` (``externally-managed-environment``);
    the command then names the environment of docs/install.md.

    :param extra: name of the part, such as ``metrics``
    """
    environment = sys.prefix if sys.prefix != sys.base_prefix else _ENVIRONMENT
    return f"{environment}/bin/pip install 'modemagent[{extra}]'"
