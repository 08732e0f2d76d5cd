"""One program at a time on a port: taking it, and telling who has it.

Programs do not agree on how to say "mine": flock (pyserial, picocom), TIOCEXCL (ModemManager,
which never looks at flock), lock files (minicom, pppd). All three are heeded; flock and TIOCEXCL
are taken. No lock file is written: one that outlives its writer is worse than none.

A port that somebody merely has open is not busy: shells, loggers and ``stty`` do that. Programs
that live by a port and lock it not at all, or only when told to, are known by name.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import struct
import termios
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from modemagent.errors import PortBusy

LOCK_DIRS: Final = ("/run/lock", "/var/lock")
_TIOCGEXCL: Final = getattr(termios, "TIOCGEXCL", 0x80045440)  # in termios from Python 3.13 on
#: Seen with a port open and none of the three locks (Debian 12: gpsd 3.22; minicom 2.8 with -o), or
#: known for it. A second reader takes bytes away from them, and they from it.
_OWNERS: Final = frozenset(
    (
        "asterisk", "brltty", "chat", "cu", "gammu-smsd", "gpsd", "minicom", "ModemManager",
        "ntpd", "picocom", "pppd", "screen", "smsd", "smstools", "tio", "wvdial",
    )
)  # fmt: skip
_OWNERS_LAST_S: Final = 0.01
_PTY_MASTER: Final = os.makedev(5, 2)
_PTY_MAJORS: Final = range(136, 144)


class Holder(NamedTuple):
    """Who has a port; each part None when it can not be found out."""

    pid: int | None
    name: str | None


def acquire(descriptor: int, *, port: str, path: str) -> None:
    """Make an open terminal ours.

    Call :func:`check_lock_files` before opening it, and :func:`release` before closing it.

    :param port: as the user named it
    :param path: the device itself, links resolved
    :raises PortBusy: it is somebody else's; the lock of this very process counts as well
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            about = os.fstat(descriptor)
            raise busy(port, _flock_holder(path) or _opener(about, but=descriptor)) from error
    if _is_exclusive(descriptor):
        # The flag outlives a killed holder for as long as anybody, such as the far side of a
        # PTY, keeps the terminal open. With nobody there who could have set it, it is stale.
        holder = _opener(os.fstat(descriptor), but=descriptor, far_side=False)
        if holder is not None or not _sees_everyone():
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
    """Look for a lock file of a live process.

    :raises PortBusy: there is one
    """
    holder = _lock_file_holder(port, path)
    if holder is not None:
        raise busy(port, holder)


def busy(port: str, holder: Holder | None) -> PortBusy:
    """Return the error for a port that somebody else has."""
    pid, name = holder or (None, None)
    who = f"held by {name or 'a program'}" + (f" (pid {pid})" if pid else "")
    if holder is None:
        who = "held by another program"
    hint = f"stop {name or 'that program'} and try again"
    if holder is None:
        hint += "; only root can see which one it is"
    elif name == "ModemManager":
        hint = (
            "pip install 'modemagent[modemmanager]' and it is read through ModemManager; to share "
            "the modem, this udev rule leaves its second AT port free: "
            'ENV{MODEMAGENT_SECONDARY}=="1", ENV{ID_MM_PORT_IGNORE}="1"; or: '
            "systemctl stop ModemManager"
        )
    elif pid == os.getpid():
        hint = "this very process has it open already"
    return PortBusy(f"{port} is {who}", port=port, holder_pid=pid, holder_name=name, hint=hint)


def find_holder(port: str) -> Holder | None:
    """Tell who holds a port, without opening it: a lock, a lock file, or an open descriptor.

    Who plays a modem on a PTY is the device and not its holder.

    >>> find_holder("/dev/null-and-void") is None
    True
    """
    path = os.path.realpath(port)
    holder = _lock_file_holder(port, path) or _flock_holder(path)
    if holder is None:
        with contextlib.suppress(OSError):
            holder = _opener(os.stat(path), far_side=False)
    return holder


# -- lock files


def _lock_file_holder(port: str, path: str) -> Holder | None:
    names = {path.removeprefix("/dev/").replace("/", "_"), os.path.basename(port)}
    for folder in LOCK_DIRS:
        for name in names:
            # everybody may put something there (mode 1777): a FIFO would be waited at for ever
            pid = _pid_in(_start_of(f"{folder}/LCK..{name}"))
            if pid is not None and pid != os.getpid() and os.path.exists(f"/proc/{pid}"):
                return Holder(pid, _name_of(pid))
    return None


def _pid_in(content: bytes) -> int | None:
    # ten characters of ASCII by the book (FHS 5.9), four bytes binary from old programs
    words = content.split()
    if words and words[0].isdigit():
        pid = int(words[0][:10])
    elif len(content) == 4:
        (pid,) = struct.unpack("=i", content)
    else:
        return None
    return pid if pid > 0 else None


# -- the kernel's locks


def _is_exclusive(descriptor: int) -> bool:
    try:
        answer = fcntl.ioctl(descriptor, _TIOCGEXCL, bytes(4))
    except OSError:
        return False
    return answer != bytes(4)


def _flock_holder(path: str) -> Holder | None:
    """Find the owner of a lock on this very file in /proc/locks, by device and inode."""
    try:
        about = os.stat(path)
        with open("/proc/locks", encoding="ascii", errors="replace") as file:
            table = file.read().splitlines()
    except OSError:
        return None
    device = about.st_dev
    key = f"{os.major(device):02x}:{os.minor(device):02x}:{about.st_ino}"
    for row in table:
        words = row.split()
        # a row with "->" waits for the lock and does not have it
        if len(words) >= 6 and words[1] != "->" and words[5] == key:
            pid = int(words[4])
            if pid <= 0:  # taken outside of our PID namespace
                return Holder(None, None)
            return Holder(pid, _name_of(pid))
    return None


# -- open descriptors


def _opener(
    about: os.stat_result, *, but: int | None = None, far_side: bool = True
) -> Holder | None:
    """Find who else has the device open, most likely holder first.

    :param about: of the device itself
    :param but: a descriptor of our own that does not count
    :param far_side: count processes that have the master of this PTY: who plays a modem on it
        may keep the terminal open as well, and is the least likely holder
    """
    last: Holder | None = None
    for pid in _pids():
        opens = has_master = False
        for number, other in _descriptors(pid):
            if other.st_rdev == _PTY_MASTER:
                has_master = has_master or _is_master(pid, number, about)
            elif pid == os.getpid() and number == but:
                continue
            elif _is_same(about, other):
                opens = True
        if not opens:
            continue
        holder = Holder(pid, _name_of(pid))
        if not has_master:
            return holder
        if far_side:
            last = last or holder
    return last


def _owner(about: os.stat_result) -> Holder | None:
    """Find a program that has the device open and lives by it, though it locks nothing."""
    for pid, name in _owners(int(time.monotonic() / _OWNERS_LAST_S)):
        if any(_is_same(about, other) for _, other in _descriptors(pid)):
            return Holder(pid, name)
    return None


@lru_cache(maxsize=1)
def _owners(_: int) -> list[tuple[int, str]]:
    """Return the processes of such programs; looked for once when many ports are opened at once.

    :param _: the moment
    """
    return [(pid, name) for pid in _pids() if (name := _name_of(pid)) in _OWNERS and name]


def _pids() -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            yield int(name)


def _descriptors(pid: int) -> Iterator[tuple[int, os.stat_result]]:
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):  # it ended, or is another user's
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                about = os.stat(f"{folder}/{name}")
                if stat.S_ISCHR(about.st_mode):
                    yield int(name), about


def _is_master(pid: int, number: int, terminal: os.stat_result) -> bool:
    if os.major(terminal.st_rdev) not in _PTY_MAJORS:
        return False
    try:
        with open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii") as file:
            rows = file.read().splitlines()
    except OSError:
        return False
    return f"tty-index:\t{os.minor(terminal.st_rdev)}" in rows


def _is_same(ours: os.stat_result, other: os.stat_result) -> bool:
    if other.st_rdev != ours.st_rdev:
        return False
    # each container has PTYs of its own under the same numbers
    return os.major(ours.st_rdev) not in _PTY_MAJORS or other.st_dev == ours.st_dev


def _sees_everyone() -> bool:
    return os.geteuid() == 0


def _name_of(pid: int) -> str | None:
    # without a file object, which takes twice as long: every process is asked at each opening
    return _start_of(f"/proc/{pid}/comm").decode("utf-8", "replace").strip() or None


def _start_of(path: str) -> bytes:
    """Return the first bytes of a file, b"" when it is none or can not be read; never waits."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.read(descriptor, 64) if regular else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)
