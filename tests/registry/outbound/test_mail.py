"""Digests of new errors over SMTP: one in a quarter of an hour, and none is lost."""

from __future__ import annotations

import email
import json
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import pytest
from sqlalchemy import select, update

from modemagent.registry.outbound.digest import EVERY_MS
from modemagent.registry.outbound.mail import Mailer, MailOptions
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.outbound import notices
from modemagent.registry.store.tables import schema
from tests.conftest import call_in_process
from tests.registry.conftest import ICCID, IMEI, Gateway, Registry


@dataclass
class MailServer:
    """An SMTP server that answers as a test wants.

    :param answers: to the next commands of each name; 0 closes the connection
    """

    port: int
    answers: dict[str, list[int]] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[MailServer]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._answer(220)
            while line := self.rfile.readline().decode().strip():
                verb = line.split(":")[0].split()[0].upper()
                waiting = found.answers.get(verb, [])
                code = waiting.pop(0) if waiting else {"DATA": 354, "QUIT": 221}.get(verb, 250)
                if code == 0:
                    return
                self._answer(code)
                if code == 354:
                    self._read_mail()
                if verb == "QUIT":
                    return

        def _read_mail(self) -> None:
            content = b""
            while (line := self.rfile.readline()) != b".\r\n":
                content += line
            mail = email.message_from_bytes(content, policy=default)
            found.mails.append(cast("EmailMessage", mail))
            self._answer(250)

        def _answer(self, code: int) -> None:
            self.wfile.write(f"{code} text\r\n".encode())

    listener = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    found = MailServer(listener.server_address[1])
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    listener.shutdown()
    thread.join()
    listener.server_close()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def mailer(database: Database, server: MailServer) -> Mailer:
    options = MailOptions(
        host="127.0.0.1",
        port=server.port,
        sender="registry@example.com",
        recipients=["ops@example.com", "night@example.com"],
        security="none",
        public_url="https://registry.example",
    )
    return Mailer(Recorder(database), options)


def let_time_pass(database: Database) -> None:
    """Let the last digest be a quarter of an hour old, and the lease be over."""
    setting = schema.setting
    with database.writing() as connection:
        query = select(setting.c.value).where(setting.c.name == "mail")
        state = json.loads(bytes(connection.execute(query).scalar_one()))
        state["sent_ms"], state["lease_ms"] = state["sent_ms"] - EVERY_MS, 0
        value = json.dumps(state).encode()
        connection.execute(update(setting).where(setting.c.name == "mail").values(value=value))


def body_of(mail: EmailMessage) -> str:
    part = mail.get_body()
    assert part is not None
    content: Any = part.get_content()
    return str(content)


def test_digest_has_links_and_no_number(registry: Registry, server: MailServer) -> None:
    database = Database(registry.database, guest=True)
    found = mailer(database, server)
    found.run()  # from now on
    done = call_in_process(
        "registry", "lists", "add", "prohibited", "imei", IMEI, "--reason", "stolen",
        *registry.where,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    gateway = Gateway()
    client = registry.client("--scope", "gateway", "--gateway-id", "gw-1")
    client.post(gateway.report("identified"))
    while not server.mails:
        found.run()
    found.run()
    (mail,) = server.mails
    assert (mail["To"], mail["Auto-Submitted"]) == (
        "ops@example.com, night@example.com", "auto-generated",
    )  # fmt: skip
    assert mail["Subject"] == "modemagent registry: 1 new error"
    text = body_of(mail)
    assert "imei.prohibited" in text
    assert "https://registry.example/findings/" in text
    assert IMEI[:14] not in str(mail)
    assert ICCID[:14] not in str(mail)
    database.close()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_failed_digest_is_sent_again_with_what_came_since(
    registry: Registry, server: MailServer
) -> None:
    database = Database(registry.database, guest=True)
    found = mailer(database, server)
    found.run()
    server.answers = {"EHLO": [0], "MAIL": [451], "RCPT": [550, 550, 550, 250], "DATA": [554]}
    reader = registry.client("--scope", "read")
    for number, imei in enumerate((IMEI, "867698040000021"), 1):
        gateway = Gateway(f"gw-{number}")
        client = registry.client("--scope", "gateway", "--gateway-id", gateway.gateway_id)
        call_in_process("registry", "lists", "add", "prohibited", "imei", imei, *registry.where)
        client.post(gateway.report("identified", imei))
    while len(reader.get("findings?severity=error")["findings"]) < 2:
        pass
    Recorder(database).run(notices.number_waiting)
    for _ in range(4):  # no connection, no sender, no recipient, no content
        found.run()
        assert server.mails == []
        found.run()  # within the lease: nothing is tried
        let_time_pass(database)
    found.run()
    (mail,) = server.mails
    assert mail["Subject"] == "modemagent registry: 2 new errors"
    with database.writing() as connection:
        last = notices.last_position(connection)
    assert last >= 2
    let_time_pass(database)
    found.run()
    assert len(server.mails) == 1  # nothing new
    database.close()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--mail-to", "ops@example.com"), "needs --smtp"),
        (("--smtp", "mail.example"), "without --mail-to"),
        (("--mail-to", "ops", "--smtp", "m", "--mail-from", "r@x"), "address is not valid"),
        (("--mail-to", "o@x", "--smtp", "m:x", "--mail-from", "r@x"), "is not HOST:PORT"),
    ],
)
def test_options_of_mail_are_checked(words: tuple[str, ...], problem: str) -> None:
    done = call_in_process("registry", "serve", *words)
    assert done.returncode == 2
    assert problem in done.stderr
