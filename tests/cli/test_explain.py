"""explain: words for lines and numbers, from arguments and from a stream, without hardware."""

import json
import subprocess
import sys

import pytest


def test_line_has_a_source_and_a_remedy(call):
    done = call("explain", "+CEREG: 3,3,,,,0,15")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "+CEREG: 3,3,,,,0,15"
    assert "EMM cause 15, no suitable cells in tracking area" in done.stdout
    assert "remedy: " in done.stdout
    assert "3GPP TS 27.007 clause 10.1.22" in done.stdout


def test_json_is_one_document_of_one_shape(call):
    one = json.loads(call("explain", "CME 13", "--json").stdout)
    many = json.loads(call("explain", "--json", "EMM 15", "+CSQ: 18,99", "milk").stdout)
    keys = {"line", "about", "text", "source", "remedy", "fields"}
    assert [set(entry) for entry in one["lines"] + many["lines"]] == [keys] * 4
    assert one["lines"][0]["fields"] == {"code": 13}
    assert many["lines"][1]["fields"]["rssi_dbm"] == -77
    assert (many["lines"][2]["text"], many["lines"][2]["fields"]) == (None, {})


def test_one_known_line_is_0(call):
    done = call("explain", "milk", "OK")
    assert (done.returncode, done.stderr) == (0, "")


def test_line_without_quotes_is_suggested_with_quotes(call):
    done = call("explain", "+CME", "ERROR:", "13")
    assert done.stderr.endswith("quote it: modemagent explain '+CME ERROR: 13'\n")


@pytest.mark.parametrize("words", [["milk"], ["13"], ["milk", "13"], ["86528404"]])
def test_no_known_line_is_1(call, words):
    done = call("explain", *words)
    assert done.returncode == 1
    assert done.stdout.count("not known") == len(words)
    assert done.stderr.count("\n") == 1
    assert "EMM 15" in done.stderr


def test_no_known_line_is_1_with_json(call):
    done = call("explain", "--json", "milk")
    assert done.returncode == 1
    assert json.loads(done.stdout)["lines"][0]["text"] is None


@pytest.mark.parametrize("words", [[], ["-"], ["AT+CSQ"]])
def test_empty_input_is_wrong_usage(call, words):
    done = call("explain", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_a_log_from_stdin(call):
    log = b"AT+CPIN?\r\r\n+CPIN: READY\r\n\r\nOK\r\nat+csq\r\n+CSQ: 99,99\r\n\r\n\xffmilk\r\n"
    done = call("explain", "-", "--json", stdin=log)
    lines = json.loads(done.stdout)["lines"]
    assert [entry["line"] for entry in lines] == ["+CPIN: READY", "OK", "+CSQ: 99,99", "\udcffmilk"]
    assert [entry["text"] is None for entry in lines] == [False, False, False, True]


def test_command_distinguishes_response_and_urc(call):
    # a prefix without a decoder is a URC only if no command caused it
    assert call("explain", "+QIURC: 1").returncode == 0
    assert call("explain", "--command", "AT+QIURC?", "+QIURC: 1").returncode == 1
    assert call("explain", "AT+QIURC?", "+QIURC: 1").returncode == 1


def test_long_line_is_cut(call):
    done = call("explain", "-", "--json", stdin="+CSQ: 18,99" + "9" * 100_000 + "\nOK\n")
    lines = json.loads(done.stdout)["lines"]
    assert len(lines) == 2
    assert len(lines[0]["line"]) == 4096
    assert lines[1]["text"] == "done"


def test_text_cannot_control_the_terminal(call):
    done = call("explain", '+COPS: 0,0,"\x1b[2J\u202evil",7', "\x1b]0;x\x07")
    assert done.returncode == 0
    assert all(letter.isprintable() or letter == "\n" for letter in done.stdout)


def test_help_starts_with_examples(call):
    shown = call("explain", "--help").stdout
    assert shown.index("modemagent explain 'CME 13'") < shown.index("Options:")


@pytest.mark.parametrize("words", [["--version"], ["identify", "--help"], ["validate", "--help"]])
def test_other_commands_do_not_load_the_tables(words):
    program = (
        "import sys\n"
        "from modemagent.cli.main import run\n"
        f"run({words!r})\n"
        "print([m for m in sys.modules if 'modemagent.explain' in m], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stderr.decode().splitlines()[-1] == "[]"
