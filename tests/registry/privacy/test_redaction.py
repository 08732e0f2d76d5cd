"""Numbers cut out of texts, in the forms in which modems write them."""

from __future__ import annotations

import json

import pytest

from modemagent.registry.redaction import ERASED, Redaction
from tests.registry.conftest import EID, ICCID

IMSI = "262011234567890"


@pytest.mark.parametrize(
    "text",
    [
        f"+QCCID: {ICCID}",
        f"+QCCID: {ICCID}F",
        '+CRSM: 144,0,"988803030000000010F0"',
        '+CRSM: 144,0,"988803030000000010f0"',
        '+CRSM: 144,0,"082926102143658709"',  # EF IMSI, TS 31.102 clause 4.2.2
        "8988 3030 0000 0000 010",
        "8988-3030-0000-0000-010",
        ", ".join(IMSI),
        "\r\n".join((ICCID[:9], ICCID[9:])),
        f"imsi={IMSI} and iccid={ICCID}",
        EID,
        "3839383833303330303030303030303030303130",
        "0032003600320030003100310032003300340035003600370038003900300000",
    ],
)
def test_number_is_cut_out_in_every_form(text: str) -> None:
    redaction = Redaction([ICCID, ICCID[:19], IMSI, EID])
    if "3938" in text:
        redaction = Redaction(["89883030000000000010"])
    assert redaction.is_in(text)
    assert not redaction.is_in(redaction.of_text(text))
    assert ERASED in redaction.of_text(text)


def test_number_with_separators_is_cut_out_of_a_text() -> None:
    text = "box 7: 8988 3030-0000.0000 010, was 898830 3000000 000028"
    assert Redaction([ICCID]).of_text(text) == f"box 7: {ERASED}, was 898830 3000000 000028"


@pytest.mark.parametrize(
    "text", ["+CSQ: 20,99", "8988303000000000028", "867698040000013", "2026-12-01T10:00:00Z", ""]
)
def test_other_text_stays(text: str) -> None:
    redaction = Redaction([ICCID, IMSI, EID])
    assert redaction.of_text(text) == text


def test_body_keeps_everything_else() -> None:
    body = {"sims": [{"iccid": ICCID, "iccid_raw": f"{ICCID}F", "slot": 1}], "note": "é\udc80",
            "evidence": [{"answer": f"\r\n{ICCID}\r\nOK\r\n", "at_ms": 3}]}  # fmt: skip
    found = json.loads(Redaction([ICCID]).of_body(json.dumps(body).encode()))
    assert found["sims"] == [{"iccid": None, "iccid_raw": None, "slot": 1}]
    assert found["evidence"] == [{"answer": f"\r\n{ERASED}\r\nOK\r\n", "at_ms": 3}]
    assert found["note"] == body["note"]
