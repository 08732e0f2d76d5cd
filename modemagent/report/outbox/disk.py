"""The outbox file in use, and what is done when there can be none.

Four ways on: a full disk gives up its reserve; what is whole in a damaged file is saved to a new
one, which then takes its place, and a new stream begins; where no file can be had, a queue in
memory with a stream of its own stands in; and when one can be had again, what waits in memory
moves there.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from modemagent.logs import Log
from modemagent.report.outbox import reader, swap
from modemagent.report.outbox.faults import is_damage, is_full
from modemagent.report.outbox.queue_file import OutboxDatabase
from modemagent.report.outbox.reserve import Reserves
from modemagent.report.outbox.schema import BESIDE, DB_NAME
from modemagent.report.outbox.set_aside import forget_oldest, obstructed
from modemagent.report.outbox.stream import Identity, resolve_stream

if TYPE_CHECKING:
    from modemagent.report.outbox.damaged import Recovered

T = TypeVar("T")
_IN_MEMORY_BYTES = 2 * 1024 * 1024


class OutboxStorage:
    """One state directory's outbox file; not to be used by two threads at once.

    :param limit_bytes: reports may take so many, compressed
    :raises OutboxError: a newer version wrote the file
    """

    file: OutboxDatabase
    identity: Identity

    def __init__(
        self, state_dir: Path, *, gateway_id: str | None, limit_bytes: int, log: Log
    ) -> None:
        self._path = state_dir / DB_NAME
        self._wanted_gateway_id = gateway_id
        self._limit_bytes = limit_bytes
        self._log = log
        self.reserves = Reserves(state_dir)
        self.standing_in = False
        #: why the queue is in memory only
        self.why = ""
        #: what of the identity is not on disk yet; goes with the next report
        self.unwritten: dict[str, str] = {}
        self._open()

    def run_with_recovery(self, use: str, work: Callable[[], T]) -> T:
        """Do it; on a full disk with the reserve, on a damaged file with a new one."""
        for _ in range(3):
            try:
                return work()
            except (sqlite3.Error, UnicodeDecodeError) as error:
                if is_damage(error):
                    self._begin_anew(str(error))
                elif not is_full(error) or not self._open_up(use):
                    raise
        return work()

    def _open_up(self, use: str) -> bool:
        given_up = self.reserves.release(use)
        if given_up:
            effect = f"the reserve to {use} is used"
            self._log.error("disk_full", file=str(self._path), effect=effect)
        return given_up

    def tidy(self) -> None:
        """Make the reserves anew once there is room for them."""
        if not self.standing_in and not self.reserves.complete:
            # what was filled with reports is free inside the file: first to the disk with it
            self.file.give_back()
            self.reserves.allocate()

    # -- opening, and opening anew

    def _open(self) -> None:
        try:
            swap.settle(self._path)
            self._take(OutboxDatabase(self._path, limit_bytes=self._limit_bytes))
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            if is_damage(error) or obstructed(self._path):
                self._begin_anew(str(error))
            else:
                self._stand_in(str(error), _saved_from(swap.pending(self._path) or self._path))

    def _take(self, file: OutboxDatabase, *, boot_count: int = 0) -> None:
        """Go on with this file."""
        identity, changed = resolve_stream(
            file.meta(), self._wanted_gateway_id, boot_count=boot_count
        )
        self.file, self.identity = file, identity
        # what can not be written now goes with the next report
        self.unwritten = changed
        if changed:
            with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
                self.run_with_recovery("put", lambda: file.note(changed))
                self.unwritten = {}
        if not self.standing_in:
            self.reserves.allocate()

    def _begin_anew(self, reason: str) -> None:
        """Save what is whole to a new file, in a new stream, and put it in the old one's place."""
        with contextlib.suppress(AttributeError):
            self.file.close()
        saved = _saved_from(self._path)
        try:
            file = self._replace(reason, saved)
        except (sqlite3.Error, OSError) as error:
            self._stand_in(f"{reason}, and no new file can be had: {error}", saved)
        else:
            self._take(file)

    def _replace(self, reason: str, saved: Recovered) -> OutboxDatabase:
        """Put a new file with these contents in the place of the damaged one.

        :raises sqlite3.Error, OSError: no such file can be had; the damaged one stays
        """
        new = swap.name_for_new(self._path)
        try:
            while True:
                try:
                    self._make(new, saved)
                    break
                except sqlite3.Error as error:
                    if not is_full(error) or not self._open_up("put"):
                        raise
            aside = swap.put_in_place(new, self._path)
        except BaseException:
            if swap.pending(self._path) is None:
                with contextlib.suppress(OSError):
                    swap.discard(new)
            raise
        self._log.error(
            "outbox_quarantined",
            reason=reason,
            set_aside=str(aside),
            saved=len(saved.reports),
            effect="a new stream begins; what could not be read was not sent",
        )
        for name in forget_oldest(self._path.parent):
            self._log.error("quarantine_pruned", file=name, reason="too many are set aside")
        return OutboxDatabase(self._path, limit_bytes=self._limit_bytes)

    def _make(self, new: Path, saved: Recovered) -> None:
        """Write a file that holds this, and nothing beside it.

        :raises sqlite3.Error, OSError: there is no room, or no right to
        """
        swap.discard(new)
        file = OutboxDatabase(new, limit_bytes=self._limit_bytes)
        try:
            file.append(saved.reports, saved.dead, saved.places, meta=saved.notes)
            file.shorten_log()
        finally:
            file.close()
        if any(Path(f"{new}{suffix}").exists() for suffix in BESIDE):
            raise OSError("its log can not be brought into it")

    def _stand_in(self, reason: str, saved: Recovered) -> None:
        """Keep the queue in memory, in a stream of its own, until a file can be had."""
        file = OutboxDatabase(None, limit_bytes=_IN_MEMORY_BYTES)
        file.append(saved.reports, saved.dead, saved.places, meta=saved.notes)
        self.standing_in = True
        self._take(file)
        self.why = f"reports are kept in memory only: {reason}"

    def return_to_disk(self) -> None:
        """End the stand-in.

        :raises sqlite3.Error, OSError: there is still no file to be had
        """
        swap.settle(self._path)
        try:
            file = OutboxDatabase(self._path, limit_bytes=self._limit_bytes)
        except (sqlite3.Error, OSError) as error:
            if not (is_damage(error) or obstructed(self._path)):
                raise
            # what was whole in it is in memory since, or was delivered
            file = self._replace(str(error), self._in_memory())
        else:
            self._add_what_is_in_memory(file)
        self.file.close()
        self.standing_in = False
        self._take(file, boot_count=self.identity.boot_count - 1)

    def _in_memory(self) -> Recovered:
        from modemagent.report.outbox.damaged import Recovered

        return Recovered(
            reports=[json.loads(each.body) for each in reader.stored(self.file.db, -1)],
            dead=[
                (each.stored, each.why, each.set_aside_at)
                for each in reversed(reader.dead(self.file.db, -1))
            ],
            places=dict(reader.places(self.file.db)),
            notes={
                "gateway_id": self.identity.gateway_id,
                "dropped": str(reader.dropped(self.file.db)),
            },
        )

    def _add_what_is_in_memory(self, file: OutboxDatabase) -> None:
        """Put it behind what a file has; close the file when that can not be done."""
        try:
            # a file that could be read, but not written, has what was read from it
            asked = "SELECT report_id FROM reports UNION ALL SELECT report_id FROM dead"
            there = {row[0] for row in file.db.execute(asked)}
            memory = self._in_memory()
            file.append(
                [each for each in memory.reports if each["report_id"] not in there],
                [each for each in memory.dead if each[0].report_id not in there],
                dict.fromkeys(reader.places(file.db)) | memory.places,
                reader.dropped(self.file.db),
            )
        except BaseException:
            file.close()
            raise


def _saved_from(path: Path) -> Recovered:
    # much that is hardly ever needed: loaded when it is
    from modemagent.report.outbox.damaged import recover

    return recover(path)
