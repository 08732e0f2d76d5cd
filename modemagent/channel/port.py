"""An open way to bytes, blocking no one: a terminal, a socket, a pair of threads behind one.

Whatever the port is, it ends in one file descriptor. Both doors (asyncio and poll) read and
write it here and nowhere else, so that the signs of a port that has gone are known in one place.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from modemagent.errors import PortVanished

if TYPE_CHECKING:
    from modemagent.channel.trace import Trace

CHUNK: Final = 4096
"""Bytes read at once: what a terminal gives at most, and little enough to keep a loop lively."""


class Port:
    """An open port.

    :param name: the port as the user named it
    :param descriptor: readable and writable, non-blocking; owned from here on
    :param release: called once before the descriptor is closed: put settings back, unlock
    :ivar bytes_written: bytes the kernel has taken so far
    """

    def __init__(
        self,
        name: str,
        descriptor: int,
        *,
        release: Callable[[int], None] | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.name = name
        self.bytes_written = 0
        self._descriptor = descriptor
        self._release = release
        self._trace = trace

    def fileno(self) -> int:
        """Return the descriptor, -1 when the port is closed."""
        return self._descriptor

    def read(self) -> bytes:
        """Return what is waiting, b"" for nothing.

        :raises PortVanished: end of file, or an error: the port has gone
        """
        try:
            data = os.read(self._descriptor, CHUNK)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError as error:
            raise self._vanished(error.strerror) from error
        if not data:
            if self._is_quiet():
                return b""
            raise self._vanished("end of file")
        if self._trace is not None:
            self._trace(self.name, "received", data)
        return data

    def write(self, data: bytes) -> int:
        """Write what fits and return how much that was.

        :raises PortVanished: the port has gone
        """
        try:
            taken = os.write(self._descriptor, data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            raise self._vanished(error.strerror) from error
        self.bytes_written += taken
        if self._trace is not None and taken:
            self._trace(self.name, "sent", data[:taken])
        return taken

    def close(self) -> None:
        """Throw away what is unsent, put the settings back, unlock, close. Again: nothing.

        May block for as long as the driver likes: the async door calls it in a thread.
        """
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        try:
            if self._release is not None:
                self._release(descriptor)
        finally:
            os.close(descriptor)

    def _is_quiet(self) -> bool:
        # An empty read is the end of file. Except on a terminal that another program has set to
        # VMIN 0 behind our back: there it says "nothing yet", and poll says nothing either.
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return not poll.poll(0)

    def _vanished(self, why: str | None) -> PortVanished:
        return port_vanished(self.name, why or "")


def port_vanished(port: str, why: str = "") -> PortVanished:
    """Return the error for a port that was open and has gone."""
    return PortVanished(
        f"{port} is gone" + (f" ({why.lower()})" if why else ""),
        port=port,
        hint="the modem was unplugged, has restarted, or the far side hung up: "
        "check power and cable, then try again",
    )
