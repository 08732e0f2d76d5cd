"""Certificates that a registry is accepted with: real handshakes, certificates of each test."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from modemagent.errors import RegistryUnreachable
from modemagent.report import origin
from modemagent.report.delivery.retry_delay import MAX_RETRY_AFTER_S
from modemagent.report.delivery.sinks.contract import ItemStatus, SinkOptions
from modemagent.report.delivery.sinks.http import HttpSink
from modemagent.report.outbox.outbox import Outbox
from tests.report.conftest import SmallRegistry, fill, running

Pair = tuple[Path, Path]
Serve = Callable[[Pair], SmallRegistry]
Trusts = Callable[[Path, Path], None]
_NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
LOCAL = "IP:127.0.0.1"


def openssl(*words: object) -> str:
    done = subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, text=True)
    return done.stdout.strip()


class Authority:
    """A certificate authority, and what it signs."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.key, self.made = folder / f"{name}.key", folder / f"{name}.pem"
        openssl(
            "req", "-x509", *_NEW, "-subj", f"/CN={name}", "-days", 2, "-keyout", self.key,
            "-out", self.made,
        )  # fmt: skip

    def sign(self, names: str, *, days: int = 2) -> Pair:
        key, made = self._folder / "server.key", self._folder / "server.pem"
        request, names_file = self._folder / "server.csr", self._folder / "names"
        names_file.write_text(f"subjectAltName={names}\n")
        openssl("req", *_NEW, "-subj", "/CN=registry", "-keyout", key, "-out", request)
        openssl(
            "x509", "-req", "-in", request, "-CA", self.made, "-CAkey", self.key,
            "-days", days, "-CAcreateserial", "-extfile", names_file, "-out", made,
        )  # fmt: skip
        return made, key

    def into(self, directory: Path) -> Path:
        """Put the authority into a directory, as update-ca-certificates does."""
        directory.mkdir(exist_ok=True)
        name = openssl("x509", "-hash", "-noout", "-in", self.made)
        (directory / f"{name}.0").write_text(self.made.read_text())
        return directory


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ours")


@pytest.fixture
def strange(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "strange")


@pytest.fixture
def hashed(tmp_path: Path) -> Path:
    return tmp_path / "hashed"


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Trusts:
    """Have the system trust a bundle and a directory."""

    def trust(bundle: Path, directory: Path) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        monkeypatch.setenv("SSL_CERT_DIR", str(directory))

    return trust


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(pair: Pair) -> SmallRegistry:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*pair)
            server = SmallRegistry()
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
            return stack.enter_context(running(server))

        yield start


def sent(server: SmallRegistry, outbox: Outbox, **options: object) -> HttpSink:
    """Deliver one report, and return the sink that did."""
    url = f"https://127.0.0.1:{server.server_port}"
    sink = HttpSink(SinkOptions(url=url, **options))  # type: ignore[arg-type]
    fill(outbox, 1)
    with closing(sink):
        (receipt,) = sink.deliver(outbox.batch(1), 1)
    assert receipt.status is ItemStatus.ACCEPTED
    return sink


def loaded(sink: HttpSink) -> int:
    """Return how many certificates are in memory."""
    assert sink._trust
    return int(sink._trust.context.cert_store_stats()["x509"])


def refused(server: SmallRegistry, outbox: Outbox, **options: object) -> str:
    """Return the message and the hint of a failed delivery."""
    with pytest.raises(RegistryUnreachable) as raised:
        sent(server, outbox, **options)
    assert not server.requests
    return f"{raised.value.message}. {raised.value.hint}"


# -- the system's authorities


def test_only_the_needed_authority_of_a_directory_is_loaded(
    ours: Authority,
    strange: Authority,
    system: Trusts,
    serve: Serve,
    outbox: Outbox,
    hashed: Path,
) -> None:
    ours.into(strange.into(hashed))
    system(strange.made, hashed)
    sink = sent(serve(ours.sign(LOCAL)), outbox)
    assert loaded(sink) == 1


def test_authority_in_the_bundle_only_is_found_by_a_retry(
    ours: Authority,
    strange: Authority,
    system: Trusts,
    serve: Serve,
    outbox: Outbox,
    hashed: Path,
) -> None:
    system(ours.made, strange.into(hashed))
    sink = sent(serve(ours.sign(LOCAL)), outbox)
    assert loaded(sink) == 1


def test_system_with_a_bundle_only(
    ours: Authority, system: Trusts, serve: Serve, outbox: Outbox, tmp_path: Path
) -> None:
    (tmp_path / "not-hashed").mkdir()
    (tmp_path / "not-hashed" / "ours.pem").write_text(ours.made.read_text())
    system(ours.made, tmp_path / "not-hashed")
    sent(serve(ours.sign(LOCAL)), outbox)


def test_unknown_authority_is_refused(
    ours: Authority,
    strange: Authority,
    system: Trusts,
    serve: Serve,
    outbox: Outbox,
    hashed: Path,
) -> None:
    system(strange.made, strange.into(hashed))
    message = refused(serve(ours.sign(LOCAL)), outbox)
    assert "an authority that is not in the system's certificates (unable to get local" in message
    assert "Set ca_file to" in message


def test_name_of_the_certificate_must_match(
    ours: Authority, system: Trusts, serve: Serve, outbox: Outbox, hashed: Path
) -> None:
    system(ours.made, ours.into(hashed))
    server = serve(ours.sign("DNS:registry.example,IP:127.0.0.2"))
    for message in (refused(server, outbox), refused(server, outbox, ca_file=ours.made)):
        assert "its certificate is for another name (IP address mismatch" in message
        assert "'127.0.0.1'). Set registry to a name in the certificate" in message


# -- an authority of the settings' own


def test_ca_file_replaces_the_system_authorities(
    ours: Authority,
    strange: Authority,
    system: Trusts,
    serve: Serve,
    outbox: Outbox,
    hashed: Path,
) -> None:
    system(ours.made, ours.into(hashed))
    server = serve(ours.sign(LOCAL))
    message = refused(server, outbox, ca_file=strange.made)
    assert f"an authority that is not in {strange.made} (unable to get local" in message
    sent(server, outbox, ca_file=ours.made)


# -- the cause of a failure


def test_self_signed_certificate_is_named(ours: Authority, serve: Serve, outbox: Outbox) -> None:
    message = refused(serve((ours.made, ours.key)), outbox)
    assert "its certificate is self-signed and not in the system's certificates" in message
    assert "Set ca_file to a file with this certificate" in message


def test_untrusted_root_in_the_chain_is_a_missing_authority(
    ours: Authority, serve: Serve, outbox: Outbox
) -> None:
    made, key = ours.sign(LOCAL)
    made.write_text(made.read_text() + ours.made.read_text())
    assert "signed by an authority that is not in the system's" in refused(
        serve((made, key)), outbox
    )


@pytest.mark.parametrize("synchronized", [True, False])
def test_expired_certificate_is_shown_with_the_clock(
    ours: Authority,
    serve: Serve,
    outbox: Outbox,
    synchronized: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(origin, "clock_synchronized", lambda: synchronized)
    message = refused(serve(ours.sign(LOCAL, days=-1)), outbox, ca_file=ours.made)
    assert "its certificate has expired; this gateway's clock shows 20" in message
    assert ("Renew the registry's certificate" in message) is synchronized
    assert ("when the clock is set" in message) is not synchronized


def test_server_without_tls_is_named(outbox: Outbox) -> None:
    with running(SmallRegistry()) as server:
        assert "the server answers without TLS. Check the port" in refused(server, outbox)


# -- how long it may ask gateways to wait


def test_retry_after_with_tls_may_exceed_an_hour(
    ours: Authority, serve: Serve, outbox: Outbox
) -> None:
    server = serve(ours.sign(LOCAL))
    server.script.append(lambda exchange: exchange.reply(503, {}, Retry_After="7200"))
    with pytest.raises(RegistryUnreachable) as raised:
        sent(server, outbox, ca_file=ours.made)
    assert raised.value.retry_after_s == 7200 < MAX_RETRY_AFTER_S
