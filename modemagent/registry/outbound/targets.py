"""URLs of webhooks: which are valid, and which addresses may be connected to."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from modemagent.errors import UsageError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LONGEST_URL = 1000
_HINT = "Example: https://hooks.example.com/modemagent"
_PRINTABLE = re.compile(r"[!-~]+")


def check_url(url: str) -> None:
    """Check the URL of a webhook.

    :raises UsageError: it is not an http or https URL of a host, or contains a password
    """
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise UsageError("the URL is not valid", hint=_HINT) from None
    if len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url) or not port_is_valid:
        raise UsageError("the URL is not valid", hint=_HINT)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("a webhook has an https URL", hint=_HINT)
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise UsageError(
            "the URL of a webhook has neither a password nor a fragment",
            hint="The receiver verifies the signature of each message instead.",
        )


def address_rule(url: str, allowed: Sequence[Network]) -> Callable[[str], bool]:
    """Return a function that returns True if an address of the host may be connected to.

    Public addresses are permitted for https, others and http only in the allowed networks.
    """
    is_encrypted = url.lower().startswith("https:")

    def is_allowed(text: str) -> bool:
        address = ipaddress.ip_address(text.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        address = address if mapped is None else mapped
        if any(address in network for network in allowed):
            return True
        is_embedding = isinstance(address, ipaddress.IPv6Address) and (
            address.sixtofour is not None or address.teredo is not None or address in _NAT64
        )
        return is_encrypted and address.is_global and not address.is_multicast and not is_embedding

    return is_allowed


_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: it can contain a private IPv4 address
