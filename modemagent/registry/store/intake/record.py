"""Storage of received reports, in one transaction.

1. Reports whose digest is known are duplicates; another body under a known key is a conflict.
2. Reports that state what the one before did, in the same boot and without a hole between, extend
   the open span of their place: neither validated nor folded.
3. All others are validated. Their boots are dated, their readings inserted between the neighbours
   of their place, and the history of the units concerned is derived again (:mod:`.refold`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from modemagent.errors import ReportError
from modemagent.registry.envelope import Envelope, Parts
from modemagent.registry.history.readings import position
from modemagent.registry.store.benches import benches
from modemagent.registry.store.evaluation import rule_jobs
from modemagent.registry.store.history import event_log
from modemagent.registry.store.history.refold import refold
from modemagent.registry.store.history.units import Units
from modemagent.registry.store.intake.arrivals import ACCEPTED, Arrival, ReceiptStatus, ReportResult
from modemagent.registry.store.intake.batch import PLAIN, Batch
from modemagent.registry.store.intake.bodies import BodyLog
from modemagent.registry.store.intake.boots import Boot, BootLog
from modemagent.registry.store.intake.forks import Conflict, add_conflicts
from modemagent.registry.store.intake.holes import declare_lost, has_hole, mark_closed_holes
from modemagent.registry.store.intake.opening import open_new
from modemagent.registry.store.intake.place_log import PlaceLog
from modemagent.registry.store.intake.places import Clocks, Content, Place, Row
from modemagent.registry.store.intake.presence import PresenceLog
from modemagent.registry.store.intake.ranges import (
    REJECTED,
    StreamRanges,
    load_rest,
    write_ranges,
)
from modemagent.registry.store.intake.redating import Redating
from modemagent.registry.store.intake.stored_rows import load_stored
from modemagent.registry.validation import ValidReport, valid_report


class _Item(NamedTuple):
    """A report, what it states of its place, and the rows it belongs to."""

    number: int
    arrival: Arrival
    envelope: Envelope
    parts: Parts
    ranges: StreamRanges
    boot: Boot
    gateway: int


_DUPLICATE = ReportResult(ReceiptStatus.DUPLICATE)
_CONFLICT = ReportResult(ReceiptStatus.CONFLICT)


def record(batch: Batch, arrivals: Sequence[Arrival]) -> list[ReportResult]:
    """Store reports and return one receipt for each, in order."""
    return _Recording(batch, arrivals).run()


class _Recording:
    """The storage of one batch."""

    def __init__(self, batch: Batch, arrivals: Sequence[Arrival]) -> None:
        self._batch = batch
        self._arrivals = arrivals
        self._receipts = [ACCEPTED] * len(arrivals)
        received = [arrival.envelope for arrival in arrivals]
        stored = load_stored(batch, received, [one.sender.boot_id for one in arrivals])
        self._gateways, streams, self._pages, self._stored, self._ranges, boots = stored
        batch.ranges = self._ranges
        opened = open_new(self._stored, self._pages, streams, received)
        envelopes = [envelope for envelope, _ in opened]
        named = {
            (stream.gateway, one.boot_id)
            for stream, one in zip(streams, envelopes, strict=True)
            if one.error is None
        }
        self._senders = {
            (stream.gateway, arrival.sender.boot_id, arrival.received_ms, arrival.sender.uptime_ms)
            for stream, arrival in zip(streams, arrivals, strict=True)
            if arrival.sender.boot_id is not None and arrival.sender.uptime_ms >= 0
        }
        named.update((gateway, boot_id) for gateway, boot_id, _, _ in self._senders)
        self._boots = BootLog(batch, named, boots)
        self._items = [
            _Item(
                index,
                arrival,
                envelope,
                parts,
                self._ranges[stream.id],
                self._boots.boots[stream.gateway, envelope.boot_id],
                stream.gateway,
            )
            for index, (arrival, (envelope, parts), stream) in enumerate(
                zip(arrivals, opened, streams, strict=True)
            )
            if parts is not None
        ]
        for index, (arrival, envelope, stream) in enumerate(
            zip(arrivals, envelopes, streams, strict=True)
        ):
            if envelope.error is not None:
                self._receipts[index] = ReportResult(ReceiptStatus.REJECTED, envelope.error)
                self._ranges[stream.id].add(REJECTED, envelope.sequence, arrival.received_ms)
        self._reports: dict[int, ValidReport] = {}  # validated, by the digest of their identity
        self._by_rank: dict[tuple[int, int], int] = {}
        self._presence = PresenceLog()
        self._healths: set[int] = set()  # numbers of the reports with another health than before
        self._bodies = BodyLog(batch)
        self._has_faults = False  # a report has values that rules may find fault with
        self._bench_news: list[benches.BenchNews] = []

    def run(self) -> list[ReportResult]:
        fresh, conflicts = self._classify()
        # not a method: with a cycle of references the batch would wait for the garbage collector
        hole = partial(has_hole, self._ranges, self._by_rank)
        self._places = PlaceLog(self._batch, self._stored, hole)
        fresh, conflicts = self._valid(fresh), self._valid(conflicts)
        for one in fresh:
            one.ranges.add(one.boot.id, one.envelope.sequence, one.arrival.received_ms)
        others = [one.ranges.boots_with(one.envelope.sequence) for one in conflicts]
        for one in conflicts:
            one.ranges.add_again(one.boot.id, one.envelope.sequence, one.arrival.received_ms)
        for accepted, items in ((True, fresh), (False, conflicts)):
            for one in items:
                stream, received_ms = one.ranges.stream, one.arrival.received_ms
                if self._boots.add(one.boot, stream, one.envelope, received_ms, accepted=accepted):
                    self._healths.add(one.number)
                    self._batch.beats.add(one.gateway)
        for gateway, boot_id, received_ms, uptime_ms in self._senders:
            self._boots.add_sender(gateway, boot_id, uptime_ms, received_ms)
        redating = Redating(self._batch, self._gateways, self._boots)
        for row in self._gateways.stream_by_row.values():
            self._by_rank[row.gateway, row.rank] = row.id
            self._ranges[row.id].aliens = redating.aliens.get(row.gateway, set())
        load_rest(self._batch.connection, [one for one in self._ranges.values() if one.aliens])
        contents = Units(self._batch, list(self._reports.items())).contents
        self._place_all(fresh, contents)
        add_conflicts(
            self._batch,
            self._places,
            [
                self._conflict(one, boots, contents)
                for one, boots in zip(conflicts, others, strict=True)
            ],
            redating.aliens,
        )
        for gateway in {one.gateway for one in conflicts}:
            self._gateways.mark_forked(gateway)
        redating.mark_places(self._places, self._presence)
        mark_closed_holes(self._batch, self._gateways, self._ranges.values(), self._places)
        self._places.settle()
        # also of batches that hold duplicates alone
        senders = ((one.gateway, one.arrival.sender) for one in self._items)
        declare_lost(senders, self._gateways, self._ranges)
        self._write(redating)
        return self._receipts

    def _classify(self) -> tuple[list[_Item], list[_Item]]:
        """Return the new reports by stream and number, and those that conflict."""
        fresh: list[_Item] = []
        conflicts: list[_Item] = []
        pages = self._pages
        for one in self._items:
            ranges, envelope = one.ranges, one.envelope
            stream, sequence = ranges.stream, envelope.sequence
            digest = pages.get(stream, sequence)
            if not digest and sequence <= ranges.top:
                boots = ranges.boots_with(sequence)
                digest = envelope.digest if one.boot.id in boots else 1 if boots else 0
            if not digest:
                pages.put(stream, sequence, envelope.digest)
                fresh.append(one)
            elif digest == envelope.digest:
                self._receipts[one.number] = _DUPLICATE
            else:
                self._receipts[one.number] = _CONFLICT
                conflicts.append(one)
        fresh.sort(key=_order)
        return fresh, conflicts

    def _valid(self, items: list[_Item]) -> list[_Item]:
        """Validate reports, except those that state what is known of their place; drop invalid."""
        known: dict[tuple[int, str | None], int] = {
            key: place.identity for key, place in self._places.places.items()
        }
        found = []
        for one in items:
            envelope, identity = one.envelope, one.parts.identity
            key = one.gateway, envelope.device_id
            same = envelope.device_id is None or known.get(key) == identity
            if not (envelope.quiet and same) and identity not in self._reports:
                try:
                    report = valid_report(envelope.raw, envelope.decoded)
                except ReportError as error:
                    self._receipts[one.number] = ReportResult(ReceiptStatus.REJECTED, error)
                    self._pages.put(one.ranges.stream, envelope.sequence, 0)
                    one.ranges.add(REJECTED, envelope.sequence, one.arrival.received_ms)
                    continue
                if envelope.device_id is not None:
                    self._reports[identity] = report
            known[key] = identity
            found.append(one)
        return found

    def _clocks(self, one: _Item) -> Clocks:
        envelope, stream = one.envelope, one.ranges.stream
        return Clocks(
            stream,
            envelope.sequence,
            position(self._gateways.stream_by_row[stream].rank, envelope.sequence),
            one.boot.id,
            envelope.uptime_ms,
            envelope.wall_ms,
            one.arrival.received_ms,
            envelope.synchronized,
            envelope.digest,
        )

    def _place_all(self, fresh: list[_Item], contents: dict[int, Content]) -> None:
        keep = self._batch.keep_bodies
        for one in fresh:
            envelope, parts, boot = one.envelope, one.parts, one.boot
            if envelope.provision:
                self._note_bench(one)
            if envelope.device_id is None:
                if envelope.provision or not envelope.quiet or keep or one.number in self._healths:
                    self._bodies.keep(one.ranges.stream, one.envelope, one.arrival.received_ms)
                continue
            place = self._places.get(one.gateway, envelope.device_id)
            at = self._clocks(one)
            identity = parts.identity
            goes_on = place.extends(at, identity, one.ranges)
            if goes_on:
                place.extend(at)
                if place.problems != parts.problems or envelope.provision or keep:
                    self._bodies.keep(one.ranges.stream, one.envelope, one.arrival.received_ms)
            else:
                self._bodies.keep(one.ranges.stream, one.envelope, one.arrival.received_ms)
                content = contents.get(identity) or Content.unread(identity)
                row = Row(0, at, content, gap_before=True)
                if boot.alien:
                    self._places.add_uncounted(place, row)
                    continue
                place.add(row)
            if parts.mcc:
                dates = boot.date(at.uptime_ms, at.wall_ms, at.synchronized)
                self._presence.hear(
                    place, parts.mcc, dates, None if goes_on else contents.get(identity),
                    is_newest=at.position == place.newest,
                )  # fmt: skip
            if at.position == place.newest:
                if place.problems != parts.problems or not goes_on:
                    self._notice(one, place)
                place.problems = parts.problems
                place.likeness = envelope.likeness if parts.mcc == place.mcc else 0

    def _notice(self, one: _Item, place: Place) -> None:
        """Leave the newest report of a place to the rules, except a first one without fault."""
        report = self._reports.get(one.parts.identity)
        is_plain = not one.parts.noteworthy and (report is None or report.is_plain)
        noticed = self._batch.noticed
        if not (place.is_new and is_plain) or place.id in noticed:
            # the parts of another identity are those of this report, not of one with its likeness
            is_read = report is not None and one.parts.identity != place.identity
            at = one.ranges.stream, one.envelope.sequence
            noticed[place.id] = PLAIN if is_plain and is_read else at
        if not is_plain:
            self._has_faults = True

    def _conflict(self, one: _Item, boots: list[int], contents: dict[int, Content]) -> Conflict:
        envelope = one.envelope
        place = (
            self._places.get(one.gateway, envelope.device_id)
            if envelope.device_id is not None
            else None
        )
        content = contents.get(one.parts.identity) or Content.unread(one.parts.identity)
        first = self._pages.get(one.ranges.stream, envelope.sequence)
        return Conflict(
            one.gateway, self._clocks(one), envelope, one.boot, place, content, first, boots
        )

    def _note_bench(self, one: _Item) -> None:
        device_id, at = one.envelope.device_id, self._clocks(one)
        place = 0 if device_id is None else self._places.get(one.gateway, device_id).id
        self._batch.benches.append((at.stream, at.sequence))
        self._bench_news.append(
            benches.BenchNews(
                one.gateway, place, at.stream, at.sequence, at.position, at.received_ms
            )
        )

    def _write(self, redating: Redating) -> None:
        batch, connection = self._batch, self._batch.connection
        self._pages.write(batch.now_ms)
        quieter = [one.stream for one in self._ranges.values() if one.may_release_events]
        write_ranges(connection, self._ranges.values())
        self._boots.write()
        self._gateways.mark_heard()
        self._gateways.write()
        self._presence.write(batch)  # before the readings that it refers to are dropped
        self._places.write()
        self._bodies.write()
        if self._bench_news:
            benches.note_news(connection, self._bench_news)
        if batch.modems or batch.tails or batch.gateways:
            refold(batch)
        if self._has_faults:
            batch.dirty |= batch.first_seen
        rule_jobs.request(batch)
        if quieter:
            event_log.publish_due(batch, quieter)


def _order(one: _Item) -> tuple[int, int]:
    return one.ranges.stream, one.envelope.sequence
