"""docs/cli.md is written from the commands: it can not promise what they do not do."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_commands_say() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/cli-page")], capture_output=True, text=True, check=True
    )
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert page == done.stdout, "docs/cli.md is old: scripts/cli-page > docs/cli.md"
