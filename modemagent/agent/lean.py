"""Loading the daemon without what nothing will use: it may take 35 MiB.

Measured with four modems (``benchmarks/daemon.py``):

* OpenSSL, for a registry on the same machine or behind a tunnel: 5 MiB. asyncio, urllib3, hmac and
  hashlib use it whenever they find it. All go on without it, as they do on a Python that was
  built without OpenSSL.
* What ``ctypes.util`` loads to look for a library by running compilers: 0.5 MiB, and a process at
  each start. pyudev asks it for libudev, whose name the linker knows.
* A heap of the C library's for each thread, none of which is ever full: 0.3 MiB. Only one thread
  runs at a time here, so none waits for the other.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType

from modemagent.settings import Settings

_TLS = ("ssl", "_hashlib")
_FINDER = "ctypes.util"
_M_ARENA_MAX = -8  # glibc, malloc.h


def needs_tls(settings: Settings) -> bool:
    """Tell whether a connection of the settings is encrypted."""
    return any((url or "").startswith("https:") for url in (settings.registry, settings.proxy))


def load_daemon(settings: Settings) -> ModuleType:
    """Import and return :mod:`modemagent.agent.daemon`, without TLS if the settings need none."""
    with contextlib.suppress(OSError, AttributeError):  # musl has no such function, and one heap
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    with _replaced({} if needs_tls(settings) else dict.fromkeys(_TLS)):
        from modemagent.agent import daemon

        if (settings.registry or "").startswith(("http:", "https:")):
            import_module("modemagent.report.delivery.sinks.http")
    finder = ModuleType(_FINDER)
    finder.find_library = _find_library  # type: ignore[attr-defined]
    # a system without pyudev is said where news are asked for
    with _replaced({_FINDER: finder}), contextlib.suppress(ImportError, OSError):
        import_module("pyudev")
    return daemon


def _find_library(name: str) -> str | None:
    """Return the name to load a library by, as ``ctypes.util.find_library`` does."""
    with contextlib.suppress(OSError):
        ctypes.CDLL(likely := f"lib{name}.so.1")
        return likely
    return import_module(_FINDER).find_library(name)  # type: ignore[no-any-return]


@contextlib.contextmanager
def _replaced(others: Mapping[str, ModuleType | None]) -> Iterator[None]:
    """Have other modules, or none, found under these names, unless they are loaded already."""
    new = {name: module for name, module in others.items() if name not in sys.modules}
    sys.modules |= new  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in new:
            sys.modules.pop(name, None)
