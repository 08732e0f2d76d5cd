"""A file system to install into: the running one, or an image in a directory.

Paths are as the installed system sees them, ``/etc/modemagent``. A link inside an image leads
where it would lead there, never out of the image.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections import deque
from pathlib import Path, PurePosixPath

from modemagent.errors import ModemAgentError

_MOST_LINKS = 40


class InstallError(ModemAgentError):
    """The files of an installation can not be put in place or taken away."""

    code = "installation"


class TargetRoot:
    """The files below one root."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @property
    def is_live(self) -> bool:
        """This is the system that runs now."""
        return self.root == Path("/")

    def place(self, path: str) -> Path:
        """Return where a path of the installed system is for us; its last part is not followed.

        :raises InstallError: links lead in circles
        """
        *folders, name = PurePosixPath(path).parts[1:]
        waiting, here, links = deque(folders), self.root, 0
        while waiting:
            part = waiting.popleft()
            if part == "..":
                here = here if here == self.root else here.parent
                continue
            there = here / part
            if there.is_symlink():
                links += 1
                if links > _MOST_LINKS:
                    raise InstallError(f"links lead in circles at {there}")
                target = PurePosixPath(there.readlink())
                waiting.extendleft(reversed([p for p in target.parts if p != "/"]))
                here = self.root if target.is_absolute() else here
                continue
            here = there
        return here / name

    def exists(self, path: str) -> bool:
        return os.path.lexists(self.place(path))

    def size(self, path: str) -> int:
        """Return the size of a file in bytes, 0 when there is none."""
        try:
            return self.place(path).lstat().st_size
        except OSError:
            return 0

    def text(self, path: str) -> str | None:
        """Return the text of a regular file; None for no file and for anything else."""
        place = self.place(path)
        if place.is_symlink() or not place.is_file():
            return None
        try:
            return place.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            raise InstallError(f"{path} can not be read: {error.strerror}") from None

    def link(self, path: str) -> str | None:
        """Return where a symbolic link leads; None when it is none."""
        place = self.place(path)
        return str(place.readlink()) if place.is_symlink() else None

    def write(self, path: str, text: str, mode: int) -> list[str]:
        """Write a file whole or not at all; return the directories that had to be made."""
        place = self.place(path)
        try:
            made = self._make_folders(path)
            number, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
            try:
                with os.fdopen(number, "w", encoding="utf-8", errors="surrogateescape") as file:
                    file.write(text)
                    file.flush()
                    os.fchmod(file.fileno(), mode)
                    os.fsync(file.fileno())
                Path(name).replace(place)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(name).unlink()
                raise
        except OSError as error:
            raise _not_written(path, error) from None
        return made

    def write_link(self, path: str, target: str) -> list[str]:
        """Make a symbolic link; return the directories that had to be made."""
        try:
            made = self._make_folders(path)
            self.place(path).symlink_to(target)
        except OSError as error:
            raise _not_written(path, error) from None
        return made

    def remove(self, path: str) -> None:
        """Remove a file, a link, or a directory with all that is in it."""
        place = self.place(path)
        try:
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
        except OSError as error:
            raise InstallError(f"{path} can not be removed: {error.strerror}") from None

    def remove_if_empty(self, folder: str) -> None:
        with contextlib.suppress(OSError):
            self.place(folder).rmdir()

    def check(self, path: str) -> None:
        """See that a file can be written here, without writing it.

        :raises InstallError: a link on the way leads to nothing, a file is in the way of a
            directory, or this user may not write there
        """
        for folder in reversed(PurePosixPath(path).parents[:-1]):
            place = self.place(str(folder))
            inside = self.place(f"{folder}/x").parent  # where it leads in this tree
            if inside.is_dir():
                continue
            if place.is_symlink():
                raise InstallError(
                    f"{folder} is a link to {place.readlink()}, which is no directory here",
                    hint=f"Make that directory first: mkdir -p {inside}",
                )
            if place.exists():
                raise InstallError(
                    f"{path} can not be written: {folder} is no directory",
                    hint=f"Move {place} away.",
                )
            break
        there = self.place(path).parent
        while not there.exists():
            there = there.parent
        if not os.access(there, os.W_OK | os.X_OK):
            is_fixed = os.statvfs(there).f_flag & os.ST_RDONLY
            number = errno.EROFS if is_fixed else errno.EACCES
            raise _not_written(path, OSError(number, os.strerror(number)))

    def _make_folders(self, path: str) -> list[str]:
        made = []
        for folder in reversed(PurePosixPath(path).parents[:-1]):
            place = self.place(str(folder))
            if not place.exists() and not place.is_symlink():
                place.mkdir()
                place.chmod(0o755)  # the service's user comes through, whatever the umask
                made.append(str(folder))
        return made


def _not_written(path: str, error: OSError) -> InstallError:
    hint = "Use sudo, or name a directory you may write with --root."
    if error.errno == errno.EROFS:
        hint = "Mount that file system for writing first, or install into an image with --root."
    return InstallError(f"{path} can not be written: {error.strerror}", hint=hint)


def digest(text: str) -> str:
    """Return the SHA-256 of a text, as the manifest keeps it."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
