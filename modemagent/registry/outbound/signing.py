"""Signatures of webhooks by the scheme of Standard Webhooks.

The signature is an HMAC-SHA256 over the id, the time and the body of a message
(https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md). While a secret
is replaced, messages have a signature by each of the two.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> bytes:
    """Return a random secret."""
    return secrets.token_bytes(_SECRET_BYTES)


def shown_secret(secret: bytes) -> str:
    """Return a secret as it is given to the receiver.

    >>> shown_secret(bytes(3))
    'whsec_AAAA'
    """
    return _PREFIX + base64.b64encode(secret).decode("ascii")


def signed_headers(
    secrets_: Sequence[bytes], message_id: str, at_s: int, body: bytes
) -> dict[str, str]:
    """Return the headers of a signed message.

    >>> signed_headers([b"s"], "msg_1", 1, b"{}")["webhook-signature"][:6]
    'v1,UKb'
    """
    content = f"{message_id}.{at_s}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.digest(one, content, hashlib.sha256)).decode("ascii")
        for one in secrets_
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(signatures),
    }
