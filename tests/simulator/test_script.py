"""Shipped transcripts: loading, names, well-formed numbers."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from modemagent.errors import TranscriptError, UsageError
from modemagent.simulator.catalogue import find, names, shipped_dir
from modemagent.simulator.identities import luhn_fits
from modemagent.simulator.script import load

READ_STATES = {
    "ready", "pin_required", "puk_required", "locked", "no_profile", "absent", "busy", "failure",
    "off",
}  # fmt: skip


@pytest.mark.parametrize("name", names())
def test_shipped_transcript_loads(name: str) -> None:
    script = load(find(name))
    assert script.name == name
    assert script.vendor and script.model
    assert script.exchanges


@pytest.mark.parametrize("name", names())
def test_expected_readings_are_consistent(name: str) -> None:
    script = load(find(name))
    table = tomllib.loads((shipped_dir() / name / "expected.toml").read_text("utf-8"))
    states = [reading["state"] for reading in table["reading"]]
    assert states[0] == ""
    assert len(states) == len(set(states))
    assert set(states[1:]) <= set(script.states)
    for reading in table["reading"]:
        if "failed" in reading:
            continue
        modem, sim = reading["modem"], reading["sim"]
        assert len(modem["imei"]) == 15 and luhn_fits(modem["imei"])
        if "imeisv" in modem:
            assert len(modem["imeisv"]) == 16 and modem["imeisv"][:14] == modem["imei"][:14]
        assert sim["state"] in READ_STATES | {"unknown"}
        if iccid := sim.get("iccid"):
            assert iccid.startswith("89") and iccid == iccid.upper() and not iccid.endswith("F")
            assert len(iccid) in (19, 20)
            assert not iccid.isdigit() or luhn_fits(iccid)
        if imsi := sim.get("imsi"):
            assert imsi.isdigit() and len(imsi) == 15
        if eid := sim.get("eid"):
            assert len(eid) == 32 and int(eid) % 97 == 1
        if sim["state"] in ("absent", "off"):
            assert set(sim) == {"state"}
        if sim["state"] == "no_profile":
            assert set(sim) <= {"state", "eid"}


def test_find_by_path_directory_and_name() -> None:
    file = shipped_dir() / "telit-ge910-quad" / "transcript.toml"
    assert find("telit-ge910-quad") == find(file) == find(file.parent) == file


def test_a_similar_transcript_is_suggested() -> None:
    with pytest.raises(UsageError) as caught:
        find("quectel-eg25")
    assert "quectel-eg25-g" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    ["vendor = ", '[[exchange]]\nlines = ["OK"]', "exchange = 3"],
)
def test_an_invalid_file_is_a_transcript_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(TranscriptError):
        load(file)


def test_a_missing_file_is_a_transcript_error(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError):
        load(tmp_path / "none.toml")
