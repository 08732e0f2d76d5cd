"""Checks of units at the registry: requests, answers, times without a connection."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from modemagent.errors import RegistryUnreachable, SettingsError
from modemagent.logs import NullLog
from modemagent.provisioning import registry_check
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.events import Happening, RegistryAnswered
from modemagent.provisioning.registry_check import HttpKnownUnits, RegistryChecks, read_export
from modemagent.provisioning.simulation.planted import unit_with

UNITS = [unit_with(number).imei[:14] for number in range(1, 6)]
DAY = "2026-11-20T10:00:00.000Z"


def result(*, gateway: str | None = None, individuals: int = 1, **more: Any) -> dict[str, Any]:
    """Return a result of the API, of an IMEI that is known if a gateway is given."""
    place = {"gateway_id": gateway, "last_seen": DAY} if gateway else None
    return {"position": 1, "status": None, "individuals": individuals, "last_place": place,
            "ref": "R1", **more}  # fmt: skip


class FixedApi:
    """Documents of a registry; it records what is requested."""

    def __init__(self, results: list[dict[str, Any]], places: Sequence[str]) -> None:
        self.results = results
        self.places = [{"gateway_id": name, "last_seen": DAY} for name in places]
        self.requests: list[tuple[str, Any]] = []

    def __call__(self, *_: object, **__: object) -> FixedApi:
        return self

    def request(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        self.requests.append((f"{method} {path}", json.loads(body)))
        return 200, {"results": self.results}

    def get(self, path: str) -> dict[str, Any]:
        self.requests.append((path, None))
        return {"places": self.places}

    def accepted(self, _: int, document: dict[str, Any]) -> dict[str, Any]:
        return document


@pytest.mark.parametrize(
    ("found", "places", "known"),
    [
        (result(individuals=0), (), None),
        (result(gateway="gw-7"), (), "gw-7, 2026-11-20"),
        (result(gateway="B2"), ("B2",), None),
        (result(gateway="B2"), ("gw-7", "B2"), "gw-7, 2026-11-20"),
        (result(gateway="B2", individuals=2), (), "2 modems"),
        (result(individuals=0, status="prohibited"), (), "prohibited"),
    ],
)
def test_places_of_the_station_itself_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Any, places: Any, known: str | None
) -> None:
    (tmp_path / "token").write_text("secret")
    settings = BenchSettings(station="B2", registry="queue", registry_url="https://r.example",
                             read_token_file=str(tmp_path / "token"))  # fmt: skip
    assert settings.checks_units
    api = FixedApi([found], places)
    monkeypatch.setattr(registry_check, "HttpSource", api)
    assert HttpKnownUnits(settings).known(UNITS[:1]) == ({UNITS[0]: known} if known else {})
    assert api.requests[0] == ("POST checks", {"kind": "imei", "numbers": [unit_with(1).imei]})


class Source:
    """A registry that is away for some requests."""

    retry_s = 0.05

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.requests: list[list[str]] = []

    def known(self, units: Sequence[str]) -> Mapping[str, str]:
        self.requests.append(list(units))
        if len(self.requests) <= self.away:
            raise RegistryUnreachable("no response")
        return {UNITS[0]: "gw-7"}


def answers(
    source: Source, wanted: int, *, is_required: bool, asked: int
) -> list[RegistryAnswered]:
    """Check units until there are so many answers; units without one have passed unchecked."""
    found: list[RegistryAnswered] = []

    def post(event: Happening) -> None:
        assert isinstance(event, RegistryAnswered)
        found.append(event)

    def unchecked() -> list[str]:
        return [each.unit for each in found if each.problem]

    async def work() -> None:
        checks = RegistryChecks(source, post, unchecked, NullLog(), is_required=is_required)
        task = asyncio.create_task(checks.run())
        for unit in UNITS[:asked]:
            checks.ask(unit)
        async with asyncio.timeout(5):
            while len(found) < wanted:
                await asyncio.sleep(0.005)
        task.cancel()

    asyncio.run(work())
    return found


def test_modules_that_appear_together_are_one_request() -> None:
    source = Source()
    found = answers(source, 5, is_required=False, asked=5)
    assert source.requests == [UNITS]
    assert [each.known for each in found] == ["gw-7", "", "", "", ""]


@pytest.mark.parametrize("is_required", [True, False])
def test_unit_is_checked_when_the_registry_answers_again(is_required: bool) -> None:
    source = Source(away=1)
    found = answers(source, 2, is_required=is_required, asked=1)
    assert [(each.known, each.problem) for each in found[:2]] == [
        ("", "the registry is away"), ("gw-7", ""),
    ]  # fmt: skip
    assert source.requests == [UNITS[:1]] * 2


def test_export_is_read_without_the_modems_of_the_station(tmp_path: Path) -> None:
    file = tmp_path / "modems.jsonl"
    modems = [{"imei": unit_with(n).imei, "gateway_id": g, "last_seen": DAY}
              for n, g in ((1, "gw-7"), (2, "B2"))]  # fmt: skip
    file.write_text("".join(json.dumps(one) + "\n" for one in modems))
    export = read_export(file, "B2")
    assert export.units == {UNITS[0]: "gw-7, 2026-11-20"}
    assert not export.is_stale
    os.utime(file, (time.time() - 25 * 3600,) * 2)
    assert read_export(file, "B2").is_stale
    file.write_text(json.dumps({**modems[0], "imei": "867698*****0013"}))
    with pytest.raises(SettingsError, match="are masked"):
        read_export(file, "B2")
    file.write_text("imei,gateway_id\n")
    with pytest.raises(SettingsError, match="not an export of modems"):
        read_export(file, "B2")
