"""``modemagent simulate`` as a process, driven as a script drives it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.preloaded import Preloaded

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def run(*words: str, **how: object) -> subprocess.Popen[str]:
        process: subprocess.Popen[str] = Preloaded(
            ("simulate", *words),
            **{  # type: ignore[arg-type]
                "stdin": subprocess.PIPE,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
            }
            | how,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def names_and_paths(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    rows: dict[str, str] = {}
    for line in process.stdout:
        if line == "ready\n":
            return rows
        name, path = line.rstrip("\n").split(" ")
        rows[name] = path
    raise AssertionError("the simulator ended before it was ready")


def tell(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(words + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == f"ok {words}\n"


def ask(path: str, line: str) -> bytes:
    port = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(port, line.encode() + b"\r")
        out = b""
        while not out.endswith((b"OK\r\n", b"ERROR\r\n", b"ERROR: 10\r\n")):
            out += os.read(port, 4096)
        return out
    finally:
        os.close(port)


def test_links_are_removed_with_the_simulator(start: Start, tmp_path: Path) -> None:
    links = tmp_path / "links"
    process = start("quectel-eg25-g", "telit-ge910-quad", "--count", "2", "--link-dir", str(links))
    paths = names_and_paths(process)
    assert paths == {
        "quectel-eg25-g": str(links / "ttySIM0"),
        "quectel-eg25-g-2": str(links / "ttySIM1"),
        "telit-ge910-quad": str(links / "ttySIM2"),
        "telit-ge910-quad-2": str(links / "ttySIM3"),
    }
    assert len({ask(path, "AT+CGSN") for path in paths.values()}) == 4
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 0
    assert list(links.iterdir()) == []


@pytest.mark.parametrize("there", ["file", "link", "folder"])
def test_existing_file_is_not_replaced_by_a_link(start: Start, tmp_path: Path, there: str) -> None:
    taken = tmp_path / "ttySIM1"
    if there == "file":
        taken.write_text("theirs")
    elif there == "link":
        taken.symlink_to("/dev/null")
    else:
        taken.mkdir()
    before = taken.lstat()
    process = start("quectel-eg25-g", "--count", "2", "--link-dir", str(tmp_path))
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err.count("\n")) == (1, 1)
    assert f"{taken} exists already" in err and "another --link-dir" in err
    assert [*tmp_path.iterdir()] == [taken]
    assert taken.lstat().st_ino == before.st_ino


def test_only_own_links_are_removed_at_the_end(start: Start, tmp_path: Path) -> None:
    process = start("quectel-eg25-g", "--count", "2", "--link-dir", str(tmp_path))
    names_and_paths(process)
    for name in ("ttySIM0", "ttySIM1"):
        (tmp_path / name).unlink()
    (tmp_path / "ttySIM0").write_text("theirs")
    (tmp_path / "ttySIM1").symlink_to("/dev/null")
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ttySIM0", "ttySIM1"]


def test_control_over_stdin(start: Start, tmp_path: Path) -> None:
    process = start("quectel-eg25-g", "--link-dir", str(tmp_path), "--fault", "echo-off")
    path = names_and_paths(process)["quectel-eg25-g"]
    tell(process, "swap-silent quectel-eg25-g 8988303000000000010 901288000000001")
    assert ask(path, "AT+QCCID") == b"\r\n+QCCID: 8988303000000000010F\r\n\r\nOK\r\n"
    tell(process, "sim-out-silent quectel-eg25-g")
    assert ask(path, "AT+CPIN?") == b"\r\n+CME ERROR: 10\r\n"
    tell(process, "sim-in-silent quectel-eg25-g")
    assert b"READY" in ask(path, "AT+CPIN?")
    tell(process, "fault quectel-eg25-g refuse=AT+CGMI")
    assert ask(path, "AT+CGMI") == b"\r\nERROR\r\n"
    tell(process, "unplug quectel-eg25-g")
    assert not os.path.lexists(path)
    tell(process, "replug quectel-eg25-g")
    assert ask(path, "AT") == b"\r\nOK\r\n"
    tell(process, "urc quectel-eg25-g +CREG: 5")
    assert process.stdin is not None and process.stderr is not None
    process.stdin.write("swap nobody\n")
    process.stdin.flush()
    assert "nobody" in process.stderr.readline()
    process.stdin.write("quit\n")
    process.stdin.flush()
    assert process.wait(120) == 0


def test_the_end_of_stdin_does_not_end_it(start: Start) -> None:
    process = start("zte-mf627", stdin=subprocess.DEVNULL)
    (path,) = names_and_paths(process).values()
    assert ask(path, "AT") == b"\r\nOK\r\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 130


def test_tcp_ports(start: Start) -> None:
    process = start("zte-mf627", "huawei-e3372", "--tcp", "0")
    assert all(p.startswith("socket://127.0.0.1:") for p in names_and_paths(process).values())


def test_options_from_the_environment(start: Start, tmp_path: Path) -> None:
    process = start(
        "quectel-eg25-g",
        env={
            **os.environ,
            "MODEMAGENT_SIMULATE_COUNT": "3",
            "MODEMAGENT_SIMULATE_STATE": "no sim",
            "MODEMAGENT_SIMULATE_LINK_DIR": str(tmp_path),
        },
    )
    paths = names_and_paths(process)
    assert len(paths) == 3
    assert ask(paths["quectel-eg25-g-3"], "AT+CPIN?").endswith(b"+CME ERROR: 10\r\n")


def test_list_names_states(start: Start) -> None:
    out, _ = start("--list").communicate(timeout=120)
    assert len(out.splitlines()) >= 24
    assert "sim busy after unlock" in out


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nosuch-modem"],
        ["quectel-eg25-g", "--state", "asleep"],
        ["quectel-eg25-g", "--fault", "nosuch"],
        ["quectel-eg25-g", "quectel-eg25-g"],
        ["quectel-eg25-g", "--count", "0"],
    ],
)
def test_wrong_usage_is_one_line_and_status_2(start: Start, words: list[str]) -> None:
    process = start(*words)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert out == ""
    assert len(err.splitlines()) == 1


def test_help_has_two_examples(start: Start) -> None:
    out, _ = start("--help").communicate(timeout=120)
    assert out.count("modemagent simulate ") >= 2
    assert "late-after" in out and "swap NAME" in out
