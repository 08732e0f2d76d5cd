"""What an error of the outbox file means: the file is damaged, the disk is full, or another."""

from __future__ import annotations

import sqlite3

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# What the disk, its rights, the memory or another process may be to blame for (sqlite.org/rescode).
_NOT_THE_FILES = (
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
)
# said by the sqlite3 module itself, so without a code of SQLite's
_NO_TEXT = "Could not decode to UTF-8"


class DatabaseDamaged(sqlite3.DatabaseError):
    """The file is not what was written: torn, overwritten, of another kind."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def is_damage(error: BaseException) -> bool:
    """Tell whether an error in the midst of work says that the file is damaged.

    Text that is no UTF-8 is: whether it stood in a row or was cited in SQLite's own message.
    """
    if isinstance(error, UnicodeDecodeError):
        return True
    return _code(error) in _DAMAGED or _NO_TEXT in str(error)


def is_damage_at_the_opening(error: BaseException) -> bool:
    """Tell the same of an error met while a file is opened and looked through.

    All that is done then is the same each time, so what a whole file would not answer with is
    the file's fault.
    """
    return not isinstance(error, sqlite3.Error) or _code(error) not in _NOT_THE_FILES


def is_full(error: BaseException) -> bool:
    return _code(error) == sqlite3.SQLITE_FULL


def _code(error: BaseException) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF
