"""The API of 1NCE: SIMs with the IMEI in which the network has seen them.

Facts from the published OpenAPI descriptions, help.1nce.com/specs: authorization.json 2.1.1
(``POST /oauth/token``, HTTP Basic, ``grant_type`` client_credentials, ``access_token`` and
``expires_in``) and sim-management-v2.json (``GET /v2/sims`` with ``page`` and ``pageSize`` up to
100, header ``X-Total-Pages``; ``iccid``, ``iccid_with_luhn``, ``imei`` of up to 16 digits,
``imei_lock``).
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator

from modemagent.errors import OperatorApiError
from modemagent.registry.connectors.connector import OperatorSim, parse_sim
from modemagent.registry.connectors.json_api import JsonApi, JsonResponse

URL = "https://api.1nce.com/management-api"
_PAGE = 100
_MOST_PAGES = 20_000
_EARLIER_S = 60.0  # before the end of its validity, a token is renewed


class OneNce:
    """An account of 1NCE.

    :param user: name of the API user
    """

    def __init__(self, api: JsonApi, user: str, password: str) -> None:
        self._api = api
        self._secret = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        self._token = ""
        self._until_s = 0.0

    def sims(self) -> Iterator[OperatorSim]:
        """Yield all SIMs of the account."""
        for page in range(1, _MOST_PAGES + 1):
            found = self._get(f"/v2/sims?page={page}&pageSize={_PAGE}")
            if not isinstance(found.document, list):
                raise OperatorApiError("the response is not a list of SIMs")
            for one in found.document:
                if not isinstance(one, dict) or not (one.get("iccid") or "iccid_with_luhn" in one):
                    raise OperatorApiError("the response has a SIM without an ICCID")
                sim = parse_sim(
                    one.get("iccid_with_luhn") or one.get("iccid"), one.get("imei"),
                    is_locked=one.get("imei_lock") is True,
                )  # fmt: skip
                if sim is not None:
                    yield sim
            pages = _total_pages(found)
            if page >= pages if pages is not None else len(found.document) < _PAGE:
                return
        raise OperatorApiError(f"the account has more than {_MOST_PAGES} pages")

    def _get(self, path: str) -> JsonResponse:
        for attempt in (0, 1):
            if attempt or time.monotonic() >= self._until_s:
                self._sign_in()
            found = self._api.request(
                "GET", path, headers={"Authorization": f"Bearer {self._token}"}
            )
            if found.status == 200:
                return found
            if found.status != 401:
                break
        raise OperatorApiError(f"HTTP status {found.status}")

    def _sign_in(self) -> None:
        found = self._api.request(
            "POST",
            "/oauth/token",
            headers={"Authorization": f"Basic {self._secret}"},
            body={"grant_type": "client_credentials"},
        )
        document = found.document if isinstance(found.document, dict) else {}
        token, seconds = document.get("access_token"), document.get("expires_in")
        if found.status not in (200, 201) or not isinstance(token, str) or not token:
            raise OperatorApiError(f"no access token: HTTP status {found.status}")
        if not token.isascii() or not token.isprintable():
            raise OperatorApiError("no access token: it has other characters than ASCII")
        valid_s = float(seconds) if isinstance(seconds, int | float) else 0.0
        self._token = token
        self._until_s = time.monotonic() + max(valid_s - _EARLIER_S, 0.0)


def _total_pages(found: JsonResponse) -> int | None:
    text = next((v for k, v in found.headers.items() if k.lower() == "x-total-pages"), "")
    return int(text) if text.isascii() and text.isdecimal() else None
