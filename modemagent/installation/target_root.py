"""Root of the target file system: the running one, or an image in a directory.

Paths are those of the installed system, such as ``/etc/modemagent``. Links inside an image are
resolved within the image, never out of it.
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

_MAX_LINKS = 40


class InstallError(ModemAgentError):
    """The files of an installation cannot be written or removed."""

    code = "installation"


class TargetRoot:
    """The files below one root."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @property
    def is_live(self) -> bool:
        """True for the running system."""
        return self.root == Path("/")

    def locate(self, path: str) -> Path:
        """Return the path on this machine; a link in the last part is not followed.

        :raises InstallError: there is a loop of links
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
                if links > _MAX_LINKS:
                    raise InstallError(f"loop of symbolic links at {there}")
                target = PurePosixPath(there.readlink())
                waiting.extendleft(reversed([p for p in target.parts if p != "/"]))
                here = self.root if target.is_absolute() else here
                continue
            here = there
        return here / name

    def exists(self, path: str) -> bool:
        return os.path.lexists(self.locate(path))

    def size(self, path: str) -> int:
        """Return the size of a file in bytes, 0 if it does not exist."""
        try:
            return self.locate(path).lstat().st_size
        except OSError:
            return 0

    def text(self, path: str) -> str | None:
        """Return the text of a regular file, None if there is no such file."""
        place = self.locate(path)
        if place.is_symlink() or not place.is_file():
            return None
        try:
            return place.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            raise InstallError(f"cannot read {path}: {error.strerror}") from None

    def link(self, path: str) -> str | None:
        """Return the target of a symbolic link, None if the path is not one."""
        place = self.locate(path)
        return str(place.readlink()) if place.is_symlink() else None

    def write(self, path: str, text: str, mode: int) -> list[str]:
        """Write a file atomically and return the directories created for it."""
        place = self.locate(path)
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
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            raise _write_error(path, error) from None
        return made

    def write_link(self, path: str, target: str) -> list[str]:
        """Make a symbolic link and return the directories created for it."""
        try:
            made = self._make_folders(path)
            self.locate(path).symlink_to(target)
        except OSError as error:
            raise _write_error(path, error) from None
        return made

    def remove(self, path: str) -> None:
        """Remove a file, a link, or a directory with its contents."""
        place = self.locate(path)
        try:
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
        except OSError as error:
            raise InstallError(f"cannot remove {path}: {error.strerror}") from None

    def remove_if_empty(self, folder: str) -> None:
        with contextlib.suppress(OSError):
            self.locate(folder).rmdir()

    def check(self, path: str) -> None:
        """Check that a file can be written, without writing it.

        :raises InstallError: a link in the path is dangling, a file is in place of a
            directory, or this user has no write permission
        """
        for folder in reversed(PurePosixPath(path).parents[:-1]):
            place = self.locate(str(folder))
            inside = self.locate(f"{folder}/x").parent  # its target within this root
            if inside.is_dir():
                continue
            if place.is_symlink():
                raise InstallError(
                    f"{folder} is a link to {place.readlink()}, which is not a directory here",
                    hint=f"Create that directory first: mkdir -p {inside}",
                )
            if place.exists():
                raise InstallError(
                    f"cannot write {path}: {folder} is not a directory",
                    hint=f"Move {place} away.",
                )
            break
        there = self.locate(path).parent
        while not there.exists():
            there = there.parent
        if not os.access(there, os.W_OK | os.X_OK):
            is_fixed = os.statvfs(there).f_flag & os.ST_RDONLY
            number = errno.EROFS if is_fixed else errno.EACCES
            raise _write_error(path, OSError(number, os.strerror(number)))

    def _make_folders(self, path: str) -> list[str]:
        made = []
        for folder in reversed(PurePosixPath(path).parents[:-1]):
            place = self.locate(str(folder))
            if not place.exists() and not place.is_symlink():
                place.mkdir()
                place.chmod(0o755)  # accessible to the service's user, whatever the umask
                made.append(str(folder))
        return made


def _write_error(path: str, error: OSError) -> InstallError:
    hint = "Use sudo, or install into a directory of your own with --root."
    if error.errno == errno.EROFS:
        hint = "Mount that file system read-write first, or install into an image with --root."
    return InstallError(f"cannot write {path}: {error.strerror}", hint=hint)


def digest(text: str) -> str:
    """Return the SHA-256 of a text, as in the manifest."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
