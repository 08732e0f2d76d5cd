"""Who holds a port, and taking it for ourselves.

Three customs exist side by side and each has its believers: ``LCK..`` files (minicom, pppd),
flock (gammu, picocom) and TIOCEXCL (ModemManager, which never looks at flock; root passes it).
So all three are read and the last two are taken. LCK files are never written.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import tempfile
from pathlib import Path
from typing import NamedTuple

from modemagent.errors import PortBusy, PortDenied, PortNotFound

_TIOCEXCL, _TIOCNXCL, _TIOCGEXCL = 0x540C, 0x540D, 0x80045440
_LOCK_FOLDERS = (Path("/run/lock"), Path("/var/lock"))
_PTY_SLAVE_MAJORS = range(136, 144)
_BUSY_HINT = "stop that program or let it finish, then try again"


class Holder(NamedTuple):
    """A process that holds a port; what can not be found out is None."""

    pid: int | None
    name: str | None


def claim(port: str) -> int:
    """Open a device for ourselves alone and return its file descriptor, not blocking.

    :raises PortNotFound, PortDenied, PortBusy:
    """
    path = os.path.realpath(port)
    if (holder := _lock_file_holder(path)) is not None:
        raise _busy(port, holder)
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unopened(port, path, error) from error
    try:
        if not stat.S_ISCHR(os.fstat(fd).st_mode):
            raise PortNotFound(
                f"{port} is no serial device", port=port, hint="name a port that `list` shows"
            )
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _busy(port, find_holder(path)) from error
        if _is_exclusive(fd) and not _is_left_over(fd):
            raise _busy(port, find_holder(path))
        _set_exclusive(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def release(fd: int) -> None:
    """Give a claimed device back; closes the descriptor."""
    try:
        fcntl.ioctl(fd, _TIOCNXCL)
        _record(fd).unlink(missing_ok=True)
    except OSError:
        pass  # the device is gone, or never was a tty
    finally:
        os.close(fd)


def find_holder(port: str) -> Holder | None:
    """Return who holds or has open a port, None when nobody does. Opens nothing."""
    path = os.path.realpath(port)
    found = _lock_file_holder(path) or _flock_holder(path)
    if found is not None:
        return found
    try:
        device = os.stat(path).st_rdev
    except OSError:
        return None
    for pid in _processes():
        if pid == os.getpid() or not _has_open(pid, path):
            continue
        if not _is_master_owner(pid, device):
            return Holder(pid, _name(pid))
    return None


def _busy(port: str, holder: Holder | None) -> PortBusy:
    pid, name = holder if holder is not None else (None, None)
    who = f"{name or 'another program'}, pid {pid}" if pid is not None else "another program"
    return PortBusy(
        f"{port} is held by {who}", port=port, holder_pid=pid, holder_name=name, hint=_BUSY_HINT
    )


def _unopened(port: str, path: str, error: OSError) -> Exception:
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortDenied(
            f"no permission to open {port}",
            port=port,
            hint="add yourself to the group dialout (sudo adduser $USER dialout) and log in again",
        )
    if error.errno == errno.EBUSY:
        return _busy(port, find_holder(path))
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR, errno.EIO):
        return PortNotFound(
            f"{port} does not exist",
            port=port,
            hint="`modemagent list` shows the ports that do",
        )
    return PortNotFound(f"{port} can not be opened: {error.strerror}", port=port)


def _is_exclusive(fd: int) -> bool:
    try:
        answer = fcntl.ioctl(fd, _TIOCGEXCL, b"\0\0\0\0")
    except OSError:
        return False  # no tty: a kernel WWAN port
    return bool(struct.unpack("i", answer)[0])


def _set_exclusive(fd: int) -> None:
    try:
        fcntl.ioctl(fd, _TIOCEXCL)
        _record(fd).write_text(str(os.getpid()))
    except OSError:
        pass  # flock holds it all the same


def _record(fd: int) -> Path:
    """Where we note that it was us who set TIOCEXCL on this device.

    The flag outlives a killed process when somebody else has the device open, as the other end
    of a PTY mostly does; without the note the port would stay busy for ever.
    """
    device = os.fstat(fd).st_rdev
    folder = next((f for f in _LOCK_FOLDERS if os.access(f, os.W_OK)), Path(tempfile.gettempdir()))
    return folder / f"modemagent-{os.major(device)}-{os.minor(device)}"


def _is_left_over(fd: int) -> bool:
    try:
        pid = int(_record(fd).read_text())
    except (OSError, ValueError):
        return False
    return not _is_alive(pid)


def _lock_file_holder(path: str) -> Holder | None:
    for folder in _LOCK_FOLDERS:
        try:
            text = (folder / f"LCK..{os.path.basename(path)}").read_bytes()
        except OSError:
            continue
        # ASCII with blanks in front (HDB UUCP), or four bytes of a binary pid (old Kermit)
        words = text.split()
        try:
            pid = int(words[0]) if words else 0
        except ValueError:
            pid = struct.unpack("i", text)[0] if len(text) == 4 else 0
        if pid > 0 and pid != os.getpid() and _is_alive(pid):
            return Holder(pid, _name(pid))
    return None


def _flock_holder(path: str) -> Holder | None:
    try:
        about = os.stat(path)
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return None
    wanted = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"
    for line in lines:
        words = line.split()
        if "FLOCK" in words and wanted in words and "->" not in words:
            pid = int(words[4])
            return Holder(pid, _name(pid)) if pid > 0 else Holder(None, None)
    return None


def _processes() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _has_open(pid: int, path: str) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        return any(_target(f"{folder}/{entry}") == path for entry in os.listdir(folder))
    except OSError:
        return False  # gone meanwhile, or not ours to look into


def _is_master_owner(pid: int, device: int) -> bool:
    """The process at the other end of a PTY is the device, not a user of it."""
    if os.major(device) not in _PTY_SLAVE_MAJORS:
        return False
    index = os.minor(device) + 256 * (os.major(device) - _PTY_SLAVE_MAJORS[0])
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            if _target(f"/proc/{pid}/fd/{entry}").endswith("ptmx"):
                about = Path(f"/proc/{pid}/fdinfo/{entry}").read_text()
                if f"tty-index:\t{index}\n" in about:
                    return True
    except OSError:
        return False
    return False


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _name(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() or None
    except OSError:
        return None
