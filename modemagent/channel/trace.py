"""Wire trace: every chunk of bytes sent and received, for logs and ``--trace``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Direction = Literal["sent", "received"]

#: A callback for every chunk, in the order the chunks cross the port: the port as the user named
#: it, the direction, and the bytes. It runs in the thread that serves the port (the event loop's
#: for :class:`AsyncChannel`), so it must return at once and must not raise. The bytes hold
#: identifiers: mask them before logging.
Trace = Callable[[str, Direction, bytes], None]
