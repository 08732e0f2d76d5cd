"""Error and cause numbers: names against an independent source, remedies, forms of the query."""

from __future__ import annotations

import pytest

from modemagent.at.error_codes import error_codes
from modemagent.at.pin_state import CME_LOCKS, REMEDY
from modemagent.explain import explain, explain_code
from modemagent.explain.meanings import (
    FAMILIES,
    MEANINGS,
    REMEDIES,
    remedy,
    rows_by_subject,
    texts_of,
)
from modemagent.explain.states import ROWS

# Wireshark packet-nas_eps.c, packet-nas_5gs.c, packet-gsm_a_gm.c and ModemManager-errors.h
NAMES = [
    ("EMM 2", "IMSI unknown in HSS"),
    ("EMM 3", "illegal UE"),
    ("EMM 7", "EPS services not allowed"),
    ("EMM 11", "PLMN not allowed"),
    ("EMM 14", "EPS services not allowed in this PLMN"),
    ("EMM 15", "no suitable cells in tracking area"),
    ("EMM 19", "ESM failure"),
    ("EMM 22", "congestion"),
    ("EMM 42", "severe network failure"),
    ("EMM 0x0F", "no suitable cells in tracking area"),
    ("EMM cause #15", "no suitable cells in tracking area"),
    ("emm reject cause: 15", "no suitable cells in tracking area"),
    ("5GMM 3", "illegal UE"),
    ("5GMM 27", "N1 mode not allowed"),
    ("5GMM 62", "no network slices available"),
    ("5GMM 73", "serving network not authorized"),
    ("5gmm_cause 91", "DNN not supported or not subscribed in the slice"),
    ("GMM 7", "GPRS services not allowed"),
    ("GMM 14", "GPRS services not allowed in this PLMN"),
    ("GMM 40", "no PDP context activated"),
    ("MM 4", "IMSI unknown in VLR"),
    ("MM 38", "call cannot be identified"),
    ("MM 55", "retry upon entry into a new cell"),
    ("SM 27", "missing or unknown APN"),
    ("SM 33", "requested service option not subscribed"),
    ("SM 25", "LLC or SNDCP failure (A/Gb mode only)"),
    ("ESM 27", "missing or unknown APN"),
    ("ESM 50", "PDN type IPv4 only allowed"),
    ("ESM 54", "PDN connection does not exist"),
    ("ESM 112", "APN restriction value incompatible with active EPS bearer context"),
    ("5GSM 27", "missing or unknown DNN"),
    ("5GSM 70", "missing or unknown DNN in a slice"),
    ("CME 13", "SIM failure"),
    ("CME ERROR 30", "no network service"),
    ("CME 103", "illegal MS"),
    ("CME 111", "PLMN not allowed"),
    ("CME 122", "congestion"),
    ("CME 133", "requested service option not subscribed"),
    ("CME 148", "unspecified GPRS error"),
    ("CME 171", "last PDN disconnection not allowed"),
    ("CME 179", "requested APN not supported in current RAT and PLMN combination"),
    ("CME 210", "N1 mode not allowed"),
    ("CME 226", "redirection to 5GCN required"),
    ("CME 233", "wireline access area not allowed"),
    ("CME SIM busy", "SIM busy"),
    ("CMS 1", "unassigned (unallocated) number"),
    ("CMS 38", "network out of order"),
    ("CMS 69", "requested facility not implemented"),
    ("CMS 160", "command cannot be actioned"),
    ("CMS 194", "SC system failure"),
    ("CMS 213", "SIM data download error"),
    ("CMS 330", "SMSC address unknown"),
    ("CMS 500", "unknown error"),
    ("SW 9000", "done"),
    ("SW 0x6A82", "file not found"),
    ("sw 69 82", "security status not satisfied"),
]


@pytest.mark.parametrize(("asked", "name"), NAMES)
def test_named_numbers(asked, name):
    found = explain_code(asked)
    assert found is not None
    assert found["text"] == name
    assert "3GPP TS" in str(found["source"]) or "ETSI TS" in str(found["source"])


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "13",
        "EMM",
        "EMM 0",
        "EMM 999",
        "EMM -",
        "EMM 1 2 3",
        "milk 3",
        "SW 6A8",
        "SW ZZZZ",
        "5GMM 2",
        "CME",
        "CME 999",
        "CME no such text",
        "CMS 299",
        "EMM \u0663",
        f"EMM {'9' * 70}",
    ],
)
def test_unknown_numbers(asked):
    assert explain_code(asked) is None


@pytest.mark.parametrize(
    ("line", "text", "remedy"),
    [
        ("+CME ERROR: 10", "SIM not inserted", "card"),
        ("+CME ERROR: SIM PUK required", "SIM PUK required", "PUK"),
        ("+CME ERROR: sim busy", "SIM busy", "Wait"),
        ("+CME ERROR: 516", "Quectel: GNSS: no fix yet", "sky"),
        ("+CME ERROR: 132", "service option not supported", "APN"),
        ("+CMS ERROR: 330", "SMSC address unknown", "AT+CSCA?"),
        ("+CMS ERROR: 42", "congestion", "later"),
    ],
)
def test_error_lines_have_a_remedy(line, text, remedy):
    found = explain("AT+X", line)
    assert found is not None
    assert found["text"] == text
    assert remedy in str(found["remedy"])


def test_conflicting_numbers_name_every_maker():
    found = explain("", "+CME ERROR: 553")
    assert found is not None
    assert found["fields"]["makers"] == ["Quectel", "Telit"]
    assert "memory not enough" in str(found["text"])
    assert "context already activated" in str(found["text"])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("+CME ERROR: 9999", "unknown to the standard"),
        ("+CME ERROR: out of milk", "specific to the maker"),
        ("+CMS ERROR: 299", "unknown to the standard"),
        ("ERROR", "no reason"),
        ("COMMAND NOT SUPPORT", "does not have this command"),
        ("NO CARRIER", "a call ended"),
        ("OK", "done"),
    ],
)
def test_results_without_a_known_number(line, words):
    found = explain("AT", line)
    assert found is not None
    assert words in str(found["text"])


# Numbers each table of the standard must hold; 27.007 clause 9.2 and 27.005 clause 3.2.5
def test_tables_are_complete():
    general = {*range(8), *range(10, 19), *range(20, 28), 30, 31, 32, *range(40, 64), 100}
    packet = {*range(102, 120), 122, *range(124, 151), *range(171, 234)}
    cme, cms = error_codes()["cme"], error_codes()["cms"]
    assert set(cme.texts) == general | packet | set(range(151, 166))
    assert not set(cme.texts) & set(cme.makers)
    assert not set(cms.texts) & set(cms.makers)
    assert {1, 8, 10, 21, 22, 27, 28, 29, 30, 38, 41, 42, 47, 50, 69, 81, 95, 111, 127} <= set(
        cms.texts
    )
    assert {n for n in cms.texts if 128 <= n < 256} == (
        {128, 129, 130, 143, 144, 145, 159, 160, 161, 175, 176, 255}
        | {*range(192, 200), *range(208, 214)}
    )


def test_every_lock_has_the_remedy_of_a_lock():
    assert all(remedy("CME", number).endswith(REMEDY) for number in CME_LOCKS)
    assert remedy("CMS", 312).endswith(REMEDY)


def test_every_remedy_belongs_to_a_number():
    known = {subject: set(texts_of(MEANINGS, subject)) for subject in rows_by_subject(MEANINGS)}
    for kind, codes in error_codes().items():
        known[kind.upper()] = set(map(str, {**codes.texts, **codes.makers}))
    for subject in set(rows_by_subject(REMEDIES)) - set(FAMILIES):
        assert set(texts_of(REMEDIES, subject)) <= known[subject]
    # a row may have a number that only some of its families have
    for family in FAMILIES:
        assert set(texts_of(REMEDIES, family)) & known[family]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_valid_rows(name):
    about, source = FAMILIES[name]
    assert name in about
    assert source.startswith("3GPP TS 24.")
    numbers = set(map(int, texts_of(MEANINGS, name)))
    assert all(0 < number < 256 for number in numbers)
    assert {95, 96, 97, 98, 99, 100, 101, 111} <= numbers


@pytest.mark.parametrize("files", [MEANINGS, REMEDIES], ids=["meanings", "remedies"])
def test_every_text_is_clean(files):
    texts = [
        item for subject in rows_by_subject(files) for item in texts_of(files, subject).items()
    ]
    assert all(value and text and text == text.strip() for value, text in texts)


def test_every_state_field_has_meanings():
    assert all(texts_of(MEANINGS, name) for name in ROWS)


def test_status_words_have_one_or_two_bytes():
    assert all(len(word) in (2, 4) and "60" <= word < "A0" for word in texts_of(MEANINGS, "SW"))
