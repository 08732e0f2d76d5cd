"""Background work of a registry process: the timers, and notifications of other processes."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from modemagent.registry.api.auth import masked_text
from modemagent.registry.looks import Looks
from modemagent.registry.outbound import messages
from modemagent.registry.store.assets import case_sightings, receipts
from modemagent.registry.store.database import jobs, tallies, upkeep
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.database.jobs import Timer, TimerKind
from modemagent.registry.store.evaluation import (
    effective,
    evaluation,
    inventory,
    recheck,
    rule_jobs,
    silence,
)
from modemagent.registry.store.history import event_log
from modemagent.registry.store.history.refold import relate_due
from modemagent.registry.store.intake.batch import Batch, Contested
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.lists import checks
from modemagent.registry.store.outbound import exports
from modemagent.registry.store.outside import eir_checks
from modemagent.registry.store.people import selections
from modemagent.registry.store.privacy import audit, erasure, retention
from modemagent.registry.store.regulations import deadlines

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_OFTEN_S, _MINUTE_S, _HOUR_S = 5.0, 60.0, 3600.0
_RECONNECT_S = 1.0
_POSTPONED_MS = 60_000  # after a failure that trying again at once will not end
_RECHECK_S = 0.5  # after which rules are evaluated for new reports


class Housekeeper:
    """Threads for the timers, for requests to others, and on PostgreSQL for notifications.

    :param on_events: called when events were published here or by another process
    :param keep_bodies_days: how long bodies of reports are kept if no limit was set for them
    :param looks: looks at numbers of this process, for the audit
    """

    def __init__(
        self,
        database: Database,
        recorder: Recorder,
        on_events: Callable[[], None],
        keep_bodies_days: int | None = None,
        looks: Looks | None = None,
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._on_events = on_events
        self._looks = looks
        self._timers = _timers(database, keep_bodies_days)
        self._created = False
        self._stopping = threading.Event()
        self._outside = [
            Timer(
                TimerKind.EIR,
                eir_checks.EVERY_S,
                afterwards=lambda: eir_checks.update(database, self._stopping),
            )
        ]
        #: All timers that this process can run.
        self.timers = [*self._timers, *self._outside]
        works = [self._work, self._ask] + ([] if database.is_sqlite else [self._listen])
        self._threads = [
            threading.Thread(target=one, name=f"registry{one.__name__}", daemon=True)
            for one in works
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads after the work in progress."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._chain(at_once=True)

    def _work(self) -> None:
        wait_s = _LOOK_EVERY_S
        while not self._stopping.wait(wait_s):
            wait_s = _LOOK_EVERY_S
            try:
                if not self._created:
                    self._recorder.run(jobs.create)
                    self._recorder.run(effective.check_rules)
                    self._created = True
                while not self._stopping.is_set() and self._evaluate():
                    pass
                while not self._stopping.is_set() and self._run_due(self._timers):
                    pass
                self._look()
                self._chain()
                if self._recheck():
                    wait_s = 0.0
            except SQLAlchemyError as error:
                log.error("background work failed and is tried again: %s", type(error).__name__)

    def _evaluate(self) -> bool:
        """Evaluate the rules for what has changed; return True if there may be more."""
        with self._database.reading() as connection:
            is_waiting = rule_jobs.waiting(connection, now_ms())
        try:
            return is_waiting and self._recorder.run(evaluation.evaluate_waiting)
        except (SQLAlchemyError, Contested) as error:
            log.error("the rules failed and are tried again: %s", type(error).__name__)
        except Exception as error:
            log.error("a rule failed and is tried again in a minute", exc_info=error)
            self._recorder.run(rule_jobs.postpone)
            self._note_failure(TimerKind.RULES, error)
        return False

    def _look(self) -> None:
        """Go on with erasures, exports and an urgent pass; note sightings for open cases."""
        try:
            self._go_on(erasure.is_waiting, erasure.step)
            self._go_on(exports.is_waiting, lambda batch: exports.step(batch, masked_text))
            case_sightings.update(self._database)
            inventory.hurry(self._database)
        except (SQLAlchemyError, Contested) as error:
            log.error("cases were not looked at, tried again: %s", type(error).__name__)
        except Exception as error:
            log.error("background work failed and is tried again", exc_info=error)

    def _go_on(
        self, is_waiting: Callable[[Connection], bool], step: Callable[[Batch], bool]
    ) -> None:
        """Go on with work that takes many transactions, for a moment."""
        end_s = time.monotonic() + _RECHECK_S
        with self._database.reading() as connection:
            more = is_waiting(connection)
        while more and not self._stopping.is_set() and time.monotonic() < end_s:
            more = self._recorder.run(step)

    def _chain(self, *, at_once: bool = False) -> None:
        """Write the looks at numbers, and chain the acts that wait.

        :param at_once: the process ends
        """
        try:
            if self._looks is not None:
                self._looks.store(at_once=at_once)
            with self._database.reading() as connection:
                is_waiting = audit.is_waiting(connection)
            while is_waiting:
                is_waiting = self._recorder.run(audit.chain)
        except (SQLAlchemyError, Contested) as error:
            log.error("the audit was not chained, tried again: %s", type(error).__name__)

    def _recheck(self) -> bool:
        """Go on with re-checks for a moment; return True if there may be more to do."""
        end_s = time.monotonic() + _RECHECK_S
        with self._database.reading() as connection:
            is_waiting = recheck.is_waiting(connection, now_ms())
        try:
            while is_waiting and not self._stopping.is_set() and time.monotonic() < end_s:
                is_waiting = self._recorder.run(recheck.step)
        except (SQLAlchemyError, Contested) as error:
            log.error("a re-check failed and is tried again: %s", type(error).__name__)
            return False
        except Exception as error:
            log.error("a re-check failed and is tried again in a minute", exc_info=error)
            self._recorder.run(recheck.postpone)
            self._note_failure(TimerKind.RECHECK, error)
            return False
        return is_waiting

    def _ask(self) -> None:
        """Send requests to others, which may take long to answer."""
        while not self._stopping.wait(_LOOK_EVERY_S):
            try:
                self._run_due(self._outside)
            except SQLAlchemyError as error:
                log.error("requests to others failed: %s", type(error).__name__)
            except Exception as error:
                log.error("requests to others failed, tried again in a minute", exc_info=error)
                self._stopping.wait(_MINUTE_S)

    def _run_due(self, timers: list[Timer]) -> bool:
        """Do what is due; return True if some of it was done here and more may be due."""
        with self._database.reading() as connection:
            due = jobs.due(connection, timers, now_ms())
        return any(self._run(timer) for timer in due)

    def _run(self, timer: Timer) -> bool:
        def work(batch: Batch) -> tuple[bool, Batch]:
            return jobs.run(batch, timer), batch

        try:
            done, batch = self._recorder.run(work)
            if batch.events_changed:
                self._on_events()
            if done:
                timer.afterwards()
        except (SQLAlchemyError, Contested) as error:
            name = timer.kind.name.lower()
            log.error("%s failed and is tried again: %s", name, type(error).__name__)
            self._note_failure(timer.kind, error)
            return False
        except Exception as error:
            name = timer.kind.name.lower()
            log.error("%s failed and is tried again in a minute", name, exc_info=error)
            self._recorder.run(lambda batch: jobs.postpone(batch, timer, _POSTPONED_MS))
            self._note_failure(timer.kind, error)
            return False
        return done

    def _note_failure(self, kind: TimerKind, error: Exception) -> None:
        """Store that work has failed, for administrators, unless the database refuses that too."""
        with contextlib.suppress(SQLAlchemyError, Contested):
            name, reason = kind.name.lower(), type(error).__name__
            self._recorder.run(lambda batch: jobs.note_failure(batch, name, reason))

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                upkeep.listen(self._database, self._on_events, self._stopping)
            except Exception as error:  # noqa: BLE001 - without it streams only wait longer
                log.error("no notifications from the database: %s", type(error).__name__)
                self._stopping.wait(_RECONNECT_S)


def _timers(database: Database, keep_bodies_days: int | None) -> list[Timer]:
    """Return the timers that a process with these options can run."""
    return [
        Timer(TimerKind.HOLD_BACK, _OFTEN_S, lambda batch: event_log.publish_due(batch) > 0),
        Timer(TimerKind.RELATE, _OFTEN_S, lambda batch: relate_due(batch) > 0),
        Timer(TimerKind.TALLIES, _MINUTE_S, afterwards=lambda: tallies.update(database)),
        Timer(TimerKind.DENIALS, _MINUTE_S, evaluation.evaluate_denials),
        Timer(
            TimerKind.SILENCE,
            _MINUTE_S,
            silence.note_uptime,
            afterwards=lambda: silence.update(database),
        ),
        Timer(TimerKind.KEY_PAGES, _HOUR_S, upkeep.delete_key_pages),
        Timer(TimerKind.PARTITIONS, _HOUR_S, upkeep.create_partitions),
        Timer(TimerKind.CHECKS, _OFTEN_S, checks.run_waiting),
        Timer(TimerKind.VALIDITY, _OFTEN_S, effective.check_validity),
        Timer(TimerKind.RETENTION, _HOUR_S, lambda batch: retention.apply(batch, keep_bodies_days)),
        Timer(TimerKind.MESSAGES, _HOUR_S, messages.delete_old),
        Timer(TimerKind.EXPORTS, _HOUR_S, exports.delete_old),
        Timer(TimerKind.SELECTIONS, _HOUR_S, selections.delete_old),
        Timer(TimerKind.RECEIPTS, _MINUTE_S, afterwards=lambda: receipts.update(database)),
        Timer(TimerKind.INVENTORY, _MINUTE_S, afterwards=lambda: inventory.next_part(database)),
        Timer(TimerKind.DEADLINES, _MINUTE_S, afterwards=lambda: deadlines.update(database)),
    ]
