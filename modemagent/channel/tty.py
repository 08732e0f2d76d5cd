"""Local devices: USB serial ports, UARTs, PTYs, and WWAN ports without terminal settings.

The input is never flushed: bytes that wait when a port is opened are evidence.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import stat
import termios
from typing import Any, Final

from modemagent.channel import port_lock
from modemagent.channel.port import Port
from modemagent.channel.trace import Trace
from modemagent.errors import PortDenied, PortError, PortNotFound, UsageError
from modemagent.real_path import real_path

_CFLAG: Final = 2
#: Major numbers of devices that are not ports (Documentation/admin-guide/devices.txt of Linux):
#: memory with null, zero, full and random; miscellaneous with watchdog and tun; input. The lack of
#: terminal calls is not a criterion: /dev/wwan0at0 may have none.
_NOT_PORTS: Final = frozenset((1, 10, 13))
_MISSING: Final = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENOTDIR, errno.EIO)
_LIST_HINT: Final = "List the available ports with: modemagent list"


def open_tty(port: str, *, baud: int, trace: Trace | None = None) -> Port:
    """Open a local device, lock it and configure it; links are resolved first.

    :raises PortNotFound: there is no such device, or no hardware behind it
    :raises PortDenied: this user has no permission to open it
    :raises PortBusy: another program holds it
    """
    speed = _speed(baud)
    path = real_path(port)
    try:
        # checked before it is opened: opening some devices (a watchdog) has consequences
        status = os.stat(path)  # noqa: PTH116
        if not stat.S_ISCHR(status.st_mode):
            raise PortNotFound(f"{port} is not a device", port=port, hint=_LIST_HINT)
        if os.major(status.st_rdev) in _NOT_PORTS:
            raise PortNotFound(f"{port} is not a serial port", port=port, hint=_LIST_HINT)
        port_lock.check_lock_files(port, path)
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _open_error(port, path, error) from error
    try:
        port_lock.acquire(descriptor, port=port, path=path)
        try:
            saved = _configure(descriptor, port, speed)
        except BaseException:
            port_lock.release(descriptor)
            raise
    except BaseException:
        os.close(descriptor)
        raise

    def release(descriptor: int) -> None:
        if saved is not None:
            # in this order: setting or closing a terminal may wait for its output to drain
            with contextlib.suppress(termios.error):
                termios.tcflush(descriptor, termios.TCIOFLUSH)
            with contextlib.suppress(termios.error):
                termios.tcsetattr(descriptor, termios.TCSANOW, saved)
        port_lock.release(descriptor)

    return Port(port, descriptor, release=release, trace=trace)


def _configure(descriptor: int, port: str, speed: int) -> list[Any] | None:
    """Set every terminal attribute and return those to restore, None if the port has none."""
    try:
        saved = termios.tcgetattr(descriptor)
        # VMIN 1: with O_NONBLOCK an empty read then always means end of file, never "nothing yet"
        characters: list[Any] = [b"\0"] * len(saved[6])
        characters[termios.VMIN] = 1
        characters[termios.VTIME] = 0
        # 8N1, no flow control, modem lines ignored (CLOCAL), DTR stays up on close (no HUPCL)
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
        raise PortError(f"cannot configure {port}: {text}", port=port) from error
    # Everything is restored but one bit: with HUPCL the close that follows would drop DTR, upon
    # which many modems hang up or reset.
    saved[_CFLAG] &= ~termios.HUPCL
    return saved


def _speed(baud: int) -> int:
    speed = getattr(termios, f"B{baud}", None) if baud > 0 else None
    if not isinstance(speed, int):
        raise UsageError(
            f"this system does not support {baud} baud",
            hint="Common rates are 9600, 19200, 38400, 57600, 115200, 230400, 460800 and 921600.",
        )
    return speed


def _open_error(port: str, path: str, error: OSError) -> PortError:
    if error.errno in _MISSING:
        return PortNotFound(f"{port} does not exist", port=port, hint=_LIST_HINT)
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortDenied(f"no permission to open {port}", port=port, hint=_permission_hint(path))
    if error.errno == errno.EBUSY:
        return port_lock.busy(port, port_lock.find_holder(path))
    return PortError(f"cannot open {port}: {error.strerror}", port=port)


def _permission_hint(path: str) -> str:
    try:
        status = os.stat(path)  # noqa: PTH116
        group = grp.getgrgid(status.st_gid).gr_name
    except (OSError, KeyError):
        return "Have root grant access to it."
    if status.st_mode & stat.S_IWGRP and group not in ("root", "tty"):
        return f"Join its group with: sudo usermod -aG {group} $USER, then log in again."
    return "Have root grant access to it, or run this command as root."
