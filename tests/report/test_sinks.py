"""The contract of every sink: duplicates, refusals, slow and interrupted deliveries."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from modemagent.errors import RegistryRefused, RegistryUnreachable, SettingsError
from modemagent.report.delivery.sinks import SINKS, SinkOptions, http, open_sink
from modemagent.report.delivery.sinks.contract import ItemStatus, Sink
from modemagent.report.outbox.outbox import Outbox
from tests.report.conftest import SmallRegistry, fill, running


class Place(Protocol):
    """The destination of a sink: its contents, and ways to make it fail."""

    url: str

    def held(self) -> list[int]: ...
    def refuse(self) -> None: ...
    def break_in_the_middle(self) -> None: ...
    def vanish(self) -> None: ...


@dataclass
class FilePlace:
    path: Path

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def held(self) -> list[int]:
        return [json.loads(line)["sequence"] for line in self.path.read_text().splitlines()]

    def refuse(self) -> None:
        pytest.skip("root may write everywhere")

    def break_in_the_middle(self) -> None:
        whole = self.path.read_bytes()
        self.path.write_bytes(whole[:-20])

    def vanish(self) -> None:
        self.path.unlink()
        self.path.parent.rename(self.path.parent.with_name("gone"))


@dataclass
class HttpPlace:
    registry: SmallRegistry

    @property
    def url(self) -> str:
        return self.registry.url

    def held(self) -> list[int]:
        return self.registry.order

    def refuse(self) -> None:
        self.registry.script.append(lambda exchange: exchange.reply(401, {"title": "no"}))

    def break_in_the_middle(self) -> None:
        key = next(reversed(self.registry.kept))
        del self.registry.kept[key]
        self.registry.order.pop()

    def vanish(self) -> None:
        self.registry.shutdown()
        self.registry.server_close()
        # a connection that is still open ends in mid-request
        self.registry.script.append(lambda exchange: setattr(exchange, "close_connection", True))


@pytest.fixture(params=["file", "http"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "file":
        (tmp_path / "out").mkdir()
        yield FilePlace(tmp_path / "out" / "reports.jsonl")
        return
    with running(SmallRegistry()) as registry:
        yield HttpPlace(registry)


@pytest.fixture
def sink(place: Place) -> Iterator[Sink]:
    with closing(open_sink(SinkOptions(url=place.url))) as opened:
        yield opened


def statuses(sink: Sink, outbox: Outbox) -> list[ItemStatus]:
    return [receipt.status for receipt in sink.deliver(outbox.batch(100), 1)]


def test_each_report_gets_a_receipt_in_order(place: Place, sink: Sink, outbox: Outbox) -> None:
    fill(outbox, 5)
    batch = outbox.batch(100)
    receipts = sink.deliver(batch, 1)
    assert [receipt.report_id for receipt in receipts] == [stored.report_id for stored in batch]
    assert {receipt.status for receipt in receipts} == {ItemStatus.ACCEPTED}
    assert place.held() == [1, 2, 3, 4, 5]


def test_duplicate_is_recognized_by_a_reopened_sink(place: Place, outbox: Outbox) -> None:
    fill(outbox, 2)
    for expected in (ItemStatus.ACCEPTED, ItemStatus.DUPLICATE):
        with closing(open_sink(SinkOptions(url=place.url))) as sink:
            assert statuses(sink, outbox) == [expected] * 2
            assert statuses(sink, outbox) == [ItemStatus.DUPLICATE] * 2
    assert place.held() == [1, 2]


@pytest.mark.parametrize("another_is_there", [False, True])
def test_moved_file_is_not_written_to(
    tmp_path: Path, outbox: Outbox, another_is_there: bool
) -> None:
    file, moved = tmp_path / "out.jsonl", tmp_path / "out.jsonl.1"
    with closing(open_sink(SinkOptions(url=f"file://{file}"))) as sink:
        for number in (1, 2, 3):
            fill(outbox, 1)
            batch = outbox.batch(1)
            assert [receipt.status for receipt in sink.deliver(batch, 1)] == [ItemStatus.ACCEPTED]
            outbox.acknowledge(batch)
            if number == 1:
                file.rename(moved)
                if another_is_there:
                    file.touch()
    assert FilePlace(moved).held() == [1]
    assert FilePlace(file).held() == [2, 3]


def test_directory_of_a_new_file_is_synced_once(
    tmp_path: Path, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    with closing(open_sink(SinkOptions(url=f"file://{tmp_path}/out.jsonl"))) as sink:
        for _ in range(2):
            fill(outbox, 1)
            sink.deliver(outbox.batch(9), 1)
    assert synced.count(str(tmp_path)) == 1


def test_interrupted_batch_is_completed_without_duplicates(place: Place, outbox: Outbox) -> None:
    fill(outbox, 3)
    with closing(open_sink(SinkOptions(url=place.url))) as sink:
        sink.deliver(outbox.batch(100), 1)
    place.break_in_the_middle()
    with closing(open_sink(SinkOptions(url=place.url))) as sink:
        assert statuses(sink, outbox) == [
            ItemStatus.DUPLICATE,
            ItemStatus.DUPLICATE,
            ItemStatus.ACCEPTED,
        ]
    assert place.held() == [1, 2, 3]


def test_refusal_is_distinguished_from_unreachable(
    place: Place, sink: Sink, outbox: Outbox
) -> None:
    fill(outbox, 1)
    place.refuse()
    with pytest.raises(RegistryRefused, match="token"):
        sink.deliver(outbox.batch(1), 1)


def test_unreachable_destination_is_an_error_with_a_hint(
    place: Place, sink: Sink, outbox: Outbox
) -> None:
    fill(outbox, 1)
    sink.deliver(outbox.batch(1), 1)
    place.vanish()
    with pytest.raises(RegistryUnreachable) as error:
        for _ in range(2):  # the first may still be answered over the connection kept open
            sink.deliver(outbox.batch(1), 1)
    assert error.value.hint


def test_every_scheme_of_the_catalogue_opens_a_sink(tmp_path: Path) -> None:
    for scheme in SINKS:
        rest = f"{tmp_path}/x" if scheme == "file" else "registry.example"
        open_sink(SinkOptions(url=f"{scheme}://{rest}")).close()


@pytest.mark.parametrize(
    "url", ["ftp://x", "registry.example", "http://", "https://u:secret@x", "file://host/x", ""]
)
def test_unusable_address_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        open_sink(SinkOptions(url=url))
    assert refused.value.hint
    assert "secret" not in refused.value.message


# -- what only HTTP can do


def test_silent_registry_ends_with_the_read_timeout(outbox: Outbox) -> None:
    limits = replace(http.LIMITS, idle_s=0.2)
    fill(outbox, 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            closing(http.HttpSink(SinkOptions(url=url), limits=limits)) as sink,
            pytest.raises(RegistryUnreachable, match=r"no answer within 0\.2 s"),
        ):
            sink.deliver(outbox.batch(1), 1)


@pytest.mark.parametrize(
    ("status", "headers", "kind", "words"),
    [
        (401, {}, RegistryRefused, "wrong token"),
        (403, {}, RegistryRefused, "does not allow"),
        (404, {}, RegistryRefused, "does not accept reports"),
        (302, {"Location": "/login"}, RegistryRefused, "does not accept reports"),
        (422, {}, RegistryRefused, "422: the registry's words"),
        (500, {}, RegistryUnreachable, "HTTP 500"),
        (503, {"Retry_After": "7"}, RegistryUnreachable, "HTTP 503"),
    ],
)
def test_each_status_becomes_an_error_with_text(
    registry: SmallRegistry,
    outbox: Outbox,
    status: int,
    headers: dict[str, str],
    kind: type[Exception],
    words: str,
) -> None:
    fill(outbox, 1)
    problem = {"detail": "the registry's words"}
    registry.script.append(lambda exchange: exchange.reply(status, problem, **headers))
    with (
        closing(open_sink(SinkOptions(url=registry.url))) as sink,
        pytest.raises(kind, match=words) as error,
    ):
        sink.deliver(outbox.batch(1), 1)
    if status == 401:
        whose = json.loads(outbox.batch(1)[0].body)["gateway_id"]
        assert isinstance(error.value, RegistryRefused)
        assert f"token create --scope gateway --gateway-id {whose}" in error.value.hint
        assert "registry's machine" in error.value.hint and "token_file" in error.value.hint
    if status == 503:
        assert isinstance(error.value, RegistryUnreachable)
        assert error.value.retry_after_s == 7


@pytest.mark.parametrize(
    ("said", "synchronized", "asked"),
    [
        ({"Retry-After": "0"}, False, 0),
        ({"Retry-After": "9" * 400}, False, float("inf")),
        # on the registry's clock it is five minutes, whatever this gateway's clock says
        ({"Retry-After": "Fri, 02 Jan 1998 00:05:00 GMT", "Date": "Fri, 02 Jan 1998 00:00:00 GMT"},
         True, 300),
        ({"Retry-After": "Thu, 01 Jan 1998 00:00:00 GMT", "Date": "Fri, 02 Jan 1998 00:00:00 GMT"},
         True, 0),
        ({"Retry-After": "Fri, 02 Jan 1998 00:05:00 GMT", "Date": "today"}, False, None),
        ({"Retry-After": "Fri, 02 Jan 1998 00:05:00 GMT"}, True, 0),
        ({"Retry-After": "Fri, 02 Jan 2998 00:05:00 GMT"}, False, None),
        ({"Retry-After": "soon"}, True, None),
        ({"Retry-After": "-3"}, True, None),
        ({}, True, None),
    ],
)  # fmt: skip
def test_retry_after_as_seconds_and_as_date(
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, str],
    synchronized: bool,
    asked: float | None,
) -> None:
    monkeypatch.setattr(http.origin, "clock_synchronized", lambda: synchronized)
    assert http._retry_after_s(http.urllib3.HTTPHeaderDict(said)) == asked


@pytest.mark.parametrize("asked", ["86400", "9" * 400])
def test_retry_after_without_tls_is_at_most_an_hour(
    registry: SmallRegistry, outbox: Outbox, asked: str
) -> None:
    fill(outbox, 1)
    registry.script.append(lambda exchange: exchange.reply(503, {}, Retry_After=asked))
    with (
        closing(open_sink(SinkOptions(url=registry.url))) as sink,
        pytest.raises(RegistryUnreachable) as error,
    ):
        sink.deliver(outbox.batch(1), 1)
    assert min(error.value.retry_after_s or 0, sink.max_retry_after_s) == 3600


@pytest.mark.parametrize("answer", [{}, [], {"results": []}, {"results": [{"report_id": 1}]}, "x"])
def test_answer_of_another_server_acknowledges_nothing(
    registry: SmallRegistry, outbox: Outbox, answer: object
) -> None:
    fill(outbox, 1)
    registry.script.append(lambda exchange: exchange.reply(200, answer))
    with (
        closing(open_sink(SinkOptions(url=registry.url))) as sink,
        pytest.raises(RegistryUnreachable),
    ):
        sink.deliver(outbox.batch(1), 1)


def test_token_is_read_for_each_delivery_and_never_shown(
    registry: SmallRegistry, outbox: Outbox, tmp_path: Path
) -> None:
    fill(outbox, 1)
    file = tmp_path / "token"
    with closing(open_sink(SinkOptions(url=registry.url, token_file=file))) as sink:
        with pytest.raises(RegistryRefused, match="no token"):
            sink.deliver(outbox.batch(1), 1)
        for token in ("first", "second"):
            file.write_text(f"{token}\n")
            sink.deliver(outbox.batch(1), 1)
            assert registry.headers[-1]["Authorization"] == f"Bearer {token}"
        assert "second" not in sink.address
        file.write_text("two words\n")
        with pytest.raises(RegistryRefused) as refused:
            sink.deliver(outbox.batch(1), 1)
        assert "two" not in refused.value.message


def test_large_batch_is_compressed_and_dated_by_the_boot(
    registry: SmallRegistry, outbox: Outbox
) -> None:
    fill(outbox, 100)
    with closing(open_sink(SinkOptions(url=registry.url))) as sink:
        assert len(sink.deliver(outbox.batch(100), 1)) == 100
    (headers,) = registry.headers
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Modemagent-Boot-Id"] == outbox.identity.boot_id
    assert int(headers["Modemagent-Uptime-Ms"]) >= registry.requests[0][-1]["uptime_ms"]
