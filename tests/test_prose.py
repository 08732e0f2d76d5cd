"""Habits of prose that the product avoids, in docstrings, comments, messages, docs and test names.

The patterns find habits, not style: text that passes is still to be read aloud once.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_TEST_NAME = 60

#: Pattern and what to write instead.
PATTERNS: tuple[tuple[str, str], ...] = (
    (r"\bcan not\b", "cannot"),
    (r"\b(is|are|was|be) no (?!longer\b|more than\b|such\b|fewer\b|less\b)[a-z]+", "is not a ..."),
    (r"\banew\b", "again"),
    (r"\b(nobody|whoever|somebody)\b", "name the user, program or component"),
    (r"\bso (long|often|far) as\b|\bso often\b|\bso long\b", "as long as, that often"),
    (r"\bsays? so\b|\b(if|where|when) it is not so\b|\bnot so\b", "state what is reported"),
    (r"\bin words\b", "in plain language, as text"),
    (r"\b(told|heard|said)\b", "reported, received, logged, stored: code has no voice"),
    (r"\b(asked|asks)\b", "requested, queried, sent, required"),
    (r"\bknows\b", "name the data: stores, recognizes, has a row for"),
    (r"\bTell whether\b", "Return True if"),
    (r"\bwhat is (there|there to)\b", "name the thing"),
    (r"\bno more\b", "no longer, none left"),
    (r"\b(goes?|went|gone|going) away\b", "disappears, disconnects, is removed"),
    (r"\bstands? in\b", "replaces, is in"),
    (r"\b(to be|be|is|are|was|were) had\b", "available"),
    (r"\bfor want of\b", "for lack of"),
    (r"\bnow and then\b", "occasionally, periodically"),
    (r"\bset(s|ting)? aside\b", "quarantined (file), dead letter (report)"),
    (r"\bshed(s|ding)?\b", "evict"),
    (r"\btroubles?\b", "error (system), problem (identifier), finding (diagnosis)"),
    (r"\b(the )?way to (the registry|a modem)\b", "uplink, connection, port"),
    (r"\bgets? on with\b|\bget on\?", "makes progress"),
    (r"\bin mid-sentence\b", "before the end of the response"),
    (r"\bunder way\b", "in progress"),
    (r"\bstop(s|ped)? in order\b|\bends? in order\b", "clean shutdown"),
    (r"\brungs?\b", "attempt"),
    (r"\bseats?\b", "place (registry), device_id or port_id (agent)"),
    (r"(?<!SIM )(?<!SIM-)(?<!smart )\bcards?\b(?! reader)", "SIM, SIM card"),
    (r"\bmany a\b|\bnone the less\b|\bas it were\b", "plain words"),
    (r"\bof late\b|\bere\b|\bthereof\b|\bwherefore\b|\bhence\b", "plain words"),
    (r"\bby and by\b|\bever (less|more) often\b", "with growing delay"),
    (r"\bwhere (there is|there are|it has) (no|none)\b", "if there is no"),
    (r"\bis (well|unwell)\b", "is healthy, works"),
    (r"\bhow (it|the \w+) is\b|\bhow (they|the \w+) are\b", "the state of"),
    (r"\bon (its|their) own account\b|\bof (its|their) own accord\b", "unprompted"),
    (r"\bleave(s)? alone\b|\bleft alone\b", "not touched, not opened"),
    (r"\bturns? out to\b", "is"),
    (r"\bblanks?\b", "space (character), empty (line, cell)"),
    (r"\bdefects?\b|\ba bug\b(?! report)", "internal error"),
    (r"\bother settings\b", "new settings"),
    (r", too\b", "also, before the verb"),
    (r"\bone an? (line|row|port|slot)\b", "one per line"),
)

#: The same for text with its literals, which the patterns above do not see.
PATTERNS_WITH_LITERALS: tuple[tuple[str, str], ...] = (
    (r", as `", "such as, for example: a bare as gives no example"),
)

CHECKED_WITH_LITERALS = [
    (re.compile(pattern, re.IGNORECASE), better) for pattern, better in PATTERNS_WITH_LITERALS
]
CHECKED = [(re.compile(pattern, re.IGNORECASE), better) for pattern, better in PATTERNS]

# Text that quotes a modem, a standard or another program keeps the words of its source.
EXEMPT = re.compile(r"^[^\S\n]*(>>>|\.\.\.)|`[^`\n]*`|\"[^\"\n]*\"", re.MULTILINE)
#: As the formatter writes it; a string that looks like one is read also.
COMMENT = re.compile(r"(?:^[^\S\n]*|  )#:? ?(.*)", re.MULTILINE)


def areas() -> list[str]:
    """Return the parts of the tree that are read on their own."""
    packages = {
        path.relative_to(ROOT / "modemagent").parts[0]
        for path in (ROOT / "modemagent").rglob("*.py")
    }
    return [
        *sorted(f"modemagent/{name}" for name in packages),
        "README.md",
        "CHANGELOG.md",
        "docs",
        "udev",
        "scripts",
        "benchmarks",
        "tests",
    ]


@pytest.mark.parametrize("area", areas())
def test_prose_has_no_forbidden_habit(area: str) -> None:
    lines = list(texts(ROOT / area))
    literal = "\n".join(text for _, _, text in lines)
    found = []
    for patterns, searched in (
        (CHECKED, EXEMPT.sub("", literal)),
        (CHECKED_WITH_LITERALS, literal),
    ):
        for pattern, better in patterns:
            for match in pattern.finditer(searched):
                path, line, text = lines[searched.count("\n", 0, match.start())]
                place = f"{path.relative_to(ROOT)}:{line}"
                found.append(f"{place}: {match[0]!r}: write {better}: {text.strip()[:90]}")
    assert not found, f"{len(found)} findings\n" + "\n".join(found)


def test_test_names_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} ({len(node.name)})"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and len(node.name) > LONGEST_TEST_NAME
    ]
    assert not long, f"{len(long)} names over {LONGEST_TEST_NAME}\n" + "\n".join(long)


def texts(area: Path) -> Iterator[tuple[Path, int, str]]:
    """Yield file, line number and text of every line of prose below a path."""
    files = [area] if area.is_file() else sorted(p for p in area.rglob("*") if p.is_file())
    for path in files:
        if "corpus" in path.parts or "__pycache__" in path.parts or path == Path(__file__):
            continue
        if path.suffix == ".py" or _is_python_script(path):
            yield from ((path, *each) for each in _python(path))
        elif path.parent == ROOT / "modemagent" / "explain" / "data":
            lines = path.read_text(encoding="utf-8").splitlines()
            yield from ((path, n, line) for n, line in enumerate(lines, 1))
        elif path.suffix == ".md":
            yield from ((path, *each) for each in _markdown(path))
        elif path.suffix in (".rules", ".service", ".toml", ".conf", ".sh", ""):
            lines = path.read_text(encoding="utf-8").splitlines()
            comments = ((n, line) for n, line in enumerate(lines, 1) if "# " in line)
            yield from ((path, n, line.partition("# ")[2]) for n, line in comments)


def _is_python_script(path: Path) -> bool:
    return path.parent.name == "scripts" and path.read_bytes().startswith(b"#!/usr/bin/env python3")


def _python(path: Path) -> Iterator[tuple[int, str]]:
    source = path.read_text(encoding="utf-8")
    in_tests = (ROOT / "tests") in path.parents
    for match in COMMENT.finditer(source):
        yield source.count("\n", 0, match.start()) + 1, match[1]
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and in_tests:
            yield node.lineno, node.name.replace("_", " ")
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        # strings of a test are input and expected output; a string with no space is a name
        if id(node) in docstrings or (" " in node.value.strip() and not in_tests):
            first = node.lineno
            yield from ((first + n, line) for n, line in enumerate(node.value.split("\n")))


def _markdown(path: Path) -> Iterator[tuple[int, str]]:
    fenced = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            yield number, line
