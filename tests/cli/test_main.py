"""Common to every command: help, errors, exit statuses, the environment, start-up."""

import gc
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modemagent import __main__, __version__
from modemagent.cli.main import COMMANDS
from modemagent.cli.output import one_line
from modemagent.errors import UsageError
from tests.simulated import simulated

# Modules whose import costs more than a modem's answer.
HEAVY = ("asyncio", "structlog", "rich", "importlib.metadata", "serial", "logging", "ssl")


def test_without_a_command_help_is_printed(call):
    done = call()
    assert done.returncode == 0
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout


def test_group_without_a_command_prints_its_help(call):
    done = call("outbox")
    assert "\n  flush   Send queued reports now.\n" in done.stdout + done.stderr


def test_choices_are_on_one_line(call):
    done = call("completion")
    assert done.returncode == 2
    assert "Choose from: bash, zsh, fish. See: " in done.stderr


@pytest.mark.parametrize(
    ("words", "is_lasting"),
    [("registry worker", True), ("provision 4711.csv", True), ("watch", True), ("list", False)],
)
def test_garbage_of_lasting_commands_is_collected(words, is_lasting, monkeypatch):
    usual, handler = gc.get_threshold(), signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys, "argv", ["modemagent", *words.split()])
    monkeypatch.setattr(__main__, "_run", lambda: 0)
    monkeypatch.setattr(os, "_exit", sys.exit)
    try:
        with pytest.raises(SystemExit):
            __main__.main()
        assert (gc.get_threshold() == usual) is is_lasting
        assert (signal.getsignal(signal.SIGTERM) == handler) is ("worker" in words)
    finally:
        gc.set_threshold(*usual)
        signal.signal(signal.SIGTERM, handler)


def test_version(call):
    assert call("--version").stdout == f"modemagent {__version__}\n"


@pytest.mark.parametrize("words", [["--version"], ["--help"], []])
def test_start_up_imports_no_heavy_module(words):
    program = (
        "import sys\n"
        "from modemagent.cli.main import run\n"
        f"run({words!r})\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)\n"
        "print([m for m in sys.modules if m.startswith('modemagent.')], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    heavy, own = done.stderr.decode().splitlines()
    assert heavy == "[]"
    assert "modemagent.cli.identify" not in own


#: Packages that a call of each command must not import; "modemagent.identity" with all below it.
NEVER = (*HEAVY, "json", "textwrap", "pathlib", "urllib", "ipaddress", "shutil", "dataclasses")
NOT_IMPORTED = {
    "identify": (*NEVER, "modemagent.explain", "modemagent.access.automatic_baud"),
    "at": (
        *NEVER,
        "modemagent.identity",
        "modemagent.privacy",
        "modemagent.modem.identify",
        "modemagent.access.automatic_baud",
    ),
    "explain": (
        *NEVER,
        "modemagent.identity",
        "modemagent.access",
        "modemagent.channel",
        "modemagent.discovery",
        "modemagent.dialects",
    ),
}


@pytest.mark.parametrize("words", [["identify"], ["at", "AT+CSQ"], ["explain", "+CEREG: 2,3"]])
def test_one_shot_command_imports_what_it_uses(words):
    name, *rest = words
    unwanted = NOT_IMPORTED[name]
    program = (
        "import sys\n"
        "from modemagent.cli.main import run\n"
        "status = run(sys.argv[1:])\n"
        f"unwanted = {tuple(f'{name}.' for name in unwanted)}\n"
        "print([m for m in sys.modules if f'{m}.'.startswith(unwanted)], status, file=sys.stderr)\n"
    )
    with simulated("quectel-eg25-g") as sim:
        port = [] if name == "explain" else [sim.path]
        call = [sys.executable, "-c", program, name, *port, *rest]
        done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[] 0"


def test_tables_are_read_at_their_first_use():
    tables = ("error_codes.txt", "meanings.txt", "remedies.txt", "cells.txt", "usb_ids.txt")
    program = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda name, args: name == 'open' and opened.append(str(args[0])))\n"
        "from modemagent.cli import at, explain, identify\n"
        f"print([path for path in opened if path.endswith({tables})])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"[]\n"


def test_version_takes_at_most_1_5_imports_of_click():
    def cpu_s(*words: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    # the least of several: other processes only add to it
    version, click = zip(
        *((cpu_s("-m", "modemagent", "--version"), cpu_s("-c", "import click")) for _ in range(12)),
        strict=True,
    )
    assert min(version) <= 1.5 * min(click)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(call, name):
    done = call(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: modemagent {name}")


def test_unknown_command_suggests_the_nearest(call):
    done = call("identfy")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "modemagent: unknown command 'identfy'. Did you mean identify?\n"


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["identify", "--json", "--bogus"], 2, "usage"),
        (["identify", "--json", "/dev/no-such-port"], 4, "port_not_found"),
        (["validate", "--json", "imex", "1"], 2, "usage"),
        (["at", "--json", "/dev/no-such-port", "AT+CFUN=0"], 2, "line_refused"),
    ],
)
def test_expected_failure_is_an_object_with_json(call, words, status, code):
    done = call(*words)
    assert done.returncode == status
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["exit"]) == (code, status)
    assert error["message"]


def test_suggestion_ends_with_one_mark():
    failure = UsageError("No such command 'flsh'. Did you mean 'flush'?", hint="See: --help")
    assert one_line(failure).endswith("Did you mean 'flush'? See: --help")


def test_expected_failure_is_one_line_with_a_hint(call):
    done = call("identify", "/dev/no-such-port")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("modemagent: ")
    assert done.stderr.count("\n") == 1


def test_json_from_the_environment(call):
    done = call("validate", "imei", "1", env={"MODEMAGENT_VALIDATE_JSON": "1"})
    assert json.loads(done.stdout)["valid"] is False


def test_interrupt_is_130(environment):
    with (
        simulated("quectel-eg25-g", faults=["mute"]) as sim,
        subprocess.Popen(
            [sys.executable, "-m", "modemagent", "identify", sim.path],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        ) as process,
    ):
        while not sim.lines_received and process.poll() is None:
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert (out, err) == (b"", b"\n")


def test_reader_that_closes_the_pipe_is_not_a_failure(environment):
    lines = b'{"kind": "imei", "input": "867698040000013"}\n' * 3
    with subprocess.Popen(
        [sys.executable, "-m", "modemagent", "validate", "--jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        process.stdin.write(lines)
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


CLOSED = [
    (">&-", "--version", 0),
    (">&-", "validate imei 1", 3),
    (">&-", "identify /dev/no-such-port --json", 4),
    ("<&-", "at /dev/no-such-port", 4),
    ("2>&-", "identify /dev/no-such-port", 4),
    ("<&- >&- 2>&-", "validate imei 1", 3),
]


@pytest.mark.parametrize(("closed", "words", "status"), CLOSED)
def test_closed_stream_keeps_the_status(environment, closed, words, status):
    line = f"exec {sys.executable} -m modemagent {words} {closed}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, env=environment, timeout=50)
    assert (done.returncode, b"Traceback" in done.stderr) == (status, False), done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("words", ["--version", "validate imei 1", "validate --json imex 1", "at"])
def test_full_disk_is_one_line_and_1(environment, words, unbuffered):
    with simulated("quectel-eg25-g") as sim, Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "modemagent", *words.split(), *([sim.path] * (words == "at"))],
            stdout=full, stderr=subprocess.PIPE, input=b"AT+CSQ\n", timeout=50,
            env={**environment, "PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    assert done.stderr == b"modemagent: stdout cannot be written: No space left on device.\n"
    assert done.returncode == 1


def test_colour_follows_terminal_and_environment(call):
    words = ("validate", "imei", "867698040000013")
    assert "\x1b[" not in call(*words).stdout
    assert "\x1b[" in call(*words, env={"FORCE_COLOR": "1"}).stdout
    assert "\x1b[" not in call(*words, env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout
    assert "\x1b[" not in call("--no-color", *words, env={"FORCE_COLOR": "1"}).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(call, shell):
    assert "_MODEMAGENT_COMPLETE" in call("completion", shell).stdout


def test_completion_of_command_names(call):
    done = call(
        env={
            "_MODEMAGENT_COMPLETE": "bash_complete",
            "COMP_WORDS": "modemagent id",
            "COMP_CWORD": "1",
        }
    )
    assert done.stdout.split() == ["plain,identify"]
