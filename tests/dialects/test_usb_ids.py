"""The table of USB layouts: every row is valid, and none hides another."""

import re

import pytest

from modemagent.dialects import catalogue
from modemagent.dialects.usb_ids import (
    NEVER,
    PROTOCOLS,
    RECOVERY,
    ROWS,
    Layout,
    layout_of,
    layouts,
    recovery_of,
    role_by_protocol,
)
from modemagent.discovery.candidate import Role

LAYOUTS = list(layouts())
DIALECTS = {row.dialect.name for row in catalogue.ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}:{row[1][:9] or '*'}")
def test_layout_row_is_valid(row: tuple[str, str, str, str, str]) -> None:
    vid, pids, dialect, roles, source = row
    assert re.fullmatch(r"[0-9a-f]{4}", vid)
    assert re.fullmatch(r"([0-9a-f]{4}( [0-9a-f]{4})*)?", pids)
    assert dialect == "" or dialect in DIALECTS
    assert re.fullmatch(r"(\d{1,2}:(at|data|nmea|diag)( |$))*", roles)
    numbers = [int(role.partition(":")[0]) for role in roles.split()]
    assert numbers == sorted(set(numbers)) and all(number < 32 for number in numbers)
    assert source.strip()


def test_layout_with_roles_has_a_source() -> None:
    for layout in LAYOUTS:
        if layout.roles:
            assert re.search(r"\bMM\b|\bkernel\b|\btrace [a-z]|modemdata|QModem", layout.source)


def test_ids_are_unique() -> None:
    ids = [(layout.vid, layout.pid) for layout in LAYOUTS]
    assert len(ids) == len(set(ids))


def test_recovery_mode_is_never_a_modem() -> None:
    for vid, pid in NEVER:
        assert layout_of(vid, pid) is None


@pytest.mark.parametrize("row", RECOVERY, ids=lambda row: f"{row[0]}:{row[1][:9]}")
def test_recovery_row_is_valid_and_has_a_source(row: tuple[str, str, str]) -> None:
    vid, pids, source = row
    assert re.fullmatch(r"[0-9a-f]{4}", vid)
    assert re.fullmatch(r"[0-9a-f]{4}( [0-9a-f]{4})*", pids)
    what, _, who = source.partition("; ")
    assert what and who
    for pid in pids.split():
        assert recovery_of(vid, pid) == source


def test_product_rows_exclude_recovery_modes() -> None:
    assert not NEVER & {(layout.vid, layout.pid) for layout in LAYOUTS}
    assert recovery_of("2c7c", "0125") is None
    assert recovery_of(None, None) is None


@pytest.mark.parametrize("row", PROTOCOLS, ids=lambda row: row[0])
def test_protocol_row_is_valid(row: tuple[str, str, str]) -> None:
    vids, roles, source = row
    wholly = {layout.vid for layout in LAYOUTS}
    assert set(vids.split()) <= wholly
    assert re.fullmatch(r"((\*|[0-9a-f]{2})/[0-9a-f]{2}:(at|data|nmea|diag)( |$))+", roles)
    names = [one.partition(":")[0] for one in roles.split()]
    assert len(names) == len(set(names))
    assert re.search(r"\bMM\b|kernel", source)


@pytest.mark.parametrize(
    ("vid", "kind", "role"),
    [
        # a composition as the kernel's commit for Telit FN990B shows it
        ("1bc7", "ff/ff/50", None),
        ("1bc7", "ff/ff/60", "nmea"),
        ("1bc7", "ff/ff/40", "at"),
        ("1bc7", "ff/ff/30", "diag"),
        # Quectel RM520N: DIAG, NMEA, AT
        ("2c7c", "ff/ff/30", "diag"),
        ("2c7c", "ff/00/40", "nmea"),
        ("2c7c", "ff/00/00", None),
        # rules of ModemManager for Huawei
        ("12d1", "ff/01/01", "data"),
        ("12d1", "ff/02/02", "at"),
        ("12d1", "ff/06/14", "nmea"),
        ("12d1", "ff/02/13", "diag"),
        ("12d1", "ff/02/16", None),
        # other classes tell nothing: mass storage, CDC
        ("12d1", "08/06/50", None),
        ("1bc7", "02/02/01", None),
        ("0403", "ff/ff/30", None),
    ],
)
def test_roles_by_protocol(vid: str, kind: str, role: str | None) -> None:
    told = role_by_protocol(vid, kind)
    assert (told and told[0]) == role


def test_roles_exist_in_discovery() -> None:
    words = {word for layout in LAYOUTS for word in layout.roles.values()}
    assert words == {str(role) for role in Role} - {"unknown"}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda row: f"{row.vid}:{row.pid or '*'}")
def test_every_row_is_found(layout: Layout) -> None:
    assert layout_of(layout.vid, layout.pid or "ffff") == layout


@pytest.mark.parametrize(
    ("vid", "pid", "roles"),
    [
        ("2c7c", "0125", {0: "diag", 1: "nmea", 2: "at", 3: "at"}),
        ("2c7c", "0128", {3: "diag", 4: "nmea", 5: "at"}),
        ("2c7c", "0900", {}),
        ("2c7c", "fffe", {0: "diag", 1: "nmea", 2: "at", 3: "at"}),
        ("1bc7", "1101", {0: "diag", 1: "at", 2: "at"}),
        ("1546", "1104", {0: "at", 4: "diag"}),
        ("19d2", "000a", {0: "at", 1: "at"}),
        ("19d2", "fffe", {}),
        ("413c", "8147", {9: "nmea"}),
    ],
)
def test_known_products(vid: str, pid: str, roles: dict[int, str]) -> None:
    layout = layout_of(vid, pid)
    assert layout is not None
    assert layout.roles == roles


@pytest.mark.parametrize(("vid", "pid"), [("0403", "6001"), ("413c", "2003"), (None, "0125")])
def test_other_devices_are_not_modems(vid: str | None, pid: str | None) -> None:
    assert layout_of(vid, pid) is None
