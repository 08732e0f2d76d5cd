"""Opening in a thread of its own, with a descriptor that tells a poll when it is done."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from modemagent.channel.session import internal_error
from modemagent.errors import ModemAgentError

if TYPE_CHECKING:
    from modemagent.channel.port import Port


class ThreadedOpen:
    """A port being opened elsewhere.

    :param call: opens the port; may block for as long as it likes
    """

    def __init__(self, call: Callable[[], Port]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._abandoned = False
        self._outcome: Port | ModemAgentError | None = None
        self._wake, self._done = os.pipe2(os.O_CLOEXEC)
        threading.Thread(target=self._run, name="open", daemon=True).start()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when opening has ended."""
        return self._wake

    def take(self) -> Port:
        """Return the port.

        :raises ModemAgentError: it could not be opened
        """
        self._close()
        if isinstance(self._outcome, ModemAgentError):
            raise self._outcome
        if self._outcome is None:
            raise ModemAgentError("opening has not ended")
        return self._outcome

    def abandon(self) -> None:
        """Nobody waits any more: a port that opens later is closed at once."""
        with self._lock:
            self._abandoned = True
            self._close()
            if self._outcome is not None and not isinstance(self._outcome, ModemAgentError):
                self._outcome.close()

    def _close(self) -> None:
        wake, self._wake = self._wake, -1
        if wake >= 0:
            os.close(wake)

    def _run(self) -> None:
        outcome: Port | ModemAgentError
        try:
            outcome = self._call()
        except ModemAgentError as error:
            outcome = error
        except Exception as fault:  # noqa: BLE001 - told to the one who waits, in its own words
            outcome = internal_error(fault)
        with self._lock:
            if not self._abandoned:
                self._outcome = outcome
            elif not isinstance(outcome, ModemAgentError):
                outcome.close()
        os.close(self._done)
