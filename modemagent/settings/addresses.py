"""The forms in which settings name places: registries, proxies, listeners and ports of modems.

Only the form is judged, without a look at this machine or the network. It is as narrow as what
takes the address later, so that nothing passes here that ends the daemon there.
"""

from __future__ import annotations

import re
from typing import Final

# RFC 1123 2.1; the underscore is in use inside networks. Longer or empty labels make Python's own
# look-up fail with a UnicodeError, names beyond ASCII with an error of urllib3.
_NAME = re.compile(r"(?!.{254})[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_IDS: Final = tuple(
    re.compile(form)
    for form in (
        r"usb:[0-9]+-[0-9]+(\.[0-9]+)*(:[0-9]+\.[0-9]+)?",
        r"pci:[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f](:wwan\w+)?",
        r"tty:[A-Za-z][\w.-]*",
        r"wwan:\w+(:wwan\w+)?",
    )
)
"""The ids that ``modemagent list`` prints: a modem, or one port of it."""


def is_place(text: str, *, least_port: int = 1, port_needed: bool = True) -> bool:
    """Tell whether a text is ``HOST:PORT``, with an IPv6 address in brackets.

    >>> is_place("127.0.0.1:9470"), is_place("[::1]:9470"), is_place("::1:9470"), is_place("a..b:1")
    (True, True, False, False)
    """
    host, colon, port = text.rpartition(":")
    if port.endswith("]") or not colon:
        if port_needed:
            return False
        host = text
    elif not re.fullmatch("[0-9]{1,5}", port) or not least_port <= int(port) <= 65535:
        return False
    if host.startswith("[") and host.endswith("]"):
        return _is_ipv6(host[1:-1])
    return _NAME.fullmatch(host) is not None


def _is_ipv6(text: str) -> bool:
    from ipaddress import IPv6Address

    # a zone, fe80::1%eth0, is %25eth0 within a URL (RFC 6874); Python takes any text for one
    address, mark, zone = text.partition("%")
    if mark and not re.fullmatch("(25)?[A-Za-z0-9_.-]+", zone):
        return False
    try:
        IPv6Address(address)
    except ValueError:
        return False
    return True


def is_web_address(text: str, *, user_allowed: bool = False) -> bool:
    """Tell whether a text is ``http://HOST[:PORT][/PATH]``, or the same with https.

    >>> is_web_address("https://registry.example:8470/"), is_web_address("https://r:99999")
    (True, False)
    """
    found = re.fullmatch(r"(?i:https?)://(?P<user>[^/?#\\]*@)?(?P<place>[^/?#@]+)([/?#].*)?", text)
    if found is None or (found["user"] and not user_allowed) or re.search(r"\s", text):
        return False
    return is_place(found["place"], port_needed=False)


def is_file_address(text: str) -> bool:
    """Tell whether a text is ``file:///PATH``; the path may hold blanks."""
    found = re.fullmatch(r"(?i:file)://(localhost)?/[^?#]+", text)
    return found is not None and "%00" not in text


def is_port(text: str) -> bool:
    """Tell whether a text names a port: a path, an id of ``modemagent list``, an address.

    >>> is_port("/dev/ttyUSB2"), is_port("usb:1-1.4"), is_port("rfc2217://[fe80::1]:7000")
    (True, True, True)
    >>> is_port("ttyUSB2"), is_port("imei:86"), is_port("usb:zz"), is_port("socket://host")
    (False, False, False, False)
    """
    scheme, slashes, rest = text.partition("://")
    if slashes:
        return scheme in ("socket", "rfc2217") and is_place(rest.rstrip("/"))
    return text.startswith("/") or any(form.fullmatch(text) for form in _IDS)
