"""Check of the scanners with the last page of the code sheet, as a part of the station check."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from modemagent.errors import ModemAgentError
from modemagent.logs import Log
from modemagent.provisioning.bench_file import ScanFrame
from modemagent.provisioning.events import CodeScanned, Happening
from modemagent.provisioning.scans.gs1 import without_aim
from modemagent.provisioning.scans.keyboard import (
    CHECK_GS1,
    CHECK_GS1_TEXT,
    CHECK_TEXTS,
    check_sheet_problem,
)
from modemagent.provisioning.scans.sources import ScanSources
from modemagent.provisioning.station import StationFinding

#: Time for all codes on all scanners.
TIMEOUT_S = 120.0
_CODES = frozenset((*CHECK_TEXTS, CHECK_GS1_TEXT))


class SheetCheck:
    """The codes that each scanner has read correctly, and what is wrong with it.

    :param sources: names of the scanners
    :param frames: what a scanner adds to each code
    """

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


def _count(codes: int) -> str:
    return "1 code was" if codes == 1 else f"{codes} codes were"


def check_scanners(
    sources: Sequence[str],
    frames: Mapping[str, ScanFrame],
    say: Callable[[str], None],
    log: Log,
    timeout_s: float = TIMEOUT_S,
) -> list[StationFinding]:
    """Read the check sheet on all scanners, until it is done or the time has passed.

    :param say: prints what a person has to know
    :raises UsageError: the kind of a source is unknown
    """
    check = SheetCheck(sources, frames)
    asyncio.run(_scan(check, sources, say, log, timeout_s))
    return list(check.findings())


async def _scan(
    check: SheetCheck,
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
    say(f"Scan the {len(_CODES)} codes of the check sheet with: {', '.join(sources)}")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await done.wait()
