"""The table of USB layouts: every row is well formed and none hides another."""

import re

import pytest

from modemagent.discovery.roles import NEVER, ROWS, Row, row_for


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.vid}:{row.pid or '*'}")
def test_a_row_is_well_formed(row: Row) -> None:
    assert re.fullmatch(r"[0-9a-f]{4}", row.vid)
    assert re.fullmatch(r"([0-9a-f]{4})?", row.pid)
    assert all(0 <= number < 32 for number in row.roles)
    assert row.source


def test_no_ids_stand_twice() -> None:
    ids = [(row.vid, row.pid) for row in ROWS]
    assert len(ids) == len(set(ids))


def test_a_recovery_mode_is_never_a_modem() -> None:
    for vid, pid in NEVER:
        assert row_for(vid, pid) is None


def test_a_product_goes_before_its_vendor() -> None:
    assert row_for("2c7c", "0125") is not row_for("2c7c", "0900")
    assert row_for("0403", "6001") is None
