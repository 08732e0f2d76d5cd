"""An incomplete line at the deadline is never information: it may be half a number."""

from __future__ import annotations

import pytest

from modemagent.at.connection import AtConnection
from modemagent.at.results import parse_final


def test_half_a_number_is_not_accepted() -> None:
    dialogue = AtConnection()
    dialogue.send("AT+CIMI")
    # seen with a modem that paused for longer than the deadline: eleven digits pass for an IMSI
    assert dialogue.receive_data(b"AT+CIMI\r\r\n46000000000") == []
    answer = dialogue.expire()
    assert (answer.lines, answer.foreign) == ((), ("46000000000",))
    assert answer.timed_out


@pytest.mark.parametrize("final", [b"OK", b"ERROR", b"+CME ERROR: 10"])
def test_incomplete_final_result_ends_the_response(final: bytes) -> None:
    dialogue = AtConnection()
    dialogue.send("AT+CIMI")
    dialogue.receive_data(b"AT+CIMI\r\r\n460000000000031\r\n\r\n" + final)
    answer = dialogue.expire()
    assert answer.lines == ("460000000000031",)
    assert answer.final == parse_final(final.decode())
