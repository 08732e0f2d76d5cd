"""Examples of settings in the docs match the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemagent.settings import TABLE

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["metrics_file", "metrics_listen"])
def test_the_metrics_page_shows_the_examples_of_the_table(name: str) -> None:
    example = next(key.example for key in TABLE if key.name == name)
    assert f"    {name} = {example}\n" in (DOCS / "metrics.md").read_text("utf-8")
