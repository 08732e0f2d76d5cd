"""Addresses in settings: every address that passes is accepted by the code that uses it."""

from __future__ import annotations

import contextlib
import doctest

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from modemagent.channel import url
from modemagent.channel.tcp import parse_host_port
from modemagent.errors import SettingsError
from modemagent.report.delivery.sinks import SINKS, SinkOptions, open_sink
from modemagent.settings import Mistake, addresses, check
from modemagent.settings.addresses import is_file_url, is_host_port, is_http_url, is_port

WRONG = {
    "registry": (
        "https://registry.example:99999",
        "https://registry.example:abc",
        "https://registry.example:",
        "https://registry example",
        "https://registry.example/a b",
        "https://a..b",
        "https://" + "a" * 64,
        "https://bücher.example",
        "https://[::1",
        "https://::1",
        "https://me:secret@registry.example",
        "https://",
        "registry.example",
        "registry.example:8470",
        "file://",
        "file://srv/out.jsonl",
        "file:///srv/out%00.jsonl",
    ),
    "proxy": (
        "proxy:3128",
        "proxy.example",
        "socks5://proxy.example:1080",
        "http://",
        "http://proxy.example:99999",
        "http://proxy example:3128",
        "http://me\\:secret@proxy.example",
    ),
    "metrics_listen": (
        "9470",
        ":9470",
        "127.0.0.1",
        "127.0.0.1:99999",
        "127.0.0.1:" + "9" * 5000,
        "a..b:9470",
        "::1:9470",
        "http://127.0.0.1:9470",
    ),
}
RIGHT = {
    "registry": (
        "https://registry.example",
        "HTTPS://registry.example./",
        "http://127.0.0.1:8470/fleet/",
        "http://[::1]:8470",
        "http://[fe80::1%25eth0]",
        "http://my_host",
        "file:///srv/out.jsonl",
        "file://localhost/srv/all of it.jsonl",
    ),
    "proxy": (
        "http://proxy.example:3128",
        "https://proxy.example",
        "http://me:sec@ret@proxy.example:3128/",
    ),
    "metrics_listen": ("127.0.0.1:0", "[::]:9470", "0.0.0.0:9470", "localhost:9470"),
}
PORTS = (
    "/dev/ttyUSB2",
    "/dev/serial/by-id/usb-Quectel EG25-if02",
    "usb:1-1.4",
    "usb:1-1.4.2:1.2",
    "pci:0000:01:00.0:wwan0at0",
    "pci:10000:e1:00.0",
    "tty:ttyAMA0",
    "socket://192.0.2.7:2000",
    "socket://[2001:db8::7]:2000/",
    "rfc2217://serial-server.example:7000",
)
NO_PORTS = (
    "ttyUSB2",
    "dev/ttyUSB2",
    "auto",
    "imei:86",
    "iccid:8988303000000000010",
    "usb:zz",
    "usb:1",
    "tty:",
    "pci:zz",
    "http://x",
    "socket://bla",
    "socket://192.0.2.7",
    "socket://192.0.2.7:0",
    "socket://192.0.2.7:65536",
    "socket://:2000",
    "socket://a..b:2000",
    "SOCKET://192.0.2.7:2000",
)


def test_doctests() -> None:
    assert doctest.testmod(addresses).failed == 0


def mistakes_of(line: str) -> tuple[Mistake, ...]:
    return check(f"\n{line}\n")[1]


@pytest.mark.parametrize(("key", "text"), [(k, text) for k in WRONG for text in WRONG[k]])
def test_an_invalid_address_has_line_and_remedy(key: str, text: str) -> None:
    (mistake,) = mistakes_of(f"{key} = '{text}'")
    assert (mistake.key, mistake.line) == (key, 2)
    assert mistake.remedy.startswith(f"Example: {key} = ")
    assert "secret" not in mistake.message


@pytest.mark.parametrize(("key", "text"), [(k, text) for k in RIGHT for text in RIGHT[k]])
def test_a_valid_address_is_kept_as_written(key: str, text: str) -> None:
    settings, mistakes = check(f'{key} = "{text}"')
    assert (getattr(settings, key), mistakes) == (text, ())


@pytest.mark.parametrize("text", NO_PORTS)
def test_an_invalid_port_is_reported_without_its_number(text: str) -> None:
    (mistake,) = mistakes_of(f'port = ["/dev/ttyUSB2", "{text}"]')
    assert (mistake.key, mistake.line) == ("port", 2)
    assert f'"{text.partition(":")[0]}' in mistake.message
    assert "socket://HOST:PORT" in mistake.message
    assert "8988" not in mistake.message


def test_every_form_of_a_port_is_accepted() -> None:
    listed = ", ".join(f'"{port}"' for port in PORTS)
    settings, mistakes = check(f"port = [{listed}]")
    assert (settings.port, mistakes) == (PORTS, ())


def test_every_port_scheme_can_be_opened() -> None:
    for scheme in url.SCHEMES:
        assert is_port(f"{scheme}://192.0.2.7:2000")


def test_every_registry_scheme_has_a_sink() -> None:
    for scheme in SINKS:
        assert not mistakes_of(f'registry = "{scheme}:///r"') or is_http_url(f"{scheme}://r")


_PIECES = st.sampled_from(
    [*"ab1.:/@[]%-_?# ü٣2\\", "::1", "http://", "example", ":80", "[fe80::1%25eth0]", "%zz"]
)


@given(st.lists(_PIECES, min_size=1, max_size=7).map("".join))
def test_valid_addresses_are_accepted_by_the_code_using_them(text: str) -> None:
    if is_http_url(url := f"http://{text}"):
        urllib3.util.parse_url(url)
        # an address with a query is valid, and rejected by the sink
        with contextlib.suppress(SettingsError):
            open_sink(SinkOptions(url=url)).close()
    if is_http_url(url, allow_user=True):
        urllib3.ProxyManager(url)
    if is_file_url(url := f"file:///{text}"):
        open_sink(SinkOptions(url=url)).close()
    if is_host_port(text):
        host, port = parse_host_port(f"socket://{text}")
        assert host.encode("idna") and port
