"""The table of USB layouts: every row is valid, and none hides another."""

import re

import pytest

from modemagent.at.data_rows import data_rows
from modemagent.dialects import catalogue, usb_ids
from modemagent.dialects.usb_ids import (
    PROTOCOLS,
    layout_of,
    layouts,
    recovery_modes,
    recovery_of,
    role_by_protocol,
)
from modemagent.discovery.candidate import Role

ROWS = [tuple(row) for row in data_rows(usb_ids.__file__, "usb_ids.txt")]
RECOVERY = [tuple(row) for row in data_rows(usb_ids.__file__, "usb_flashing.txt")]
LAYOUTS = list(layouts())
DIALECTS = {row.dialect.name for row in catalogue.ROWS}


def test_layout_rows_are_valid() -> None:
    for row in ROWS:
        vid, pids, dialect, roles, source = row
        assert re.fullmatch(r"[0-9a-f]{4}", vid), row
        assert re.fullmatch(r"\*|[0-9a-f]{4}( [0-9a-f]{4})*", pids), row
        assert dialect == "-" or dialect in DIALECTS, row
        assert re.fullmatch(r"-|(\d{1,2}:(at|data|nmea|diag)( |$))+", roles), row
        numbers = [int(role.partition(":")[0]) for role in roles.removeprefix("-").split()]
        assert numbers == sorted(set(numbers)) and all(number < 32 for number in numbers), row
        assert source.strip(), row


def test_layout_with_roles_has_a_source() -> None:
    for layout in LAYOUTS:
        if layout.roles:
            assert re.search(
                r"\bMM\b|\bkernel\b|\btrace [a-z]|modemdata|QModem|3ginfo|modemband|user guide",
                layout.source,
            )


def test_ids_are_unique() -> None:
    for table in (ROWS, RECOVERY):
        ids = [(row[0], pid) for row in table for pid in row[1].split()]
        assert len(ids) == len(set(ids))


def test_recovery_mode_is_never_a_modem() -> None:
    for vid, pid in recovery_modes():
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


@pytest.mark.parametrize(
    ("ids", "mode"),
    [
        ("05c6:9008", "Qualcomm emergency download"),
        ("05c6:900e", "Qualcomm memory dump"),
        ("18d1:d00d", "Android fastboot"),
        ("0e8d:0003", "MediaTek boot ROM"),
        ("0e8d:2000", "MediaTek preloader"),
        ("1782:4d00", "Unisoc download"),
        ("1199:9070", "boot mode"),
        ("1199:901e", "Sierra EM7355 QDL"),
        ("413c:8218", "DW5826e QDL"),
        ("8087:0716", "Intel XMM flash loader"),
        ("1bc7:9010", "Telit FN980"),
    ],
)
def test_known_flashing_modes(ids: str, mode: str) -> None:
    vid, _, pid = ids.partition(":")
    assert mode in str(recovery_of(vid, pid))


@pytest.mark.parametrize("product", ["QHSUSB__BULK", "QUSB__BULK", "QUSB_BULK_CID:0402_SN:12AB"])
def test_boot_loader_with_ids_of_the_maker_is_never_opened(product: str) -> None:
    assert recovery_of("2c7c", "0125", product) is not None
    assert recovery_of("2c7c", "0125", "EG25-G") is None


def test_product_rows_exclude_recovery_modes() -> None:
    assert not recovery_modes().keys() & {(layout.vid, layout.pid) for layout in LAYOUTS}
    assert recovery_of("2c7c", "0125") is None
    assert recovery_of(None, None) is None


@pytest.mark.parametrize("row", PROTOCOLS, ids=lambda row: row[0])
def test_protocol_row_is_valid(row: tuple[str, str, str]) -> None:
    vids, roles, source = row
    known = {layout.vid for layout in LAYOUTS} | {f"{each.vid}:{each.pid}" for each in LAYOUTS}
    assert set(vids.split()) <= known | {"*"}
    assert re.fullmatch(r"((\*|[0-9a-f]{2})/[0-9a-f]{2}:(at|data|nmea|diag)( |$))+", roles)
    names = [one.partition(":")[0] for one in roles.split()]
    assert len(names) == len(set(names))
    assert re.search(r"\bMM\b|kernel", source)


@pytest.mark.parametrize(
    ("ids", "kind", "role"),
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
        # HP lt4132 has Huawei's protocols, other HP products have not
        ("03f0:a31d", "ff/06/12", "at"),
        ("03f0:a31d", "ff/06/13", "diag"),
        ("03f0:0857", "ff/06/12", None),
        # any maker: Qualcomm's protocols
        ("0489:e0ee", "ff/ff/40", "at"),
        ("3466:3301", "ff/ff/30", "diag"),
    ],
)
def test_roles_by_protocol(ids: str, kind: str, role: str | None) -> None:
    vid, _, pid = ids.partition(":")
    told = role_by_protocol(vid, pid, kind)
    assert (told and told[0]) == role


def test_roles_exist_in_discovery() -> None:
    words = {word for layout in LAYOUTS for word in layout.roles.values()}
    assert words == {str(role) for role in Role} - {"unknown"}


def test_every_row_is_found() -> None:
    assert [one for one in LAYOUTS if layout_of(one.vid, one.pid or "ffff") != one] == []


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
        # the layouts of kernel qcserial: Gobi 1000, Gobi 2000, EC20, Sierra
        ("05c6", "9212", {0: "diag", 2: "at"}),
        ("1199", "9013", {1: "diag", 2: "at", 3: "nmea"}),
        ("05c6", "9215", {0: "diag", 1: "nmea", 2: "at", 3: "at"}),
        ("413c", "81b1", {0: "diag", 2: "nmea", 3: "at"}),
        # modems of kernel sierra differ from those of qcserial
        ("1199", "6813", {}),
        # rules of ModemManager
        ("33f8", "1003", {2: "nmea", 3: "diag", 4: "at"}),
        ("33f8", "0802", {6: "at"}),
        ("2020", "2060", {0: "diag", 1: "at", 2: "at", 3: "at"}),
        ("1bc7", "10d1", {2: "nmea", 3: "at", 4: "at", 6: "diag"}),
        ("1bc7", "7021", {2: "at", 6: "at"}),
        ("1e2d", "00f1", {2: "at", 4: "nmea"}),
        ("0421", "0619", {3: "at"}),
        # public bug reports
        ("3466", "3301", {3: "at"}),
        ("1782", "4057", {2: "at"}),
        ("1782", "4e00", {0: "at", 3: "at"}),
        ("305a", "1421", {1: "at"}),
        ("2dee", "4d38", {3: "at"}),
        ("3763", "3c93", {1: "at"}),
        ("03f0", "0857", {1: "at", 2: "at"}),
        ("0e8d", "7127", {6: "at"}),
        ("2c7c", "0903", {}),
        ("1915", "910a", {}),
        ("2cd2", "0001", {}),
    ],
)
def test_known_products(vid: str, pid: str, roles: dict[int, str]) -> None:
    layout = layout_of(vid, pid)
    assert layout is not None
    assert layout.roles == roles


@pytest.mark.parametrize(
    ("vid", "pid"),
    [
        ("0403", "6001"),
        ("413c", "2003"),
        (None, "0125"),
        ("1546", "01a8"),
        ("1546", "01a9"),
        ("1915", "520f"),
        ("2341", "0043"),
        ("1366", "0105"),
    ],
)
def test_other_devices_are_not_modems(vid: str | None, pid: str | None) -> None:
    assert layout_of(vid, pid) is None
