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
