"""Properties of the rules for any text; python-stdnum as a second opinion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import imei as stdnum_imei
from stdnum import luhn as stdnum_luhn
from stdnum import meid as stdnum_meid
from stdnum.iso7064 import mod_97_10

from modemagent.identity.check import KINDS, validate
from modemagent.identity.checkdigits import luhn_digit, luhn_fits, mod97_digits, mod97_fits
from modemagent.identity.problems import CODES, Severity

DIGITS = st.text("0123456789", min_size=4, max_size=40)
NUMBERS = st.one_of(
    DIGITS,
    st.text("0123456789ABCDEFabcdef", min_size=4, max_size=40),
    st.builds("89{}".format, st.text("0123456789F", min_size=16, max_size=18)),
    st.builds("98{}".format, st.text("0123456789F", min_size=18, max_size=18)),
    st.builds("08{}".format, st.text("0123456789F", min_size=16, max_size=16)),
    st.builds("5A10{}9000".format, st.text("0123456789F", min_size=32, max_size=32)),
    st.builds(
        lambda text: text + mod97_digits(text),
        st.text("0123456789", min_size=30, max_size=30),
    ),
)
ANSWERS = st.one_of(
    st.text(max_size=60),
    NUMBERS,
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "AT+CGSN\r\r\n", "+CGSN: ", '"', "\ufeff", "+X: +Y: ", "0x", "00"]),
        NUMBERS,
        st.sampled_from(["", '"', ",", "\r\nOK\r\n", " OK", "\x00", "\u00a0", "F"]),
        st.text("0123456789F,\"' -\r\n", max_size=20),
    ),
)


@pytest.mark.parametrize("kind", KINDS)
@given(text=ANSWERS)
def test_any_text_gets_a_verdict_with_listed_codes(kind: str, text: str) -> None:
    verdict = validate(kind, text)
    assert verdict.valid is (verdict.normalized is not None)
    assert len(set(verdict.codes)) == len(verdict.codes)
    errors = [code for code in verdict.codes if CODES[code][0] is Severity.ERROR]
    assert errors == ([] if verdict.valid else list(verdict.codes))
    assert verdict.valid or len(errors) == 1
    assert {problem.field for problem in verdict.problems()} <= {kind}


@pytest.mark.parametrize("kind", KINDS)
@given(text=ANSWERS)
def test_normalized_form_normalizes_to_itself(kind: str, text: str) -> None:
    key = validate(kind, text).normalized
    # the largest decimal MEID is one repeated character in its other form
    if key is not None and not (kind == "meid" and len(set(key)) == 1):
        assert validate(kind, key).normalized == key


@pytest.mark.parametrize("kind", KINDS)
@given(text=NUMBERS)
def test_label_echo_and_quotes_do_not_change_the_verdict(kind: str, text: str) -> None:
    bare = validate(kind, text)
    dressed = validate(kind, f'AT+ASK\r\r\n+ASK: "{text}"\r\n\r\nOK\r\n')
    assert (dressed.normalized, dressed.codes) == (bare.normalized, bare.codes)


@given(DIGITS)
def test_luhn_agrees_with_stdnum(digits: str) -> None:
    assert luhn_digit(digits) == stdnum_luhn.calc_check_digit(digits)
    assert luhn_fits(digits) == stdnum_luhn.is_valid(digits)


@given(st.text("0123456789ABCDEF", min_size=14, max_size=14))
def test_meid_check_digit_agrees_with_stdnum(meid: str) -> None:
    base = 10 if meid.isdigit() else 16
    assert luhn_digit(meid, base=base) == stdnum_meid.calc_check_digit(meid)


@given(st.text("0123456789", min_size=30, max_size=30))
def test_mod97_agrees_with_stdnum(digits: str) -> None:
    assert mod97_digits(digits) == mod_97_10.calc_check_digits(digits)
    assert mod97_fits(digits + mod97_digits(digits))


@given(st.text("0123456789", min_size=15, max_size=15).filter(lambda text: text[14] != "0"))
def test_imei_agrees_with_stdnum(text: str) -> None:
    verdict = validate("imei", text)
    if verdict.codes != ("imei.placeholder",):
        assert verdict.valid is stdnum_imei.is_valid(text)


@given(st.text("0123456789ABCDEF", min_size=14, max_size=14))
def test_decimal_meid_agrees_with_stdnum(meid: str) -> None:
    decimal = f"{int(meid[:8], 16):010d}{int(meid[8:], 16):08d}"
    assert stdnum_meid.format(decimal, separator="", format="hex") == meid
    verdict = validate("meid", decimal)
    if verdict.valid:
        assert verdict.normalized == meid
