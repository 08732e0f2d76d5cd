"""validate: values, files, streams; nothing a line holds may end the stream."""

import json
import subprocess
import sys

import pytest

GOOD = "867698040000013"


def test_a_valid_number(call):
    done = call("validate", "imei", GOOD)
    assert done.returncode == 0
    assert done.stdout.startswith(f"ok     imei {GOOD}\n")


def test_a_wrong_number_is_3(call):
    done = call("validate", "imei", GOOD, "867698040000014")
    assert done.returncode == 3
    assert "imei.check_digit" in done.stdout
    assert "hint" not in done.stdout


def test_damage_by_a_spreadsheet_is_named(call):
    done = call("validate", "imei", "8.67698E+14")
    assert "hint: the number was rounded to a power of ten by a spreadsheet. " in done.stdout


def test_international_code_is_named_as_such(call):
    done = call("validate", "iccid", "8988303000000000010")
    assert "calling code 883, assigned to International Networks" in done.stdout
    assert "country" not in done.stdout
    done = call("validate", "iccid", "8949210000000001111")
    assert "country code 49, country DE, country name Germany" in " ".join(done.stdout.split())


def test_one_value_is_one_verdict(call):
    verdict = json.loads(call("validate", "--json", "imei", "8676-9804 0000013").stdout)
    assert verdict.keys() >= {"kind", "input", "valid", "normalized", "codes", "details"}
    assert (verdict["valid"], verdict["normalized"]) == (True, GOOD)


def test_several_values_are_one_document(call):
    done = call("validate", "--json", "imei", GOOD, "1")
    assert [v["valid"] for v in json.loads(done.stdout)["verdicts"]] == [True, False]
    assert done.returncode == 3


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], f"kind,value\nimei,{GOOD}\nimei,1\n"),
        ([], f"\ufeffKind;Value\r\nimei;{GOOD}\r\nimei;1\r\n"),
        ([], f"box,value,kind\n7,{GOOD},imei\n8,1,imei\n"),
        (["imei"], f"{GOOD}\n1\n"),
        (["imei"], f"imei\n{GOOD}\n\n1\n"),
        (["imei"], f"\n{GOOD}\n1\n"),
    ],
)
def test_csv(call, tmp_path, words, text):
    path = tmp_path / "order.csv"
    path.write_bytes(text.encode())
    done = call("validate", *words, "--file", str(path), "--json")
    assert done.returncode == 3
    assert [v["valid"] for v in json.loads(done.stdout)["verdicts"]] == [True, False]
    assert call("validate", *words, "--file", "-", "--json", stdin=text).stdout == done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "no columns"),
        ("1\n2\n", "no columns"),
    ],
)
def test_csv_without_columns_is_wrong_usage(call, text, said):
    done = call("validate", "--file", "-", stdin=text)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("imex,1", "unknown kind of number 'imex'"),
        (",1", "the kind is missing"),
        ("imei", "the value is missing"),
    ],
)
def test_invalid_row_gets_an_error_and_the_rest_verdicts(call, row, said):
    text = f"kind,value\nimei,{GOOD}\n{row}\nimei,{GOOD}\n"
    done = call("validate", "--file", "-", "--json", stdin=text)
    verdicts = json.loads(done.stdout)["verdicts"]
    assert [verdict["valid"] for verdict in verdicts] == [True, False, True]
    assert said in verdicts[1]["error"] and verdicts[1]["line"] == 3
    for_people = call("validate", "--file", "-", stdin=text)
    assert said in for_people.stdout and "(line 3)" in for_people.stdout
    assert for_people.stdout.count(f"ok     imei {GOOD}") == 2
    assert (done.returncode, for_people.returncode) == (3, 3)


@pytest.mark.parametrize("header", ["kind,value\n", ""])
def test_kind_of_a_row_takes_precedence(call, header):
    text = f"{header}iccid,8988303000000000010\nimei,{GOOD}\n"
    done = call("validate", "imei", "--file", "-", "--json", stdin=text)
    verdicts = json.loads(done.stdout)["verdicts"]
    assert [(each["kind"], each["valid"]) for each in verdicts] == [("iccid", True), ("imei", True)]


def test_kind_argument_applies_to_rows_without_one(call):
    text = f"kind,value\n,{GOOD}\n"
    done = call("validate", "imei", "--file", "-", "--json", stdin=text)
    assert [each["kind"] for each in json.loads(done.stdout)["verdicts"]] == ["imei"]


def test_stream_has_a_verdict_per_line(call):
    lines = [
        json.dumps({"kind": "imei", "input": GOOD}).encode(),
        b"no json",
        b"",
        b"[" * 5000,
        b"[1]",
        b'{"kind": "imex", "input": "1"}',
        b'{"kind": ["imei"], "input": "1"}',
        b'{"kind": "imei", "input": 867698040000013}',
        b'{"kind": "imei"}',
        b'{"kind": "imei", "input": "' + b"1" * 200_000 + b'"}',
        b'{"kind": "iccid", "input": "\\ud83d\\r\\n\\u0000\xff"}',
        json.dumps({"kind": "imei", "input": f"\r\n\x00{GOOD}\r\n"}).encode() + b"\r",
    ]
    done = call("validate", "--jsonl", stdin=b"\n".join(lines) + b"\n")
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(verdicts) == len(lines)
    assert [v["valid"] for v in verdicts] == [True, *[False] * 10, True]
    assert all("error" in v for v in verdicts[1:10])
    assert verdicts[10]["input"] == "\ud83d\r\n\x00\udcff"
    assert verdicts[11]["input"] == f"\r\n\x00{GOOD}\r\n"
    assert done.returncode == 3
    assert done.stderr == ""


def test_verdict_precedes_the_next_input(environment):
    with subprocess.Popen(
        [sys.executable, "-m", "modemagent", "validate", "--jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdin and process.stdout
        for _ in range(3):
            process.stdin.write(json.dumps({"kind": "imei", "input": GOOD}).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["valid"] is True
        process.stdin.close()
    assert process.returncode == 0


def test_long_stream_takes_constant_memory(environment):
    """Peak memory of 100,000 lines is that of 1,000: nothing is kept."""

    def peak_kib(count: int) -> int:
        program = (
            "import resource, sys\n"
            "from modemagent.cli.main import run\n"
            "run(['validate', '--jsonl'])\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
        )
        lines = b'{"kind": "imei", "input": "867698040000013"}\n' * count
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=lines,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            check=True,
        )
        return int(done.stderr)

    assert peak_kib(100_000) < peak_kib(1_000) + 2048
