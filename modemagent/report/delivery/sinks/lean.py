"""urllib3 without what a daemon that speaks HTTP/1.1 never uses.

Its HTTP/2 part asks at import for the version of another package, for which ``importlib.metadata``
loads zipfile, bz2, lzma and csv: 0.7 MiB of the daemon's 35. While urllib3 is imported, something
that loads the real one when it is called stands in its place.
"""

from __future__ import annotations

import sys
from types import ModuleType

_NAME = "importlib.metadata"


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


_stand_in = ModuleType(_NAME)
_stand_in.version = _version  # type: ignore[attr-defined]
_absent = _NAME not in sys.modules
if _absent:
    sys.modules[_NAME] = _stand_in
try:
    import urllib3 as urllib3
finally:
    if _absent:
        del sys.modules[_NAME]
