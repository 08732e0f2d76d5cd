"""Checks of the station with scanners: the last page of the code sheet, and a test label."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from modemagent.errors import ModemAgentError
from modemagent.labels.fields import FIELDS
from modemagent.logs import Log
from modemagent.provisioning.bench_file import ScanFrame
from modemagent.provisioning.events import CodeScanned, Happening
from modemagent.provisioning.label_job import LabelJob, LabelPrinter
from modemagent.provisioning.outcome import PRINTED
from modemagent.provisioning.scans.gs1 import without_aim
from modemagent.provisioning.scans.keyboard import (
    CHECK_GS1,
    CHECK_GS1_TEXT,
    CHECK_TEXTS,
    check_sheet_problem,
)
from modemagent.provisioning.scans.shapes import parse_scan
from modemagent.provisioning.scans.sources import ScanSources
from modemagent.provisioning.station import StationFinding

#: Time for all codes on all scanners.
TIMEOUT_S = 120.0
_CODES = frozenset((*CHECK_TEXTS, CHECK_GS1_TEXT))
#: What is on a test label: no module has these numbers.
TEST_FIELDS: Final = {**FIELDS, "order": "TEST", "copy": ""}


class ScanCheck(Protocol):
    """A check that judges scans.

    :ivar prompt: what is to be scanned
    """

    prompt: str

    @property
    def is_done(self) -> bool:
        """True if no further scan is needed."""

    def take(self, source: str, text: str) -> str:
        """Judge a scan; return what the person who scans has to know."""

    def findings(self) -> Iterable[StationFinding]:
        """Return the results."""


class SheetCheck:
    """The codes that each scanner has read correctly, and what is wrong with it.

    :param sources: names of the scanners
    :param frames: what a scanner adds to each code
    """

    prompt = f"the {len(_CODES)} codes of the check sheet"

    def __init__(
        self, sources: Sequence[str], frames: Mapping[str, ScanFrame] | None = None
    ) -> None:
        self._frames = frames or {}
        self._left = {source: set(_CODES) for source in sources}
        self._problems: dict[str, str] = {}

    @property
    def is_done(self) -> bool:
        """True if each scanner has read all codes, or is known to be wrong."""
        return all(not left or name in self._problems for name, left in self._left.items())

    def take(self, source: str, text: str) -> str:
        """Judge a scan; return what the person who scans has to know."""
        bare = without_aim(self._frames.get(source, ScanFrame()).without(text))
        problem = check_sheet_problem(bare)
        if problem is None:
            return f"{source}: this is not a code of the check sheet"
        if problem:
            self._problems[source] = problem
            return f"{source}: {problem}"
        left = self._left.setdefault(source, set(_CODES))
        left.discard(CHECK_GS1_TEXT if bare == CHECK_GS1 else bare)
        return f"{source}: {len(_CODES) - len(left)} of {len(_CODES)}"

    def findings(self) -> Iterator[StationFinding]:
        for name, left in self._left.items():
            problem, remedy = self._problems.get(name, ""), "Correct it, and check it again."
            if left and not problem:
                problem = f"{_count(len(left))} not read"
                remedy = "Print the sheet: modemagent provision bays sheet"
            if problem:
                yield StationFinding("scanner", name, f"{name}: {problem}", remedy)
            else:
                yield StationFinding("scanner", name)


class LabelCheck:
    """A test label: whether a code on it states what was printed.

    :param frames: what a scanner adds to each code
    """

    prompt = "the test label"

    def __init__(self, frames: Mapping[str, ScanFrame] | None = None) -> None:
        self._frames = frames or {}
        self._problem = "the test label was not read"
        self.is_done = False

    def print(self, printer: LabelPrinter, template: str) -> bool:
        """Print the label; return False if it was not printed."""
        result = printer.send(LabelJob(template, TEST_FIELDS))
        if result.status not in PRINTED:
            self._problem, self.is_done = result.problem or "it was not printed", True
        return not self.is_done

    def take(self, source: str, text: str) -> str:
        """Judge a scan; return what the person who scans has to know."""
        scan = parse_scan(self._frames.get(source, ScanFrame()).without(text))
        if not scan.fields:
            return f"{source}: {scan.problem or 'this is not the test label'}"
        wrong = [name for name, value in scan.fields.items()
                 if not TEST_FIELDS.get(name, "").startswith(value)]  # fmt: skip
        self.is_done = True
        self._problem = f"its {wrong[0].replace('_', ' ')} is not what was printed" if wrong else ""
        return f"{source}: {self._problem or 'the test label is right'}"

    def findings(self) -> Iterator[StationFinding]:
        remedy = "Check printer, ribbon and resolution, and the template: provision label --sample"
        yield StationFinding(
            "label", "printed and read", self._problem, remedy if self._problem else ""
        )


def _count(codes: int) -> str:
    return "1 code was" if codes == 1 else f"{codes} codes were"


def scan_all(
    check: ScanCheck,
    sources: Sequence[str],
    say: Callable[[str], None],
    log: Log,
    timeout_s: float = TIMEOUT_S,
) -> list[StationFinding]:
    """Judge what the scanners read, until the check is done or the time has passed.

    :param say: prints what a person has to know
    :raises UsageError: the kind of a source is unknown
    """
    asyncio.run(_scan(check, sources, say, log, timeout_s))
    return list(check.findings())


async def _scan(
    check: ScanCheck,
    sources: Sequence[str],
    say: Callable[[str], None],
    log: Log,
    timeout_s: float,
) -> None:
    done = asyncio.Event()

    def take(event: Happening) -> None:
        if isinstance(event, CodeScanned):
            say(check.take(event.source, event.text))
            if check.is_done:
                done.set()

    def refuse(error: ModemAgentError) -> None:
        say(error.message)

    readers = ScanSources(take, log, refuse, done.set)
    for source in sources:
        readers.start(source)
    say(f"Scan {check.prompt} with: {', '.join(sources)}")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await done.wait()
