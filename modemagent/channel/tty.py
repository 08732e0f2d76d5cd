"""The line settings of a tty: every field set, the old ones kept and put back.

A tty is left by other programs in any mood (cooked, echoing, VMIN 0, flow control on), so nothing
is taken over. What has no line settings (``/dev/wwan0at0``) says ENOTTY and needs none.
"""

from __future__ import annotations

import contextlib
import termios
from typing import Any

from modemagent.errors import UsageError

Saved = list[Any]

_SPEEDS = {
    int(name[1:]): getattr(termios, name)
    for name in dir(termios)
    if name[0] == "B" and name[1:].isdigit() and name != "B0"
}


def make_raw(fd: int, baud: int) -> Saved | None:
    """Set the line to raw 8N1 at ``baud`` without flow control; return what was set before.

    :returns: None when the port has no line settings
    :raises UsageError: the speed is not one a tty can be set to
    """
    if baud not in _SPEEDS:
        raise UsageError(
            f"{baud} is no speed of a serial line", hint="use 9600, 115200 or another usual one"
        )
    try:
        saved = termios.tcgetattr(fd)
    except termios.error:
        return None
    control = list(saved[6])
    control[termios.VMIN], control[termios.VTIME] = 1, 0
    # CLOCAL: no modem line decides whether we may talk. No HUPCL: closing must not drop DTR,
    # which ends a data call or resets the module on many boards.
    flags = termios.CS8 | termios.CREAD | termios.CLOCAL
    try:
        termios.tcsetattr(
            fd, termios.TCSANOW, [0, 0, flags, 0, _SPEEDS[baud], _SPEEDS[baud], control]
        )
    except termios.error:
        return None
    return saved


def put_back(fd: int, saved: Saved | None) -> None:
    """Throw away what is unsent and unread, and restore the settings; never waits.

    Draining (tcdrain) would wait for ever on a peer that has stopped reading.
    """
    with contextlib.suppress(termios.error):
        termios.tcflush(fd, termios.TCIOFLUSH)
        if saved is not None:
            termios.tcsetattr(fd, termios.TCSANOW, saved)
