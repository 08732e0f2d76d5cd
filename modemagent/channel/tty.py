"""Terminals: /dev/ttyUSB2, a UART, a PTY, and ports such as /dev/wwan0at0 that are none.

The input is never flushed: what is waiting when a port is opened is evidence.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import termios
from typing import TYPE_CHECKING, Any, Final

from modemagent.channel import lock
from modemagent.channel.port import Port
from modemagent.errors import PortDenied, PortError, PortNotFound, UsageError

if TYPE_CHECKING:
    from modemagent.channel.trace import Trace

_CFLAG: Final = 2
#: Kinds of devices that are no ports (Documentation/admin-guide/devices.txt of Linux): memory
#: with null, zero, full and random; miscellaneous with watchdog and tun; input. That a device
#: has no terminal calls proves nothing: /dev/wwan0at0 may have none.
_NO_PORTS: Final = frozenset((1, 10, 13))
_NOT_THERE: Final = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENOTDIR, errno.EIO)


def open_tty(port: str, *, baud: int, trace: Trace | None = None) -> Port:
    """Open a terminal, take its locks and set it; links are resolved first.

    :raises PortNotFound: no such device, or no hardware behind it
    :raises PortDenied: this user may not open it
    :raises PortBusy: somebody else holds it
    """
    speed = _speed(baud)
    path = os.path.realpath(port)
    try:
        # looked at before it is opened: opening some devices (a watchdog) has consequences
        about = os.stat(path)  # noqa: PTH116
        if not stat.S_ISCHR(about.st_mode):
            raise PortNotFound(f"{port} is no device", port=port, hint=_LIST_HINT)
        if os.major(about.st_rdev) in _NO_PORTS:
            raise PortNotFound(f"{port} is no serial port", port=port, hint=_LIST_HINT)
        lock.check_lock_files(port, path)
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(port, path, error) from error
    try:
        lock.acquire(descriptor, port=port, path=path)
        try:
            before = _set(descriptor, port, speed)
        except BaseException:
            lock.release(descriptor)
            raise
    except BaseException:
        os.close(descriptor)
        raise

    def release(descriptor: int) -> None:
        if before is not None:
            # in this order: setting or closing a terminal may wait for its output to drain
            with contextlib.suppress(termios.error):
                termios.tcflush(descriptor, termios.TCIOFLUSH)
            with contextlib.suppress(termios.error):
                termios.tcsetattr(descriptor, termios.TCSANOW, before)
        lock.release(descriptor)

    return Port(port, descriptor, release=release, trace=trace)


def _set(descriptor: int, port: str, speed: int) -> list[Any] | None:
    """Set every field and return what to put back; None when the port has no settings."""
    try:
        before = termios.tcgetattr(descriptor)
        # VMIN 1: with O_NONBLOCK an empty read then always means the end, never "nothing yet"
        characters: list[Any] = [b"\0"] * len(before[6])
        characters[termios.VMIN] = 1
        characters[termios.VTIME] = 0
        # 8N1, no flow control, deaf to modem lines (CLOCAL), DTR stays up on close (no HUPCL)
        cflag = termios.CS8 | termios.CREAD | termios.CLOCAL
        wanted: list[Any] = [0, 0, cflag, 0, speed, speed, characters]
        termios.tcsetattr(descriptor, termios.TCSANOW, wanted)
    except termios.error as error:
        number, text = error.args[0], error.args[-1]
        if number == errno.ENOTTY:
            return None
        if number in (errno.EIO, errno.ENODEV):
            raise PortNotFound(
                f"{port} has no hardware behind it", port=port, hint=_LIST_HINT
            ) from error
        raise PortError(f"{port} can not be set: {text}", port=port) from error
    # Everything goes back but one bit: with HUPCL the close behind it would drop DTR, upon
    # which many modems hang up or reset.
    before[_CFLAG] &= ~termios.HUPCL
    return before


def _speed(baud: int) -> int:
    speed = getattr(termios, f"B{baud}", None) if baud > 0 else None
    if not isinstance(speed, int):
        raise UsageError(
            f"{baud} is no baud rate of this system",
            hint="the usual ones are 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600",
        )
    return speed


_LIST_HINT: Final = "modemagent list shows the ports there are"


def _refused(port: str, path: str, error: OSError) -> PortError:
    if error.errno in _NOT_THERE:
        return PortNotFound(f"{port} is not there", port=port, hint=_LIST_HINT)
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortDenied(f"this user may not open {port}", port=port, hint=_permission_hint(path))
    if error.errno == errno.EBUSY:
        return lock.busy(port, lock.find_holder(path))
    return PortError(f"{port} can not be opened: {error.strerror}", port=port)


def _permission_hint(path: str) -> str:
    import grp

    try:
        about = os.stat(path)  # noqa: PTH116
        group = grp.getgrgid(about.st_gid).gr_name
    except (OSError, KeyError):
        return "ask root for access to it"
    if about.st_mode & stat.S_IWGRP and group not in ("root", "tty"):
        return f"add yourself to its group: sudo usermod -aG {group} $USER, then log in again"
    return "ask root for access to it, or run this as root"
