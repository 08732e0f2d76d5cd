"""Port locks: acquire one, respect those of other programs, find the holder.

Programs use different locks: flock (pyserial, picocom), TIOCEXCL (ModemManager, which ignores
flock), lock files (minicom, pppd). All three are respected; flock and TIOCEXCL are acquired. No
lock file is written, because one that outlives its writer does more harm than good.

A port that is only open elsewhere is not busy: shells, loggers and ``stty`` open ports too.
Programs that own their port but do not lock it, or only with an option, are recognized by name.
"""

import contextlib
import errno
import fcntl
import os
import stat
import sys
import termios
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from modemagent.errors import PortBusy
from modemagent.extras import install_command
from modemagent.real_path import real_path

LOCK_DIRS: Final = ("/run/lock", "/var/lock")
_TIOCGEXCL: Final = getattr(termios, "TIOCGEXCL", 0x80045440)  # in termios since Python 3.13
#: Programs found with a port open and none of the three locks (Debian 12: gpsd 3.22; minicom 2.8
#: with -o), or known to do so. Two readers of one port lose bytes to each other.
_OWNERS: Final = frozenset(
    (
        "asterisk", "brltty", "chat", "cu", "gammu-smsd", "gpsd", "minicom", "ModemManager",
        "ntpd", "picocom", "pppd", "screen", "smsd", "smstools", "tio", "wvdial",
    )
)  # fmt: skip
#: How long a list of these processes stays valid, in seconds: many ports are opened at once.
_OWNERS_VALID_S: Final = 0.01
_ROOT: Final = 0
_PTY_MASTER: Final = os.makedev(5, 2)
_PTY_MAJORS: Final = range(136, 144)


class Holder(NamedTuple):
    """The process that holds a port; a part is None if it cannot be determined."""

    pid: int | None
    name: str | None


def acquire(descriptor: int, *, port: str, path: str) -> None:
    """Lock an open terminal.

    Call :func:`check_lock_files` before opening it, and :func:`release` before closing it.

    :param port: as the user named it
    :param path: the device itself, links resolved
    :raises PortBusy: it is locked, by another process or by this one
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            status = os.fstat(descriptor)
            raise busy(port, _flock_holder(path) or _opener(status, but=descriptor)) from error
    if _is_exclusive(descriptor):
        # The flag outlives a killed holder as long as any process, such as the peer of a PTY,
        # keeps the terminal open. If no process can have set it, it is stale.
        holder = _opener(os.fstat(descriptor), but=descriptor, count_pty_peer=False)
        if holder is not None or not _sees_all_processes():
            raise busy(port, holder)
    owner = _owner(os.fstat(descriptor))
    if owner is not None:
        raise busy(port, owner)
    with contextlib.suppress(OSError):  # ENOTTY: a port without terminal calls (/dev/wwan0at0)
        fcntl.ioctl(descriptor, termios.TIOCEXCL)


def release(descriptor: int) -> None:
    """Undo :func:`acquire`; closing is not enough, as the terminal may be open elsewhere."""
    with contextlib.suppress(OSError):
        fcntl.ioctl(descriptor, termios.TIOCNXCL)
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def check_lock_files(port: str, path: str) -> None:
    """Check for a lock file of a process that uses the port.

    :raises PortBusy: there is one
    """
    holder = _lock_file_holder(port, path)
    if holder is not None:
        raise busy(port, holder)


def busy(port: str, holder: Holder | None) -> PortBusy:
    """Return the error for a port that another program holds."""
    pid, name = holder or (None, None)
    who = "another program" if holder is None else name or "a program"
    hint = f"Stop {name or 'that program'} and try again."
    if holder is None:
        hint = "Stop that program and try again. Only root can see which one it is."
    elif name == "ModemManager":
        hint = (
            f"To read the modem through ModemManager: {install_command('modemmanager')}. To share "
            "the modem, this udev rule keeps its second AT port free: "
            'ENV{MODEMAGENT_SECONDARY}=="1", ENV{ID_MM_PORT_IGNORE}="1". Or stop it with: '
            "systemctl stop ModemManager"
        )
    elif pid == os.getpid():
        hint = "This process already has it open."
    return PortBusy(
        f"{port} is held by {who}" + (f" (pid {pid})" if pid else ""),
        port=port,
        holder_pid=pid,
        holder_name=name,
        hint=hint,
    )


def find_holder(port: str) -> Holder | None:
    """Return the holder of a port without opening it: a lock, a lock file, or an open descriptor.

    A process that plays a modem on a PTY is the device, not its holder.

    >>> find_holder("/dev/null-and-void") is None
    True
    """
    path = real_path(port)
    holder = _lock_file_holder(port, path) or _flock_holder(path)
    if holder is None:
        with contextlib.suppress(OSError):
            holder = _opener(os.stat(path), count_pty_peer=False)
    return holder


# -- lock files


def _lock_file_holder(port: str, path: str) -> Holder | None:
    """Find the process that a lock file names, if that process really uses the device.

    Every user may write a file with any content there (mode 1777). A file therefore counts only if
    its process has the device open, or if both belong to root, whose descriptors others cannot see.
    """
    names = {path.removeprefix("/dev/").replace("/", "_"), os.path.basename(port)}
    for folder in LOCK_DIRS:
        for name in names:
            start, owner = _start_of(f"{folder}/LCK..{name}")
            pid = _pid_in(start)
            if pid is None or pid == os.getpid():
                continue
            if _has_open(pid, path) or owner == _owner_of(pid) == _ROOT:
                return Holder(pid, _name_of(pid))
    return None


def _has_open(pid: int, path: str) -> bool:
    try:
        device = os.stat(path)
    except OSError:
        return False
    return any(_is_same(device, other) for _, other in _descriptors(pid))


def _owner_of(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:  # there is no such process
        return None


def _pid_in(content: bytes) -> int | None:
    # ten ASCII characters by the standard (FHS 5.9), four bytes binary from old programs
    words = content.split()
    if words and words[0].isdigit():
        pid = int(words[0][:10])
    elif len(content) == 4:
        pid = int.from_bytes(content, sys.byteorder, signed=True)
    else:
        return None
    return pid if pid > 0 else None


# -- the kernel's locks


def _is_exclusive(descriptor: int) -> bool:
    try:
        return fcntl.ioctl(descriptor, _TIOCGEXCL, bytes(4)) != bytes(4)
    except OSError:
        return False


def _flock_holder(path: str) -> Holder | None:
    """Find the holder of a flock on this file in /proc/locks, by device and inode."""
    try:
        status = os.stat(path)
        with open("/proc/locks", encoding="ascii", errors="replace") as file:
            rows = file.read().splitlines()
    except OSError:
        return None
    device = status.st_dev
    key = f"{os.major(device):02x}:{os.minor(device):02x}:{status.st_ino}"
    for row in rows:
        words = row.split()
        # a row with "->" is a process that waits for the lock
        if len(words) >= 6 and words[1] != "->" and words[5] == key:
            pid = int(words[4])
            if pid <= 0:  # locked outside of this PID namespace
                return Holder(None, None)
            return Holder(pid, _name_of(pid))
    return None


# -- open descriptors


def _opener(
    device: os.stat_result, *, but: int | None = None, count_pty_peer: bool = True
) -> Holder | None:
    """Find a process that has the device open, the most likely holder first.

    :param but: a descriptor of this process that does not count
    :param count_pty_peer: count a process with the master of this PTY: one that plays a modem may
        keep the terminal open as well, and is the least likely holder
    """
    peer: Holder | None = None
    for pid in _pids():
        is_open = has_master = False
        for number, other in _descriptors(pid):
            if other.st_rdev == _PTY_MASTER:
                has_master = has_master or _is_master(pid, number, device)
            elif pid == os.getpid() and number == but:
                continue
            elif _is_same(device, other):
                is_open = True
        if not is_open:
            continue
        holder = Holder(pid, _name_of(pid))
        if not has_master:
            return holder
        if count_pty_peer:
            peer = peer or holder
    return peer


def _owner(device: os.stat_result) -> Holder | None:
    """Find a program that has the device open and owns its ports without locking them."""
    for pid, name in _owners(int(time.monotonic() / _OWNERS_VALID_S)):
        if any(_is_same(device, other) for _, other in _descriptors(pid)):
            return Holder(pid, name)
    return None


@lru_cache(maxsize=1)
def _owners(_: int) -> list[tuple[int, str]]:
    """Return the processes of such programs, listed once if many ports are opened at once.

    :param _: the time, as the key of the cache
    """
    return [(pid, name) for pid in _pids() if (name := _name_of(pid)) in _OWNERS and name]


def _pids() -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            yield int(name)


def _descriptors(pid: int) -> Iterator[tuple[int, os.stat_result]]:
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):  # the process has ended, or belongs to another user
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                status = os.stat(f"{folder}/{name}")
                if stat.S_ISCHR(status.st_mode):
                    yield int(name), status


def _is_master(pid: int, number: int, terminal: os.stat_result) -> bool:
    if os.major(terminal.st_rdev) not in _PTY_MAJORS:
        return False
    try:
        with open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii") as file:
            rows = file.read().splitlines()
    except OSError:
        return False
    return f"tty-index:\t{os.minor(terminal.st_rdev)}" in rows


def _is_same(device: os.stat_result, other: os.stat_result) -> bool:
    if other.st_rdev != device.st_rdev:
        return False
    # each container has PTYs of its own under the same numbers
    return os.major(device.st_rdev) not in _PTY_MAJORS or other.st_dev == device.st_dev


def _sees_all_processes() -> bool:
    return os.geteuid() == 0


def _name_of(pid: int) -> str | None:
    # without a file object, which takes twice as long: each opening looks at every process
    try:
        descriptor = os.open(f"/proc/{pid}/comm", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, 64).decode("utf-8", "replace").strip() or None
        finally:
            os.close(descriptor)
    except OSError:  # the process has ended
        return None


def _start_of(path: str) -> tuple[bytes, int | None]:
    """Return the first bytes of a regular file and its owner; never blocks, never follows a link.

    If there is no such file, they are b"" and None.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        descriptor = os.open(path, flags)
        try:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode):
                return os.read(descriptor, 64), status.st_uid
        finally:
            os.close(descriptor)
    return b"", None
