"""Attribution of lines, one case for each rule."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.at.connection import AtConnection
from modemagent.at.line_splitter import ANSWER_LIMIT, LineEvent
from modemagent.at.steps import Response
from modemagent.at.transcript import load
from modemagent.errors import ProtocolError

EXCHANGES = tuple(
    (each.send, each.wire(echo=transcript.echoes))
    for path in sorted(Path(__file__).parents[2].glob("fixtures/transcripts/*/transcript.toml"))
    for transcript in (load(path),)
    for each in transcript.exchanges
)
ECHOING = ("AT", b"AT\r\r\nOK\r\n")
MUTE = ("AT+CGMI", b"")


def ask(dialogue, line, wire):
    dialogue.send(line)
    got = dialogue.receive_data(wire)
    return [each for each in got if isinstance(each, Response)]


# echo


@pytest.mark.parametrize(
    "echo",
    [
        b"AT+CGSN\r",
        b"AT+CGSN\r\n",
        b"AT+CGSN\r\r\n",
        b"at+cgsn\r",
        b"\x00AT+CGSN\r",
        b"\xff\xfeAT+CGSN\r",
        b"AT+CGSN\rAT+CGSN\r",
        b"AT+C\r\n+CREG: 2\r\nGSN\r",
        b"AT+C+CREG: 2\r\nGSN\r",
        b"AT\r\n+CREG: 2\r\n+CG\r\n+CREG: 5\r\nSN\r",
        b"_OWANCALL: 1, 0\r\nAT+CGSN\r",
    ],
)
def test_own_echo(talk, echo):
    [answer] = talk(("AT+CGSN", echo + b"\r\n354533020000016,PR29A1F99T\r\n\r\nOK\r\n"))
    assert answer.lines == ("354533020000016,PR29A1F99T",)
    assert answer.echoed
    assert answer.ok
    assert all(line.startswith(("+CREG:", "_OWANCALL:")) for line in answer.foreign)


@pytest.mark.parametrize("echo", [b"T+CGSN\r", b"+CGSN\r", b"CGSN\r", b"AT+C\xffSN\r"])
def test_truncated_echo_is_foreign_and_proves_the_response(talk, echo):
    [answer] = talk(ECHOING, ("AT+CGSN", echo + b"\r\n352656100000010\r\n\r\nOK\r\n"))
    assert answer.lines == ("352656100000010",)
    assert not answer.echoed
    assert len(answer.foreign) == 1
    assert answer.ok


def test_echo_split_by_a_urc_as_on_ericsson(talk):
    [answer] = talk(("AT*EMRDY?", b"T*EMRD\r\n*EMRDY: 1\r\nY?"))
    assert answer.lines == ("*EMRDY: 1",)
    assert answer.foreign == ("T*EMRD", "Y?")
    assert answer.timed_out
    assert not answer.echoed


def test_only_an_equal_line_is_an_echo(talk):
    [answer] = talk(("AT+GMM", b"\r\nGMM900\r\nAT&T\r\n\r\nOK\r\n"))
    assert answer.lines == ("GMM900", "AT&T")


def test_echo_after_an_incomplete_line():
    dialogue = AtConnection()
    assert dialogue.receive_data(b"> ") == []
    [answer] = ask(dialogue, "AT", b"AT\r\r\nOK\r\n")
    assert answer.echoed
    assert answer.foreign == (">",)


# late answers


def test_echo_of_another_command_claims_its_response(talk):
    late = b"AT+CREG?\r\r\n+CREG: 0,2\r\n\r\nOK\r\n"
    [answer] = talk(("AT+COPS?", late))
    assert answer.timed_out
    assert answer.lines == ()
    assert answer.foreign == ("AT+CREG?", "+CREG: 0,2", "OK")
    ours = b'AT+COPS?\r\r\n+COPS: 0,0,"SGP-M1",2\r\n\r\nOK\r\n'
    [answer] = talk(("AT+COPS?", late + ours))
    assert answer.lines == ('+COPS: 0,0,"SGP-M1",2',)
    assert answer.foreign == ("AT+CREG?", "+CREG: 0,2", "OK")


def test_booting_quectel_responds_one_command_late(talk):
    got = talk(
        ECHOING,
        ("AT", b""),
        ("AT+CREG?", b"AT\r\r\nOK\r\n\r\n+QIND: SMS DONE\r\n"),
        ("AT+COPS?", b"AT+CREG?\r\r\n+CREG: 0,2\r\n\r\nOK\r\n"),
        ("AT", b"AT+COPS?\r\r\n+COPS: 0\r\n\r\nOK\r\nAT\r\r\nOK\r\n"),
    )
    assert got == [
        Response("AT", (), got[0].final, True, ("AT+COPS?", "+COPS: 0", "OK"), got[0].raw),
    ]
    assert got[0].ok


def test_lines_before_the_echo_are_foreign_on_an_echoing_port(talk):
    [answer] = talk(
        ECHOING,
        ("AT+CGMI", b"AT+CGMI\r"),
        ("AT+CIMI", b"\r\nu-blox\r\n\r\nOK\r\nAT+CIMI\r\r\n204040000000037\r\n\r\nOK\r\n"),
    )
    assert answer.lines == ("204040000000037",)
    assert answer.foreign == ("u-blox", "OK")
    assert answer.echoed


def test_late_response_is_not_used_for_a_lost_command(talk):
    [answer] = talk(ECHOING, ("AT+CGMI", b"AT+CGMI\r"), ("AT+CIMI", b"\r\nu-blox\r\n\r\nOK\r\n"))
    assert answer.lines == ()
    assert answer.timed_out
    assert answer.foreign == ("u-blox", "OK")


def test_response_to_another_program_before_the_echo(talk):
    [answer] = talk(
        ECHOING,
        ("AT+CIMI", b"\r\nQuectel\r\n\r\nOK\r\nAT+CIMI\r\r\n310260000000011\r\n\r\nOK\r\n"),
    )
    assert answer.lines == ("310260000000011",)


def test_disabled_echo_costs_at_most_one_deadline():
    dialogue = AtConnection()
    ask(dialogue, *ECHOING)
    assert dialogue.echoes
    assert ask(dialogue, "AT+CIMI", b"\r\n310260000000011\r\n\r\nOK\r\n") == []
    assert dialogue.awaiting_echo
    answer = dialogue.expire()
    assert answer.lines == ("310260000000011",)
    assert answer.ok
    assert not answer.echoed
    assert not dialogue.echoes
    [answer] = ask(dialogue, "AT+CGMI", b"\r\nQuectel\r\n\r\nOK\r\n")
    assert answer.lines == ("Quectel",)


def test_port_that_echoes_sometimes_is_trusted_twice():
    dialogue = AtConnection()
    for misled in range(4):
        ask(dialogue, *ECHOING)
        answered = ask(dialogue, "AT+CGMI", b"\r\nQuectel\r\n\r\nOK\r\n")
        assert bool(answered) is (misled >= 2)
        [answer] = answered or [dialogue.expire()]
        assert answer.lines == ("Quectel",)


def test_own_ate0_ends_echo_at_once(talk):
    for line in ("ATE0", "ATE", "ATE0Q0V1"):
        [answer] = talk(
            ECHOING,
            (line, line.encode() + b"\r\r\nOK\r\n"),
            ("AT+CGMI", b"\r\nQuectel\r\n\r\nOK\r\n"),
        )
        assert answer.ok


def test_ate0_may_be_ignored(talk):
    [answer] = talk(
        ("ATE0", b"ATE0\r\r\nOK\r\n"), ("AT+CGMI", b"AT+CGMI\r\r\nQuectel\r\n\r\nOK\r\n")
    )
    assert answer.lines == ("Quectel",)
    assert answer.echoed


def test_garbled_echo_of_another_program(talk):
    [answer] = talk(("AT+CIMI", b"TATE0\r\r\nOK\r\n\r\n310260000000011\r\n\r\nOK\r\n"))
    assert answer.lines == ("310260000000011",)
    assert answer.foreign == ("TATE0", "OK")


def test_list_of_commands_is_not_taken_for_echoes(talk):
    [answer] = talk(ECHOING, ("AT+CLAC", b"AT+CLAC\r\r\nAT+CGSN\r\nATI\r\n\r\nOK\r\n"))
    assert answer.lines == ("AT+CGSN", "ATI")


# unsolicited lines


@pytest.mark.parametrize(
    "urc",
    [
        b"RING",
        b'+CMTI: "SM",3',
        b"+QIND: PB DONE",
        b"Call Ready",
        b"^RSSI: 19",
        b"^SYSSTART AIRPLANE MODE",
        b"MODEM:STARTUP",
        b"+PACSP0",
        b"%XMODEMSLEEP: 4,0",
        b"+UUSIMSTAT:6",
        b"NO CARRIER",
        b"$GPRMC,,V,,,,,,,,,,N*53",
        b"\x93\xe4\xff\x81",
    ],
)
def test_known_urcs_between_command_and_response(talk, urc):
    [answer] = talk(("AT+CGSN", b"\r\n" + urc + b"\r\n352656100000010\r\nOK\r\n"))
    assert answer.lines == ("352656100000010",)
    assert answer.ok
    assert len(answer.foreign) == 1


def test_line_with_the_command_prefix_is_kept(talk):
    [answer] = talk(("AT+CEREG?", b"+CEREG: 2\r\n+CPIN: READY\r\n+CEREG: 1,2\r\nOK\r\n"))
    assert answer.lines == ("+CEREG: 2", "+CEREG: 1,2")
    assert answer.foreign == ("+CPIN: READY",)


@pytest.mark.parametrize(
    ("line", "information"),
    [
        ("AT+CICCID", "+ICCID: 898607E0000000000751"),
        ("AT+ZPAS?", '+BEARTYPE: "UMTS","CS_PS"'),
        ("AT+CPIN?", "+CPIN: READY"),
        ("AT+CFUN?", "+CFUN: 1"),
        ("ATI", "+GCAP: +CGSM,+DS"),
    ],
)
def test_response_is_never_taken_for_a_urc(talk, line, information):
    [answer] = talk((line, b"\r\n" + information.encode() + b"\r\n\r\nOK\r\n"))
    assert answer.lines == (information,)


def test_lines_after_the_final_result_are_unsolicited(talk):
    got = talk(("AT", b"AT\r\r\nOK\r\n\r\n+CPIN: READY\r\n\r\nhello\r\n"))
    assert isinstance(got[0], Response)
    assert got[1:] == [LineEvent("urc", "+CPIN: READY"), LineEvent("text", "hello")]


def test_outside_a_command():
    dialogue = AtConnection()
    got = dialogue.receive_data(b"\r\nRDY\r\nOK\r\n$GPGGA,1,2,3\r\n8\xff\xff\r\nhi\r\n")
    assert [(event.kind, event.line) for event in got] == [
        ("urc", "RDY"),
        ("final", "OK"),
        ("nmea", "$GPGGA,1,2,3"),
        ("noise", "8\ufffd\ufffd"),
        ("text", "hi"),
    ]
    heard = dialogue.take_unsolicited()
    assert heard.lines == ("RDY", "OK", "$GPGGA,1,2,3", "8\ufffd\ufffd", "hi")
    assert heard.raw.endswith(b"hi\r\n")
    assert dialogue.take_unsolicited().lines == ()


# final results


@pytest.mark.parametrize(
    ("final", "kind"),
    [
        (b"OK", "ok"),
        (b"ERROR", "error"),
        (b"ERROR: 4", "error"),
        (b"SIM ERROR", "error"),
        (b"+CME ERROR: 10", "cme"),
        (b"+CME ERROR:10", "cme"),
        (b"+CME ERROR: SIM not inserted", "cme"),
        (b"+CMS ERROR: 310", "cms"),
        (b"COMMAND NOT SUPPORT", "refused"),
        (b"NA", "refused"),
        (b"ABORTED", "call"),
        (b"NO CARRIER", "call"),
    ],
)
def test_final_results_end_the_response(talk, final, kind):
    [answer] = talk(("AT+CPIN?", b"\r\n" + final + b"\r\n"))
    assert answer.final.kind == kind
    assert answer.final.text == final.decode()
    assert answer.lines == answer.foreign == ()


@pytest.mark.parametrize("final", [b"NO CARRIER", b"BUSY", b"NO ANSWER", b"NO DIALTONE"])
def test_call_result_ends_a_query_only_at_the_deadline(final):
    [answer] = ask(AtConnection(), "ATD123;", final + b"\r\n")
    assert answer.final.kind == "call"
    dialogue = AtConnection()
    assert ask(dialogue, "AT+CPIN?", final + b"\r\n") == []
    assert dialogue.expire().final.kind == "call"


def test_dropped_call_does_not_end_another_response(talk):
    [answer] = talk(("AT+CIMI", b"AT+GMM\r\nNO CARRIER\r\nX\r\nOK\r\nAT+CIMI\r\n1\r\nOK\r\n"))
    assert answer.lines == ("1",)
    assert answer.foreign == ("AT+GMM", "NO CARRIER", "X", "OK")


def test_no_final_result(talk):
    [answer] = talk(("AT+CPIN?", b"AT+CPIN?\r\r\n+CPIN: READY\r\n"))
    assert answer.timed_out
    assert answer.lines == ("+CPIN: READY",)
    [answer] = talk(("AT+CPIN?", b"\r\n+CME ERROR:\r\n"))
    assert answer.timed_out


def test_incomplete_final_result_counts_at_the_deadline(talk):
    [answer] = talk(("AT+CPIN?", b"AT+CPIN?\r\r\n+CPIN: READY\r\n\r\nOK"))
    assert answer.ok
    assert answer.lines == ("+CPIN: READY",)


def test_numeric_results(talk):
    [answer] = talk(("AT", b"AT\r0\r"))
    assert answer.ok
    assert answer.final.text == "0"
    [answer] = talk(("AT", b"AT\r4\r"))
    assert answer.final.kind == "error"
    [answer] = talk(("AT", b"AT\r0\r"), ("AT+CGSN", b"AT+CGSN\r352656100000010\r\n0\r"))
    assert answer.ok
    assert answer.lines == ("352656100000010",)
    [answer] = talk(("AT", b"0\r"), ("ATV1", b"\r\nOK\r\n"), ("AT+CGSN", b"\r\n0\r\n\r\nOK\r\n"))
    assert answer.lines == ("0",)


def test_a_bare_zero_is_information_in_verbose_mode(talk):
    [answer] = talk(ECHOING, ("AT+CGSN", b"AT+CGSN\r\r\n0\r\n\r\nOK\r\n"))
    assert answer.lines == ("0",)
    assert answer.ok


# the words around it


def test_raw_is_everything_from_write_to_final_result():
    dialogue = AtConnection()
    dialogue.receive_data(b"\r\nRDY\r\n")
    dialogue.send("AT")
    [answer, _] = dialogue.receive_data(b"AT\r\r\nOK\r\n\r\nRDY\r\n")
    assert answer.raw == b"AT\r\r\nOK\r\n"
    dialogue.take_unsolicited()
    dialogue.send("AT")
    [answer] = dialogue.receive_data(b"AT\r\r\nOK\r")
    assert dialogue.receive_data(b"\n") == []
    assert dialogue.take_unsolicited().raw == b""


def test_one_command_at_a_time():
    dialogue = AtConnection()
    with pytest.raises(ProtocolError):
        dialogue.expire()
    dialogue.send("AT")
    assert dialogue.in_flight
    with pytest.raises(ProtocolError):
        dialogue.send("AT")


@pytest.mark.parametrize("line", ["", "  ", "AT\r", "AT\nATZ", "AT+CÖPS", "AT\x1a"])
def test_invalid_command_line_is_rejected(line):
    with pytest.raises(ProtocolError):
        AtConnection().send(line)


def test_memory_is_bounded():
    dialogue = AtConnection()
    dialogue.send("ATI")
    chunk = b"x\r\n" * 100 + b"y" * 9000
    tracemalloc.start()
    for _ in range(200):
        assert dialogue.receive_data(chunk) == []
    _, peak = tracemalloc.get_traced_memory()
    [answer] = dialogue.receive_data(b"\r\nOK\r\n")
    assert answer.ok
    assert sum(map(len, answer.lines)) <= ANSWER_LIMIT
    assert len(answer.raw) <= ANSWER_LIMIT
    for _ in range(100):
        dialogue.receive_data(chunk)
    _, idle_peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(peak, idle_peak) < 4_000_000


def run(steps, chop):
    dialogue = AtConnection()
    out = []
    for line, wire in steps:
        dialogue.send(line)
        for chunk in chop(wire):
            out += dialogue.receive_data(chunk)
        if dialogue.in_flight:
            out.append(dialogue.expire())
    return out


@given(st.lists(st.sampled_from(EXCHANGES), min_size=1, max_size=4), st.integers(1, 9))
def test_read_sizes_do_not_change_responses_of_a_transcript(steps, size):
    def chop(wire):
        return [wire[at : at + size] for at in range(0, len(wire), size)]

    whole = run(steps, lambda wire: [wire])
    assert [strip(each) for each in run(steps, chop)] == [strip(each) for each in whole]


PIECES = st.sampled_from(
    [b"OK\r\n", b"\r\n", b"AT", b"AT+CGSN", b"\r", b"ERROR\r", b"+CREG: 1\r\n", b"0\r", b"T"]
) | st.binary(max_size=20)


@given(
    st.lists(
        st.tuples(st.sampled_from(["AT", "AT+CGSN", "ATE0", "AT+CREG?"]), st.lists(PIECES)),
        max_size=5,
    )
)
def test_any_input_in_any_read_size_raises_nothing(steps):
    wires = [(line, b"".join(pieces)) for line, pieces in steps]
    whole = run(wires, lambda wire: [wire])
    single = run(wires, lambda wire: [wire[at : at + 1] for at in range(len(wire))])
    assert [strip(each) for each in single] == [strip(each) for each in whole]


def strip(each):
    """Without ``raw``: it ends before the line feed when that came in a read of its own."""
    if isinstance(each, Response):
        return (each.line, each.lines, each.final, each.echoed, each.foreign)
    return each
