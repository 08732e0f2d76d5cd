"""A module imports from lower floors or from its own package; siblings on a floor are strangers."""

import ast
from pathlib import Path

import modemagent

ROOT = Path(modemagent.__file__).parent

# Top-level module of the package -> floor. docs/architecture.md shows the same table.
FLOORS = {
    "errors": 0,
    "identity": 1,
    "at": 1,
    "dialects": 2,
    "explain": 2,
    "privacy": 2,
    "channel": 3,
    "discovery": 3,
    "modemmanager": 3,
    "simulator": 3,
    "http_exchange": 3,
    "settings": 3,
    "logs": 3,
    "modem": 4,
    "report": 4,
    "control": 4,
    "watching": 5,
    "agent": 6,
    "diagnosis": 6,
    "installation": 6,
    "registry": 6,
    "demo": 6,
    "cli": 7,
    "__main__": 8,
}

# Packages that see less than their floor allows.
ONLY = {
    "registry": {
        "identity",
        "privacy",
        "report.message",
        "errors",
        "settings",
        "logs",
        "http_exchange",
    },
    "simulator": {"errors", "at"},
    "demo": {"errors"},
}

# Packages from outside that belong to one place.
OWNERS = {
    "serial": "channel",
    "serial_asyncio": "channel",
    "click": "cli",
    "dbus_fast": "modemmanager",
}


def test_each_module_imports_lower_floors_only() -> None:
    wrong = [line for path in sorted(ROOT.rglob("*.py")) for line in _wrong_imports(path)]
    assert not wrong, "\n".join(wrong)


def test_every_module_has_a_floor() -> None:
    homes = {_home(path) for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py"}
    assert homes <= FLOORS.keys(), sorted(homes - FLOORS.keys())


def test_the_documented_table_is_this_table() -> None:
    page = Path(__file__).parents[1] / "docs" / "architecture.md"
    rows = [line.split("|") for line in page.read_text().splitlines() if line.startswith("| ")]
    shown = {
        name.strip().strip("`").removesuffix(".py").rstrip("/"): int(row[1])
        for row in rows
        if row[1].strip().isdigit()
        for name in row[2].split(",")
    }
    assert shown == FLOORS


def _home(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def _wrong_imports(path: Path) -> list[str]:
    home = _home(path)
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    return [
        f"{path.relative_to(ROOT.parent)}:{number}: {why}: {lines[number - 1].strip()}"
        for number, target in _imports(ast.parse(source), path)
        if (why := _objection(home, target))
    ]


def _imports(tree: ast.AST, path: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                package = path.relative_to(ROOT.parent).with_suffix("").parts[: -node.level]
                module = ".".join((*package, *filter(None, [module])))
            if module == "modemagent":
                found += [(node.lineno, f"modemagent.{alias.name}") for alias in node.names]
            else:
                found.append((node.lineno, module))
    return found


def _objection(home: str, target: str) -> str | None:
    """Return why this import is wrong, or None."""
    top, _, inside = target.partition(".")
    if top in OWNERS and OWNERS[top] != home:
        return f"only {OWNERS[top]} imports {top}"
    if top != "modemagent" or home == "__init__":
        return None
    package = inside.partition(".")[0]
    if package == home or package not in FLOORS:  # not a module: a name of modemagent itself
        return None
    if FLOORS[package] == FLOORS[home]:
        allowed_here = any(_within(inside, name) for name in ONLY.get(home, ()))
        return (
            None if allowed_here else f"{home} and {package} are strangers on floor {FLOORS[home]}"
        )
    if FLOORS[package] > FLOORS[home]:
        return f"{package} is above {home}"
    if home in ONLY and not any(_within(inside, name) for name in ONLY[home]):
        return f"{home} may import only {', '.join(sorted(ONLY[home]))}"
    return None


def _within(module: str, allowed: str) -> bool:
    return module == allowed or module.startswith(f"{allowed}.")
