"""Replacement of personal numbers in every form, with the same verdict by the rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modemagent.at.transcript import Transcript, load
from modemagent.identity.check import validate
from modemagent.identity.checkdigits import luhn_digit, mod97_digits
from modemagent.identity.cleaning import swap_nibbles
from modemagent.privacy.detection import DetectedNumber, detect
from modemagent.privacy.pseudonyms import Pseudonyms

FOLDER = Path(__file__).parents[2] / "fixtures" / "transcripts"
TRANSCRIPTS = [load(path) for path in sorted(FOLDER.glob("*/transcript.toml"))]

IMEI, IMEISV = "867698041357925", "8676980413579278"
ICCID, ICCID_20 = "8988303172946180355", "89883031729461803550"
IMSI, EID = "262018273645091", "89049032817263544556677889900113"


def digits(least: int, most: int | None = None) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most or least).filter(
        # distinctive digits only: a tail of zeros could belong to any pseudonym
        lambda text: len(set(text[-7:])) > 3 and text[-7:-3] not in ("0000", "1111")
    )


def with_check(body: str, choice: int) -> str:
    """Append the check digit plus ``choice``, which is 0 for a right one."""
    return body + str((int(luhn_digit(body)) + choice) % 10)


IMEIS = st.builds(
    lambda tac, serial, off: with_check(tac + serial, off),
    st.sampled_from(("86769804", "35265610", "00100100", "99001122")),
    digits(6),
    st.sampled_from((0, 0, 0, 3)),
)
ICCIDS = st.builds(
    lambda front, rest, off, more: with_check(front + rest, off) + more,
    st.sampled_from(("8988303", "8949210", "8986038", "8901260")),
    digits(11),
    st.sampled_from((0, 0, 4)),
    st.sampled_from(("", "", "7")),
) | st.builds(
    lambda front, rest: front + rest, st.sampled_from(("898604B2", "898600f00A")), digits(10, 12)
).filter(lambda text: len(text) in (19, 20))
IMSIS = st.builds(
    lambda front, rest: front + rest, st.sampled_from(("26201", "310260", "90128")), digits(9)
).map(lambda text: text[:15])
EIDS = st.builds(
    lambda front, rest: front + rest + mod97_digits(front + rest),
    st.sampled_from(("89049032", "89033240")),
    digits(22),
)

#: Forms of a number in responses: grouped, with filler, swapped, cut, as character codes.
SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda n: n,
    lambda n: f'"{n}"',
    lambda n: swap_nibbles(n + "F" * (len(n) % 2)),
    lambda n: swap_nibbles(n + "F" * (len(n) % 2)).lower(),
    lambda n: swap_nibbles("9" + n + "F" * ((len(n) + 1) % 2)),
    lambda n: f"{n[:4]} {n[4:8]} {n[8:12]} {n[12:]}",
    lambda n: f"{n[:2]}-{n[2:8]}-{n[8:14]}-{n[14:]}",
    lambda n: f"{n[:5]}\r\n+CREG: 1\r\n{n[5:]}",
    lambda n: n.encode().hex(),
    lambda n: n.encode("utf-16-be").hex().upper(),
    lambda n: f"text{n}more",
    lambda n: f"...{n[-7:]}",
    lambda n: f"*{n[-9:]}*",
)


def responses_with(transcript: Transcript, new: dict[str, str]) -> list[tuple[str, str]]:
    """Return the responses of a transcript with other numbers in the same forms."""
    answers = [(each.send, each.wire().decode("latin-1")) for each in transcript.exchanges]
    first: dict[str, str] = {}
    for line, text in answers:
        for seen in detect(line, text):
            if seen.kind in new:
                first.setdefault(seen.value, new[seen.kind])
    out = []
    for line, text in answers:
        for old, number in first.items():
            text = re.sub(re.escape(old), number, text, flags=re.IGNORECASE)
            text = text.replace(swap_nibbles(old), swap_nibbles(number))
        out.append((line, text))
    return out


def readable(original: str, text: str) -> bool:
    """Return True if the text contains an original, its swapped form or its end."""
    bare = re.sub(r"[-/._: \t\r\n]|\+CREG: 1", "", text).upper()
    original = original.upper()
    forms = {original, swap_nibbles(original + "F" * (len(original) % 2)), original[-7:]}
    forms |= {original.encode().hex().upper(), original.encode("utf-16-be").hex().upper()}
    return any(form in bare for form in forms)


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    which=st.sampled_from(TRANSCRIPTS),
    imei=IMEIS,
    iccid=ICCIDS,
    imsi=IMSIS,
    eid=EIDS,
    spelled=st.lists(st.sampled_from(SPELLINGS), min_size=4, max_size=4),
)
def test_no_form_of_an_original_is_left(
    which: Transcript,
    imei: str,
    iccid: str,
    imsi: str,
    eid: str,
    spelled: list[Callable[[str], str]],
) -> None:
    real = {"imei": imei, "iccid": iccid, "imsi": imsi, "eid": eid}
    answers = responses_with(which, real)
    # each number once in the response to its command, then in a form that some module uses
    answers += [
        ("AT+CGSN", f"\r\n{imei}\r\n\r\nOK\r\n"),
        ("AT+CCID", f"\r\n+CCID: {iccid}\r\n\r\nOK\r\n"),
        ("AT+CIMI", f"\r\n{imsi}\r\n\r\nOK\r\n"),
        ('AT+QESIM="eid"', f'\r\n+QESIM: "eid",0,"{eid}"\r\n\r\nOK\r\n'),
    ]
    again = [
        ("ATI", f"\r\n{say(n)}\r\nOK\r\n") for say, n in zip(spelled, real.values(), strict=True)
    ]
    book = Pseudonyms([*answers, *again])
    rewritten = [book.rewrite(text) for _, text in [*answers, *again]]
    for number in real.values():
        assert not any(readable(number, text) for text in rewritten), number
    assert book.survivors("\0".join(rewritten)) == set()
    assert [len(each) for each in rewritten] == [len(text) for _, text in [*answers, *again]]
    for place, (kind, number) in enumerate(real.items(), len(answers) - 4):
        line, _ = answers[place]
        (new,) = [seen.value for seen in detect(line, rewritten[place]) if seen.kind == kind][:1]
        assert validate(kind, new).codes == validate(kind, number.upper()).codes


@pytest.mark.parametrize(
    ("kind", "number", "kept"),
    [
        ("imei", IMEI, 8),
        ("iccid", ICCID, 7),
        ("iccid", ICCID_20, 7),
        ("iccid", "898604B2316497520345", 7),
        ("imsi", IMSI, 5),
        ("eid", EID, 8),
    ],
)
def test_issuer_length_and_verdict_stay(kind: str, number: str, kept: int) -> None:
    command = {"imei": "AT+CGSN", "iccid": "AT+CCID", "imsi": "AT+CIMI", "eid": "AT+CCID"}[kind]
    book = Pseudonyms([(command, number)])
    ((seen, _),) = book.given.items()
    assert seen.kind == kind
    new = book.rewrite(number)
    assert new != number
    assert (new[:kept], len(new)) == (number[:kept], len(number))
    assert validate(kind, new).codes == validate(kind, number).codes


@pytest.mark.parametrize("last", "0123456789")
def test_wrong_check_digit_gets_the_same_code(last: str) -> None:
    number = IMEI[:14] + last
    book = Pseudonyms([("AT+CGSN", f"+CGSN: {number}")])
    new = book.rewrite(number)
    assert new[:8] == number[:8]
    assert new != number
    assert validate("imei", new).codes == validate("imei", number).codes


def test_imei_and_imeisv_get_one_pseudonym() -> None:
    book = Pseudonyms([("AT+CGSN=1", f'+CGSN: "{IMEI}"'), ("AT+CGSN=2", f'+CGSN: "{IMEISV}"')])
    imei, imeisv = book.rewrite(IMEI), book.rewrite(IMEISV)
    assert imei[:14] == imeisv[:14]
    assert imeisv[14:] == IMEISV[14:]
    assert book.counts == {"imei": 1}


def test_iccid_of_19_and_20_digits_get_one_pseudonym() -> None:
    book = Pseudonyms([("AT+CCID", ICCID_20), ("AT+ICCID", ICCID)])
    assert book.rewrite(ICCID_20)[:19] == book.rewrite(ICCID)


def test_two_numbers_of_a_kind_stay_different() -> None:
    other = with_check("86769804246813", 0)
    book = Pseudonyms([("AT+CGSN", IMEI), ("ATI", f"IMEI: {other}")])
    assert len({book.rewrite(IMEI), book.rewrite(other)}) == 2
    assert book.counts == {"imei": 2}


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("AT+CGSN", "000000000000000"),
        ("AT+CGSN", "490154203237518"),
        ("AT+CCID", "89000123456789012341"),
        ("AT+CIMI", "123456789012345"),
        ("AT+CCID", "89049032123451234512345678901235"),
    ],
)
def test_published_numbers_stay(command: str, number: str) -> None:
    assert Pseudonyms([(command, number)]).rewrite(number) == number


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("AT+CGMR", "SWI9X30C_02.24.05.06 r7040 CARMD-EV-FRMWR2 2017/05/19 06:23:09"),
        ("AT+CGMR", "25.30.602.0000000001"),
        ("AT+GTPKGVER?", "+GTPKGVER: 18500.5001.00.05.27.16_5001.05.001.033"),
        ("ATI", "Revision: EG25GGBR07A08M2G"),
        ("AT+CCLK?", '+CCLK: "26/11/20,00:11:33+00"'),
        ("AT+CREG?", "+CREG: 0,1"),
        ("AT+COPS?", '+COPS: 0,0,"Vodafone.de",7'),
        ("AT+CESQ", "+CESQ: 99,99,255,255,20,80"),
        ("AT+CLAC", "&C\r\n+CGSN\r\n^ICCID"),
    ],
)
def test_responses_without_personal_data_stay(command: str, text: str) -> None:
    assert Pseudonyms([(command, text)]).rewrite(text) == text


PERSONAL = (
    ("ATI", "FSN: LF84630127501", "84630127501"),
    ("ATI", "S/N: D60346182735", "46182735"),
    ("AT+CGSN=0", "B1C84630127", "84630127"),
    ("AT+CNUM", '+CNUM: "Line 1","+491711234567",145', "1234567"),
    ("AT+CNUM", '+CNUM: "Erika M","+491711234567",145', "Erika"),
    ("AT+CNUM", '+CNUM: ,"01711234567",129', "1234567"),
    ("ATI", "MEID: A1000017E4B39D", "17E4B39D"),
    ("ATI", "ESN: 80E4B39D", "E4B39D"),
    ("AT+GSN", "0x80E4B39D", "E4B39D"),
    ("AT+CREG?", '+CREG: 2,1,"84CD","00D30173",7', "D30173"),
    ("AT+CREG?", "+CREG: 2,1,0A,37001", "37001"),
    ("", '+CEREG: 1,"84CD","00D30173",7', "D30173"),
    ("AT+CPSI?", "+CPSI: LTE,Online,460-11,0x5A1E,187214780,257,EUTRAN-BAND1", "187214780"),
    ("", '+CGEV: PDN ACT 1,"10.191.209.135"', "10.191.209.135"),
    ("", "+CGPADDR: 1,10.191.209.135", "10.191.209.135"),
    ("", "$GPGGA,123519,4807.038123,N,01131.000456,E,1,08,0.9,545.4,M,46.9,M,,*47", "4807.038123"),
    ("", "+CGPSINFO: 4807.038123,N,01131.000456,E,201126,123519.0,545.4,0.0,", "01131.000456"),
)


@pytest.mark.parametrize(("command", "text", "secret"), PERSONAL)
def test_other_personal_data_is_replaced(command: str, text: str, secret: str) -> None:
    book = Pseudonyms([(command, text)])
    new = book.rewrite(text)
    assert secret in text
    assert secret not in new
    assert sum(book.counts.values()) >= 1
    assert new.partition(":")[0] == text.partition(":")[0] or ":" not in text


def test_nmea_sentence_keeps_a_right_checksum() -> None:
    sentence = "$GPGLL,4807.038123,N,01131.000456,E,225444,A,*1D"
    new = Pseudonyms([("", sentence)]).rewrite(sentence)
    total = 0
    for char in new[1 : new.index("*")]:
        total ^= ord(char)
    assert new.endswith(f"*{total:02X}")


def test_unknown_location_stays() -> None:
    text = '+CREG: 2,0,"FFFE","FFFFFFFF"'
    assert Pseudonyms([("AT+CREG?", text)]).rewrite(text) == text


def test_earlier_pseudonyms_are_used_again() -> None:
    before = [("AT+CGSN", f"\r\n{IMEI}\r\n\r\nOK\r\n"), ("AT+CCID", f"+CCID: {ICCID}")]
    book = Pseudonyms(before)
    written = [(line, book.rewrite(text)) for line, text in before]
    other_card = with_check("898830399887766554", 0)
    again = Pseudonyms([before[0], ("AT+CIMI", IMSI)], like=written)
    assert again.rewrite(before[0][1]) == written[0][1]
    elsewhere = Pseudonyms([("AT+ICCID", other_card)], like=written)
    assert elsewhere.rewrite(other_card) not in written[1][1]


def test_detected_numbers_are_in_reading_order() -> None:
    card = DetectedNumber("iccid", ICCID)
    swapped = swap_nibbles(ICCID + "F")
    assert detect("AT+CRSM=176,12258,0,0,10", f'+CRSM: 144,0,"{swapped}"') == [card]
    assert detect("AT^ICCID?", f"^ICCID: {swapped}") == [card]
    assert set(detect("AT+CCID", f"+CCID: {ICCID},{EID}")) == {card, DetectedNumber("eid", EID)}
    assert detect("AT+CCID", f"AT+CCID\r\r\n+CCID: {ICCID}{ICCID}") == [card]


def test_start_of_a_pseudonym_is_not_a_survivor() -> None:
    eid = "89049032000000000000000000102304"
    answers = [("AT+CCID", eid), ("ATI", f"8904 9032 0000 {eid[12:]}")]
    pseudonyms = Pseudonyms(answers)
    text = "\0".join(pseudonyms.rewrite(text) for _, text in answers)
    assert eid[12:] not in text
    assert pseudonyms.survivors(text) == set()
