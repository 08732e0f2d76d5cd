"""Structure of the package: floors, import cycles, imports inside functions, class names."""

import ast
import graphlib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import modemagent

ROOT = Path(modemagent.__file__).parent

# Top-level module of the package -> floor. docs/architecture.md shows the same table.
FLOORS = {
    "errors": 0,
    "extras": 0,
    "real_path": 0,
    "identity": 1,
    "at": 1,
    "dialects": 2,
    "explain": 2,
    "privacy": 2,
    "labels": 2,
    "channel": 3,
    "discovery": 3,
    "modemmanager": 3,
    "simulator": 3,
    "http_exchange": 3,
    "settings": 3,
    "logs": 3,
    "modem": 4,
    "report": 4,
    "registry_client": 4,
    "control": 4,
    "watching": 5,
    "agent": 6,
    "diagnosis": 6,
    "installation": 6,
    "provisioning": 6,
    "registry": 6,
    "demo": 6,
    "access": 7,
    "cli": 8,
    "__main__": 9,
}

# Packages that may import less than their floor allows.
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
    "registry_client": {"errors", "http_exchange"},
    "simulator": {"errors", "at", "identity.checkdigits", "identity.cleaning"},
    "demo": {"errors", "registry_client", "identity.checkdigits"},
}

# Third-party packages that only one package may import.
OWNERS = {
    "serial": ("channel",),
    "serial_asyncio": ("channel",),
    "click": ("cli",),
    "dbus_fast": ("modemmanager",),
    "PIL": ("labels",),
    "barcode": ("labels",),
    "segno": ("labels", "registry"),
    "prometheus_client": ("agent", "registry"),
}

# The command line imports the module of a command when the command is called.
COMMAND_BOUNDARY = "modemagent.cli.main"

# Functions that import a package which may not be installed, and the entry point.
LATE_IMPORTS = {
    "modemagent.registry.store.database.engine:_postgresql",  # psycopg, 8 MB
    "modemagent.registry.api.on_demand:_load_api",  # a fifth of the memory of a worker
    "modemagent.registry.api.on_demand:_load_pages",  # another fifth
    "modemagent.registry.pages.qr_path:qr_path",  # segno, 36 ms for two pages
    "modemagent.registry.store.migrations:_run_alembic",  # 200 ms, only to create or upgrade
    "modemagent.__main__:_run",  # signals are handled before the first import
    "modemagent.access.route:_by_agent",  # the control client, a fifth of a start
    "modemagent.access.route:_by_modemmanager",  # dbus-fast and asyncio
    "modemagent.agent.reload:load_metrics",  # prometheus-client
    "modemagent.channel.url:open_port",  # pyserial, 15 ms that local devices do not need
    "modemagent.cli.at:_typed",  # readline, which changes how a terminal is read
    "modemagent.cli.output:print_json",  # json, 1.5 ms that a text for people does not need
    "modemagent.cli.config:_sink_mistake",  # urllib3, which config show does not need
    "modemagent.cli.diagnose:command",  # --bundle
    "modemagent.cli.outbox:_flush",  # the daemon's packages, which a request to it does not need
    "modemagent.cli.port_options:access_options",  # --trace, --baud auto
    "modemagent.cli.provision.check:_with_label_problems",  # Pillow and segno, for labels only
    "modemagent.cli.provision.codes:sheet_command",  # Pillow and other packages of labels
    "modemagent.cli.provision.label:label_command",
    "modemagent.cli.registry.group:serve_command",  # fastapi
    "modemagent.cli.registry.worker:command",
    "modemagent.cli.registry.server:_mail_options",
    "modemagent.cli.registry.source:list_source",  # sqlalchemy, here and in the rows below
    "modemagent.cli.registry.source:_stale",
    "modemagent.cli.registry.source:audit_calls",
    "modemagent.cli.registry.source:asset_source",
    "modemagent.cli.registry.source:case_source",
    "modemagent.cli.registry.source:deadline_source",
    "modemagent.cli.registry.source:outside_source",
    "modemagent.cli.registry.source:policy_source",
    "modemagent.cli.registry.connectors:run",
    "modemagent.cli.registry.eir:off",
    "modemagent.cli.registry.eir:set_command",
    "modemagent.cli.registry.source:recheck_source",
    "modemagent.cli.registry.source:retention_source",
    "modemagent.cli.registry.source:source",
    "modemagent.cli.registry.source:webhook_source",
    "modemagent.cli.registry.backup:backup_command",
    "modemagent.cli.registry.backup:restore_command",
    "modemagent.cli.registry.database:database_url",
    "modemagent.cli.registry.database:opened_database",
    "modemagent.cli.registry.erase:command",
    "modemagent.cli.registry.source:export_source",
    "modemagent.cli.registry.erase:vacuum_command",
    "modemagent.cli.registry.people:person_create",
    "modemagent.cli.registry.people:person_list",
    "modemagent.cli.registry.people:person_revoke",
    "modemagent.cli.registry.tokens:allow_enrollment",
    "modemagent.cli.registry.tokens:token_create",
    "modemagent.cli.registry.tokens:token_list",
    "modemagent.cli.registry.tokens:token_revoke",
    "modemagent.cli.response_text:meaning_of",  # identity rules, 3 ms that few lines need
    "modemagent.cli.run:command",  # the daemon, which the help page does not need
    "modemagent.cli.screen:live_screen",  # rich
    "modemagent.cli.validate:_line_verdict",  # json, for --jsonl
    "modemagent.discovery.udev:_library",  # pyudev, 30 ms that one-shot commands do not need
    "modemagent.explain.decoder:decoders",  # decoders of rare lines, 1.5 ms
    "modemagent.explain.decoder:_without_prefix",
    "modemagent.logs:open_log",  # structlog, 60 ms with rich, needed by the daemon only
    "modemagent.modemmanager.client:ModemManager.connect",  # dbus-fast
    "modemagent.registry.listeners:connection_of_eir",  # h2
    "modemagent.settings.toml_file:_parse",  # tomllib, 2.5 ms, for a machine without a file
    "modemagent.settings.toml_file:nearest_key",  # difflib, 1 ms, for an unknown key
    "modemagent.provisioning.session:opened_station",  # Pillow and segno, for printers only
}


def test_each_module_imports_lower_floors_only() -> None:
    wrong = [
        f"{where}: {why}"
        for module in modules().values()
        for where, _, target in module.imports()
        if (why := _objection(module.home, target))
    ]
    assert not wrong, "\n".join(wrong)


def test_every_module_has_a_floor() -> None:
    homes = {module.home for module in modules().values() if module.home != "__init__"}
    assert homes <= FLOORS.keys(), sorted(homes - FLOORS.keys())


def test_documented_floors_are_the_floors() -> None:
    page = Path(__file__).parents[1] / "docs" / "architecture.md"
    rows = [line.split("|") for line in page.read_text().splitlines() if line.startswith("| ")]
    documented = {
        name.strip().strip("`").removesuffix(".py").rstrip("/"): int(row[1])
        for row in rows
        if row[1].strip().isdigit()
        for name in row[2].split(",")
    }
    assert documented == FLOORS


def test_modules_import_each_other_in_one_direction() -> None:
    """Imports inside functions and for type checkers count as well."""
    graph = {name: set(module.imported_modules()) for name, module in modules().items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        cycle = " -> ".join(reversed(error.args[1]))
        message = f"import cycle: {cycle}. Move what both sides need to a module of its own."
        raise AssertionError(message) from None


def test_no_class_name_is_defined_twice() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module in modules().values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module.where(node))
    repeated = {name: found for name, found in places.items() if len(found) > 1}
    new = [
        f"class {name} is defined at {' and '.join(repeated[name])}: rename one of them"
        for name in sorted(repeated)
    ]
    assert not new, "\n".join(new)


def test_imports_are_at_the_top_of_the_file() -> None:
    late: dict[str, list[str]] = defaultdict(list)
    for name, module in modules().items():
        if name == COMMAND_BOUNDARY:
            continue
        for where, function, target in module.imports():
            if function:
                late[f"{name}:{function}"].append(f"{where}: {function}() imports {target}")
    new = [line for key, lines in late.items() if key not in LATE_IMPORTS for line in lines]
    assert not new, "import these at the top of the file:\n" + "\n".join(new)
    gone = sorted(LATE_IMPORTS - late.keys())
    assert not gone, f"no longer imports late, remove from LATE_IMPORTS: {gone}"


def test_annotations_of_named_tuples_are_evaluated() -> None:
    """A string is compiled for each field, which doubles the time to define the class."""
    others = ("modemagent.registry.", "modemagent.provisioning.", "modemagent.labels.")
    slow = [
        name
        for name, module in modules().items()
        if "__future__" in (target for _, _, target in module.imports())
        and any(
            isinstance(node, ast.ClassDef) and _is_named_tuple(node) for node in module.tree.body
        )
        and not name.startswith((*others, "modemagent.cli.registry", "modemagent.cli.provision"))
    ]
    assert not slow, f"remove 'from __future__ import annotations' from {slow}"


def _is_named_tuple(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "NamedTuple" for base in node.bases)


class Import(NamedTuple):
    """One imported module.

    :param where: file and line
    :param function: qualified name of the function it is in; empty at the top of the file
    :param target: dotted name of the module
    """

    where: str
    function: str
    target: str


class Module(NamedTuple):
    """One parsed file of the package."""

    path: Path
    tree: ast.Module

    @property
    def home(self) -> str:
        """Name in the table of floors."""
        return self.path.relative_to(ROOT).parts[0].removesuffix(".py")

    def where(self, node: ast.stmt) -> str:
        return f"{self.path.relative_to(ROOT.parent)}:{node.lineno}"

    def imports(self) -> tuple[Import, ...]:
        """Return each import; `from package import module` imports the module."""
        return imports_in(self.path)

    def _find_imports(self) -> Iterator[Import]:
        for function, node in _statements(self.tree):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.where(node)}: write the full name of the package"
                members = [f"{node.module}.{alias.name}" for alias in node.names]
                targets = [name if name in names() else str(node.module) for name in members]
            else:
                continue
            for target in dict.fromkeys(targets):
                yield Import(self.where(node), function, target)

    def imported_modules(self) -> Iterator[str]:
        """Yield the modules of the package that this one imports."""
        return (target for _, _, target in self.imports() if target in names())


@cache
def imports_in(path: Path) -> tuple[Import, ...]:
    return tuple(next(one for one in modules().values() if one.path == path)._find_imports())


@cache
def names() -> dict[str, Path]:
    """Return the modules of the package by their dotted names."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        *packages, name = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(packages if name == "__init__" else [*packages, name])] = path
    return found


@cache
def modules() -> dict[str, Module]:
    return {
        name: Module(path, ast.parse(path.read_text(encoding="utf-8")))
        for name, path in names().items()
    }


def _statements(
    tree: ast.AST, scope: str = "", function: str = ""
) -> Iterator[tuple[str, ast.AST]]:
    """Yield each node with the outermost function around it, named `Class.method`."""
    for node in ast.iter_child_nodes(tree):
        yield function, node
        inner, inner_function = scope, function
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{scope}.{node.name}".lstrip(".")
            if not function and not isinstance(node, ast.ClassDef):
                inner_function = inner
        yield from _statements(node, inner, inner_function)


def _below(name: str, graph: dict[str, set[str]]) -> set[str]:
    """Return what a module imports, directly or not."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def _objection(home: str, target: str) -> str | None:
    """Return why this import is wrong, or None."""
    top, _, inside = target.partition(".")
    if top in OWNERS and home not in OWNERS[top]:
        return f"only {' and '.join(OWNERS[top])} may import {top}"
    if top != "modemagent" or not inside or home == "__init__":
        return None
    package = inside.partition(".")[0]
    if package == home or package not in FLOORS:
        return None
    is_listed = any(_within(inside, name) for name in ONLY.get(home, ()))
    if FLOORS[package] > FLOORS[home]:
        return f"{package} is on a floor above {home}"
    if FLOORS[package] == FLOORS[home] and not is_listed:
        return f"{home} and {package} are on the same floor, {FLOORS[home]}"
    if home in ONLY and not is_listed:
        return f"{home} may import only {', '.join(sorted(ONLY[home]))}"
    return None


def _within(module: str, allowed: str) -> bool:
    return module == allowed or module.startswith(f"{allowed}.")
