"""The outbox file in use, and what is done when there can be none.

Four ways on: a full disk gives up its reserve; a damaged file is set aside, what is whole in it is
saved, and a new stream begins; where no file can be had, a queue in memory with a stream of its
own stands in; and when one can be had again, what waits in memory moves there.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from modemagent.logs import Log
from modemagent.report import reader
from modemagent.report.damaged import Salvage, forget_oldest, obstructed, salvage, set_aside
from modemagent.report.identity import Identity, settled
from modemagent.report.queue_file import QueueFile
from modemagent.report.reserve import Reserves
from modemagent.report.schema import DB_NAME, is_damage, is_full

T = TypeVar("T")
_IN_MEMORY_BYTES = 2 * 1024 * 1024


class Disk:
    """One state directory's outbox file; not to be used by two threads at once.

    :param limit_bytes: reports may take so many, compressed
    :raises OutboxError: a newer version wrote the file
    """

    file: QueueFile
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

    def do(self, use: str, work: Callable[[], T]) -> T:
        """Do it; on a full disk with the reserve, on a damaged file with a new one."""
        for _ in range(3):
            try:
                return work()
            except sqlite3.Error as error:
                if is_damage(error):
                    self._begin_anew(str(error))
                elif not is_full(error) or not self.reserves.open_up(use):
                    raise
                else:
                    effect = f"the reserve to {use} is used"
                    self._log.error("disk_full", file=str(self._path), effect=effect)
        return work()

    def tidy(self) -> None:
        """Make the reserves anew once there is room for them."""
        if not self.standing_in and not self.reserves.complete:
            # what was filled with reports is free inside the file: first to the disk with it
            self.file.give_back()
            self.reserves.keep()

    # -- opening, and opening anew

    def _open(self) -> None:
        try:
            self._take(QueueFile(self._path, limit_bytes=self._limit_bytes))
        except (sqlite3.Error, OSError) as error:
            if is_damage(error) or obstructed(self._path):
                self._begin_anew(str(error))
            else:
                self._stand_in(str(error), salvage(self._path))

    def _take(self, file: QueueFile, *, new_stream: bool = False, boot_count: int = 0) -> None:
        """Go on with this file."""
        identity, changed = settled(
            file.meta(), self._wanted_gateway_id, new_stream=new_stream, boot_count=boot_count
        )
        self.file, self.identity = file, identity
        # what can not be written now goes with the next report
        self.unwritten = changed
        if changed:
            with contextlib.suppress(sqlite3.Error):
                self.do("put", lambda: file.note(changed))
                self.unwritten = {}
        if not self.standing_in:
            self.reserves.keep()

    def _begin_anew(self, reason: str) -> None:
        """Set the file aside, save what is whole, and start a new stream."""
        with contextlib.suppress(AttributeError):
            self.file.close()
        try:
            aside = set_aside(self._path)
        except OSError as refused:
            self._stand_in(f"{reason}, and {refused.strerror}", salvage(self._path))
            return
        saved = salvage(aside)
        self._log.error(
            "outbox_damaged",
            reason=reason,
            set_aside=str(aside),
            saved=len(saved.reports),
            effect="a new stream begins; what could not be read was not sent",
        )
        for name in forget_oldest(self._path.parent):
            self._log.error("outbox_damaged_forgotten", file=name, reason="too many are set aside")
        try:
            file = QueueFile(self._path, limit_bytes=self._limit_bytes)
            file.append(saved.reports, saved.dead, saved.places)
        except (sqlite3.Error, OSError) as error:
            self._stand_in(str(error), saved)
            return
        self._take(file, new_stream=True, boot_count=saved.boot_count)

    def _stand_in(self, reason: str, saved: Salvage) -> None:
        """Keep the queue in memory, in a stream of its own, until a file can be had."""
        file = QueueFile(None, limit_bytes=_IN_MEMORY_BYTES)
        file.append(saved.reports, saved.dead, saved.places)
        self.standing_in = True
        self._take(file, new_stream=True, boot_count=saved.boot_count)
        self.why = f"reports are kept in memory only: {reason}"

    def return_to_disk(self) -> None:
        """End the stand-in.

        :raises sqlite3.Error, OSError: there is still no file to be had
        """
        file = QueueFile(self._path, limit_bytes=self._limit_bytes)
        try:
            # a file that could be read, but not written, has what was read from it
            there = {row[0] for row in file.db.execute("SELECT report_id FROM reports")}
            waiting = reader.stored(self.file.db, -1)
            places: dict[str, str | None] = dict.fromkeys(reader.places(file.db))
            file.append(
                [json.loads(each.body) for each in waiting if each.report_id not in there],
                [],
                places | reader.places(self.file.db),
                reader.dropped(self.file.db),
            )
        except BaseException:
            file.close()
            raise
        self.file.close()
        self.standing_in = False
        self._take(file, boot_count=self.identity.boot_count - 1)
