"""One-shot commands start fast: what only the daemon needs is imported only by it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("asyncio", "structlog", "urllib3", "serial", "rich")


@pytest.mark.parametrize(
    "words",
    [["status"], ["outbox", "list"], ["outbox", "export"], ["run", "--help"], ["status", "--help"]],
    ids=" ".join,
)
def test_a_question_to_the_daemon_imports_none_of_its_packages(
    tmp_path: Path, words: list[str]
) -> None:
    tail = [] if "--help" in words else ["--state-dir", str(tmp_path)]
    program = (
        "import sys; from modemagent.cli.main import run; run(sys.argv[1:]);"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words, *tail], capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("registry", "missing"),
    [("http://127.0.0.1:9", "ssl _hashlib"), ("https://127.0.0.1:9", "")],
)
def test_the_daemon_loads_nothing_of_what_it_could_do_without(registry: str, missing: str) -> None:
    """Each of these was loaded for nothing once, at half a MiB of the 35; see agent.lean."""
    idle = f"{missing} rich pickle shutil tempfile bz2 lzma zipfile ctypes.util".split()
    program = (
        "import sys\n"
        "from modemagent.agent.lean import load_daemon\n"
        "from modemagent.logs import open_log\n"
        "from modemagent.settings import Settings\n"
        f"load_daemon(Settings(registry={registry!r})); open_log()\n"
        "import pyudev; pyudev.Context()\n"
        f"print([name for name in {idle} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
