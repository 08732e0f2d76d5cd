"""Syntax of addresses in settings: registries, proxies, listeners and ports of modems.

Only the syntax is checked, not this machine or the network. It is as strict as the code that uses
the address later, so that no address that passes here makes the daemon fail there.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

# RFC 1123 clause 2.1, and the underscore, which is used in private networks. Longer or empty labels
# make Python's name lookup raise UnicodeError, names beyond ASCII make urllib3 fail.
_HOST_NAME = r"(?!.{254})[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?"
#: Ids printed by ``modemagent list``, of a modem or of one port.
_PORT_IDS: Final = (
    r"usb:[0-9]+-[0-9]+(\.[0-9]+)*(:[0-9]+\.[0-9]+)?",
    r"pci:[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f](:wwan\w+)?",
    r"tty:[A-Za-z][\w.-]*",
    r"wwan:\w+(:wwan\w+)?",
)


def is_host_port(text: str, *, least_port: int = 1, port_required: bool = True) -> bool:
    """Return True if a text is ``HOST:PORT``, with an IPv6 address in brackets.

    >>> is_host_port("127.0.0.1:9470"), is_host_port("[::1]:9470")
    (True, True)
    >>> is_host_port("::1:9470"), is_host_port("a..b:1")
    (False, False)
    """
    host, colon, port = text.rpartition(":")
    if port.endswith("]") or not colon:
        if port_required:
            return False
        host = text
    elif not re.fullmatch("[0-9]{1,5}", port) or not least_port <= int(port) <= 65535:
        return False
    if host.startswith("[") and host.endswith("]"):
        return _is_ipv6(host[1:-1])
    return re.fullmatch(_HOST_NAME, host) is not None


def _is_ipv6(text: str) -> bool:
    # a zone, fe80::1%eth0, is written %25eth0 in a URL (RFC 6874); Python accepts any text
    address, mark, zone = text.partition("%")
    if mark and not re.fullmatch("(25)?[A-Za-z0-9_.-]+", zone):
        return False
    try:
        IPv6Address(address)
    except ValueError:
        return False
    return True


def is_http_url(text: str, *, allow_user: bool = False) -> bool:
    """Return True if a text is ``http://HOST[:PORT][/PATH]``, or the same with https.

    >>> is_http_url("https://registry.example:8470/"), is_http_url("https://r:99999")
    (True, False)
    """
    found = re.fullmatch(r"(?i:https?)://(?P<user>[^/?#\\]*@)?(?P<host>[^/?#@]+)([/?#].*)?", text)
    if found is None or (found["user"] and not allow_user) or re.search(r"\s", text):
        return False
    return is_host_port(found["host"], port_required=False)


def is_unencrypted(url: str) -> bool:
    """Return True if a URL sends without encryption to another machine.

    >>> is_unencrypted("http://registry.example:8470"), is_unencrypted("https://registry.example")
    (True, False)
    >>> is_unencrypted("http://127.0.0.1:8470"), is_unencrypted("http://localhost")
    (False, False)
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "http" or host == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def is_file_url(text: str) -> bool:
    """Return True if a text is ``file:///PATH``; the path may contain spaces."""
    found = re.fullmatch(r"(?i:file)://(localhost)?/[^?#]+", text)
    return found is not None and "%00" not in text


def is_port(text: str) -> bool:
    """Return True if a text names a port: a path, an id of ``modemagent list``, or a URL.

    >>> is_port("/dev/ttyUSB2"), is_port("usb:1-1.4"), is_port("rfc2217://[fe80::1]:7000")
    (True, True, True)
    >>> is_port("ttyUSB2"), is_port("imei:86"), is_port("usb:zz"), is_port("socket://host")
    (False, False, False, False)
    """
    scheme, slashes, rest = text.partition("://")
    if slashes:
        return scheme in ("socket", "rfc2217") and is_host_port(rest.rstrip("/"))
    return text.startswith("/") or any(re.fullmatch(form, text) for form in _PORT_IDS)
