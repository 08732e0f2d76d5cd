"""Checks of units at the registry, before anything that costs: is their IMEI known elsewhere?

Modules that appear together are checked by one request. A registry that does not answer holds no
bay unless the station requires it; units that passed meanwhile are checked when it answers again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from modemagent.channel.threads import run_in_thread
from modemagent.errors import ModemAgentError, RegistryError, RegistryRefused, SettingsError
from modemagent.http_exchange import Limits
from modemagent.identity.imei import Imei
from modemagent.logs import Log
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.events import Happening, RegistryAnswered
from modemagent.registry_client.client import Document, HttpSource, rows

#: Time in which units are collected for one request.
_GATHER_S = 0.02
#: Most units of a request: a token without full-id scope may check 60 numbers a minute.
_MOST = 60
#: Age after which an export is stale.
_STALE_S = 86400.0
#: Longest time for which a unit waits for a registry that does not answer.
_LIMITS = Limits(connect_s=2.0, idle_s=3.0, total_s=5.0, body_bytes=1024 * 1024)


class KnownUnits(Protocol):
    """Knowledge about units outside of this station.

    :ivar retry_s: interval of attempts after a failure
    """

    retry_s: float

    def known(self, units: Sequence[str]) -> Mapping[str, str]:
        """Return where units are known, of those that are; it blocks.

        :param units: 14 digits of their IMEIs
        :raises RegistryError: the registry is unreachable or refuses the request
        """


class HttpKnownUnits:
    """The registry over HTTP. Places of this station itself do not count.

    :raises SettingsError: the token cannot be read
    """

    retry_s = 5.0

    def __init__(self, settings: BenchSettings) -> None:
        self._url = settings.registry_url
        self._station = settings.station
        try:
            self._token = Path(settings.read_token_file).read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise SettingsError(
                f"the token file {settings.read_token_file} cannot be read: {reason}",
                hint="Check its path and owner.",
            ) from error

    def known(self, units: Sequence[str]) -> dict[str, str]:
        try:
            return self._known(HttpSource(self._url, self._token, limits=_LIMITS), units)
        except (KeyError, TypeError, AttributeError) as error:
            raise RegistryRefused(
                "malformed response from the registry", status=200, hint="Check the URL."
            ) from error

    def _known(self, source: HttpSource, units: Sequence[str]) -> dict[str, str]:
        numbers = [str(Imei.from_digits(unit)) for unit in units]
        body = json.dumps({"kind": "imei", "numbers": numbers}).encode()
        document = source.accepted(*source.request("POST", "checks", body))
        results = rows(document, "results", ("position", "individuals", "last_place", "status"))
        found = {}
        for unit, result in zip(units, results, strict=False):
            if where := self._where(source, result):
                found[unit] = where
        return found

    def _where(self, source: HttpSource, result: Document) -> str:
        if result["status"] == "prohibited":
            return "prohibited"
        if result["individuals"] > 1:
            return f"{result['individuals']} modems"
        place = result["last_place"]
        if not place:
            return ""
        if place["gateway_id"] != self._station:
            return place_text(place)
        # seen here last: at an earlier attempt of this station, or by its report about this one
        timeline = source.get(f"modems/{result['ref']}/timeline") or {"places": []}
        elsewhere = [
            each
            for each in rows(timeline, "places", ("gateway_id", "last_seen"))
            if each["gateway_id"] != self._station
        ]
        return place_text(elsewhere[-1]) if elsewhere else ""


def place_text(place: Mapping[str, Any]) -> str:
    """Return a gateway and a day, in as few characters as a tile has.

    >>> place_text({"gateway_id": "gw-7", "last_seen": "2026-11-20T10:00:00.000Z"})
    'gw-7, 2026-11-20'
    """
    return f"{str(place['gateway_id'] or 'unknown gateway')[:24]}, {place['last_seen'][:10]}"


class OfflineUnits(NamedTuple):
    """An export of the registry, for times without a connection.

    :param units: 14 digits of an IMEI, and where the unit is known
    :param made_at: time of the file in seconds since 1970; 0: there is none
    """

    units: Mapping[str, str] = {}
    made_at: float = 0.0

    @property
    def made_on(self) -> str:
        """Return the day of the file, such as ``11-30``."""
        return time.strftime("%m-%d", time.localtime(self.made_at))

    @property
    def is_stale(self) -> bool:
        """Return True if the file is so old that duplicates of today are missing in it."""
        return time.time() - self.made_at > _STALE_S


def read_export(file: Path, station: str) -> OfflineUnits:
    """Return the modems of a file from ``modemagent registry export modems``.

    :param station: gateway whose own modems are left out
    :raises SettingsError: the file cannot be read, or its numbers are masked
    """
    found: dict[str, str] = {}
    try:
        made_at = file.stat().st_mtime
        with file.open(encoding="utf-8") as lines:
            for modem in map(json.loads, lines):
                if modem["gateway_id"] != station:
                    found[modem["imei"][:14]] = place_text(modem)
    except OSError as error:
        raise SettingsError(
            f"the export {file} cannot be read: {error.strerror}", hint="Check registry_export."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{file} is not an export of modems",
            hint="Make it with: modemagent registry export modems --format jsonl",
        ) from error
    masked = next((unit for unit in found if not unit.isdecimal()), None)
    if masked is not None:
        raise SettingsError(
            f"the numbers in {file} are masked",
            hint="Export them with a token that has the full-id scope.",
        )
    return OfflineUnits(found, made_at)


class RegistryChecks:
    """Sends checks while the bench runs, and posts their results.

    :param unchecked: returns units that have passed without a check
    :param is_required: a unit waits until the registry answers
    :ivar problem: why the last check has failed, "" if it has not
    """

    def __init__(
        self,
        source: KnownUnits,
        post: Callable[[Happening], None],
        unchecked: Callable[[], Sequence[str]],
        log: Log,
        *,
        is_required: bool,
    ) -> None:
        self.problem = ""
        self._source = source
        self._post = post
        self._unchecked = unchecked
        self._log = log
        self._is_required = is_required
        self._asked: list[str] = []
        self._wake = asyncio.Event()

    def ask(self, unit: str) -> None:
        """Check a unit; :class:`RegistryAnswered` is the result."""
        if self.problem and not self._is_required:
            # the next attempt is made for all of them, and no bay waits for it
            self._post(RegistryAnswered(unit, problem=self.problem))
            return
        self._asked.append(unit)
        self._wake.set()

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._source.retry_s):
                    await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(_GATHER_S)
            asked = list(dict.fromkeys(self._asked))[:_MOST]
            self._asked = [unit for unit in self._asked if unit not in asked]
            late = [unit for unit in self._unchecked() if unit not in asked]
            if asked or late:
                await self._check(asked, [*asked, *late][:_MOST])
            if self._asked and not self.problem:
                self._wake.set()

    async def _check(self, asked: list[str], units: list[str]) -> None:
        try:
            found = await run_in_thread(lambda: self._source.known(units))
        except RegistryError as error:
            self._fail(asked, error)
            return
        self.problem = ""
        for unit in units:
            self._post(RegistryAnswered(unit, found.get(unit, "")))

    def _fail(self, asked: list[str], error: ModemAgentError) -> None:
        if not self.problem:
            self._log.warning("registry_check_failed", reason=error.message, hint=error.hint)
        refused = isinstance(error, RegistryRefused)
        self.problem = "the registry refuses checks" if refused else "the registry is away"
        for unit in asked:
            self._post(RegistryAnswered(unit, problem=self.problem))
        if self._is_required:
            self._asked = [*asked, *self._asked]
