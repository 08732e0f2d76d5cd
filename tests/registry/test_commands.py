"""``modemagent registry``: tokens, and equal output from the API and the database."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.conftest import call_in_process
from tests.registry.conftest import ICCID, IMEI, Client, Gateway, Registry


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return call_in_process("registry", *words)


def test_token_is_printed_alone_and_can_be_revoked(registry: Registry) -> None:
    database = registry.where
    created = run("token", "create", "--scope", "read", *database)
    assert created.returncode == 0
    assert created.stderr == ""
    secret = created.stdout.strip()
    assert created.stdout == secret + "\n"
    assert len(secret) >= 43
    client = Client(registry.port, secret)
    assert client.request("GET", "/api/v1/modems").status == 200
    (listed,) = json.loads(run("token", "list", "--json", *database).stdout)["tokens"]
    assert (listed["scope"], listed["full_ids"], listed["revoked"]) == ("read", False, None)
    assert secret not in json.dumps(listed)
    assert run("token", "revoke", str(listed["number"]), *database).returncode == 0
    while client.request("GET", "/api/v1/modems").status != 401:
        time.sleep(0.05)  # with PostgreSQL, tokens are cached for a second
    assert run("token", "revoke", "99", *database).returncode == 2


@pytest.mark.parametrize(
    "words",
    [
        ("token", "create", "--scope", "gateway"),
        ("token", "create", "--scope", "read", "--gateway-id", "gw-1"),
        ("token", "create", "--scope", "enroll", "--full-ids"),
        ("token", "create", "--scope", "root"),
        ("serve", "--listen", "nowhere"),
        ("modems", "--token-file", "/dev/null"),
        ("modems", "--url", "http://127.0.0.1:1"),
        ("modems", "--url", "127.0.0.1:1", "--token-file", __file__),
    ],
)
def test_wrong_usage_exits_with_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(*words, "--state-dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


def test_api_and_database_give_the_same_output(
    registry: Registry, gateway_client: Callable[[str], Client], tmp_path: Path
) -> None:
    gateway = Gateway()
    gateway_client("gw-1").post(gateway.report("identified"), gateway.report("removed"))
    token = tmp_path / "token"
    token.write_text(registry.token("--scope", "read", "--full-ids") + "\n")
    over_http = ("--url", f"http://127.0.0.1:{registry.port}", "--token-file", str(token))
    from_file = ("--database", registry.database)
    for words in (
        ("modems",),
        ("sims",),
        ("gateways",),
        ("events",),
        ("events", "--newest-first", "--limit", "2"),
        ("lookup", IMEI),
        ("lookup", ICCID),
        ("lookup", "gw-1"),
    ):
        one, other = run(*words, "--json", *over_http), run(*words, "--json", *from_file)
        assert (one.returncode, one.stderr) == (0, ""), words
        assert json.loads(one.stdout) == json.loads(other.stdout), words
        table = run(*words, *from_file)
        assert table.returncode == 0
        assert IMEI in table.stdout or "gw-1" in table.stdout
    assert run("lookup", "357999000000009", *from_file).returncode == 4
    every = json.loads(run("events", "--json", *from_file).stdout)["events"]
    newest = json.loads(run("events", "--limit", "1", "--json", *from_file).stdout)["events"]
    assert newest == every[-1:]
    for where in (over_http, from_file):
        unknown = run("findings", "--type", "sim.swap", *where)
        assert (unknown.returncode, unknown.stdout) == (2, "")
        assert "no finding has the type 'sim.swap'" in unknown.stderr
        assert "sim.swapped" in unknown.stderr
        assert run("findings", "--type", "sim.swapped", *where).returncode == 0
    unknown = run("deadlines", "--country", "XX", *from_file)
    assert (unknown.returncode, "Countries with a rule: " in unknown.stderr) == (2, True)
    assert run("deadlines", "--country", "TR", *from_file).returncode == 0


def test_group_without_a_command_lists(registry: Registry) -> None:
    database = registry.where
    for group, listing in (
        ("audit", "list"), ("rules", "list"), ("policy", "list"), ("lists", "show"),
        ("windows", "list"), ("webhooks", "list"), ("token", "list"), ("person", "list"),
    ):  # fmt: skip
        found = run(group, "--json", *database)
        assert (found.returncode, found.stderr) == (0, ""), group
        assert found.stdout == run(group, listing, "--json", *database).stdout
        shown = run(group, "--help")
        assert f'Without a command, the same as "{listing}"' in " ".join(shown.stdout.split())


def test_newest_acts_are_listed_oldest_first(registry: Registry) -> None:
    database = registry.where
    for name in ("ann", "ben", "cyd"):
        link = run("person", "create", name, *database).stdout
        assert link.startswith(f"http://127.0.0.1:{registry.port}/welcome/")
    words = ("audit", "--kind", "person.invite", "--json", *database)
    while len(every := json.loads(run(*words).stdout)["entries"]) < 3:
        time.sleep(0.1)  # until they are chained
    newest = json.loads(run(*words, "--limit", "2").stdout)["entries"]
    assert newest == every[1:]
    newest = json.loads(run(*words, "--limit", "2", "--newest-first").stdout)["entries"]
    assert newest == every[:0:-1]


def test_unreachable_registry_and_missing_database(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("mma_x")
    unreachable = run("modems", "--url", "http://127.0.0.1:1", "--token-file", str(token))
    assert (unreachable.returncode, unreachable.stdout) == (6, "")
    missing = run("modems", "--state-dir", str(tmp_path / "nothing"))
    assert missing.returncode == 1
    assert not (tmp_path / "nothing").exists()


def test_invalid_token_exits_with_6(registry: Registry, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("mma_x")
    url = f"http://127.0.0.1:{registry.port}"
    done = run("modems", "--json", "--url", url, "--token-file", str(token))
    assert done.returncode == 6
    assert json.loads(done.stdout)["error"]["code"] == "registry_refused"


def test_database_of_a_newer_version_is_rejected(registry: Registry) -> None:
    registry.stop()
    engine = create_engine(registry.database.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    done = run("serve", *registry.where)
    assert done.returncode == 1
    assert "schema version 9999" in done.stderr


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "mysql://localhost/x", "sqlite:///"])
def test_unusable_database_url_exits_with_1(url: str) -> None:
    done = run("serve", "--database", url)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
