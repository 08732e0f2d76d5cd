"""Every code has a word and a shape; style, script and symbols stay small and local."""

from __future__ import annotations

import gzip
import re
from itertools import product
from pathlib import Path

import pytest

from modemagent.identity.problems import CODES
from modemagent.identity.snapshot import ReadState, SimState
from modemagent.registry import pages
from modemagent.registry.pages import act_words, words
from modemagent.registry.rules.catalogue import CATALOGUE
from modemagent.registry.store.evaluation.recheck_runs import RunState
from modemagent.registry.store.findings.decisions import DecisionAction

FOLDER = Path(pages.__file__).parent
STATIC = FOLDER / "static"
SHAPES = set(re.findall(r'<symbol id="(\w+)"', (STATIC / "icons.svg").read_text()))
CSS = (STATIC / "registry.css").read_text()
TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))


@pytest.mark.parametrize("code", sorted({*CODES, *CATALOGUE}))
def test_code_has_a_word(code: str) -> None:
    found = words.WORDS[code]
    assert 3 <= len(found.short) <= 40
    assert found.short != code
    assert found.shape in SHAPES
    assert found.sentence.endswith(".")
    if code in CATALOGUE:
        assert found.remedy.endswith(".")


def test_states_have_words() -> None:
    shown = [*map(words.sim_state, SimState), *map(words.read_state, ReadState)]
    shown += [*words.SEVERITIES.values(), *words.LINK_STATES.values(), *words.STATES.values()]
    shown += words.RECHECK_STATES.values()
    assert set(words.RECHECK_STATES) == set(RunState)
    assert {one.shape for one in shown} <= SHAPES
    assert all(one.short for one in shown)
    assert set(act_words.ACTIONS) == {*DecisionAction, "changed", "cause_gone"}


def test_acts_have_words() -> None:
    sources = "".join(path.read_text() for path in FOLDER.parent.rglob("*.py"))
    noted = re.findall(r'\bnote\(\s*[\w.]*connection, "([a-z_.]+)"', sources)
    noted += re.findall(r'"(policy\.\w+)" if', sources)
    assert len(noted) > 40
    assert {*noted, *(f"finding.{one}" for one in DecisionAction)} <= set(act_words.ACTS)


def test_unread_is_never_shown_as_absent() -> None:
    assert words.sim_state("busy").short == "not read: SIM busy"
    assert words.sim_state("absent").short == "no SIM"


@pytest.mark.parametrize(
    ("name", "most"), [("registry.css", 6144), ("registry.js", 4096), ("icons.svg", 2048)]
)
def test_static_file_is_small(name: str, most: int) -> None:
    assert len(gzip.compress((STATIC / name).read_bytes(), 9)) <= most


@pytest.mark.parametrize("path", [*TEMPLATES, *sorted(STATIC.iterdir())], ids=lambda p: p.name)
def test_nothing_is_loaded_from_other_hosts(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "").replace("https://HOST", "")
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\(", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_template_obeys_the_policy(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\sstyle=|\son\w+=|\|\s*safe|<script(?! type=\"module\" src=)", text)


def tokens(theme: str) -> dict[str, str]:
    """Return the colors of a theme."""
    block = CSS[CSS.index(theme) :].partition("}")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


def luminance(color: str) -> float:
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [":root {", ":root:not(.light) {", ":root.dark {"])
def test_colors_have_enough_contrast(theme: str) -> None:
    found = tokens(theme)
    for text, under in product(("ink", "quiet", "bad", "warn", "ok", "info"), ("page", "surface")):
        assert contrast(found[text], found[under]) >= 4.5, (text, under)
    for tone in ("bad", "warn", "ok", "info"):
        assert contrast(found[tone], found[f"{tone}-tint"]) >= 4.5, tone
        assert contrast(found["ink"], found[f"{tone}-tint"]) >= 4.5, tone
    assert contrast(found["on-accent"], found["info"]) >= 4.5
    assert contrast(found["control"], found["page"]) >= 3


def test_both_dark_blocks_are_equal() -> None:
    assert tokens(":root:not(.light) {") == tokens(":root.dark {")
