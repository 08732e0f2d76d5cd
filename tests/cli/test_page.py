"""Pages written from the program itself: they describe only what it does."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["cli", "settings"])
def test_page_is_up_to_date(name: str) -> None:
    script = ROOT / f"scripts/{name}-page"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    page = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")
    assert page == done.stdout, f"docs/{name}.md is old: scripts/{name}-page > docs/{name}.md"
