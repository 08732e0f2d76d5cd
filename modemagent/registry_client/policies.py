"""Policies and announced work of a registry over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from modemagent.registry_client.client import Document, HttpSource

Given = Mapping[str, Any]


class PolicySource(Protocol):
    """Calls about policies: over HTTP, or beside the database. They return what the API does."""

    def policies(self, limit: int, after: str | None) -> Document:
        """Return a page of policies."""

    def policy(self, ref: str) -> Document | None:
        """Return a policy."""

    def add(self, given: Given) -> Document:
        """Add a policy; return it."""

    def change(self, ref: str, revision: int, given: Given) -> Document | None:
        """Replace what a policy states; return it, or None if there is none."""

    def put_modem(self, modem: str, revision: int | None, given: Given) -> Document | None:
        """Set the policy of one modem; None: no such modem."""

    def delete(self, ref: str, revision: int, reason: str) -> bool:
        """Delete a policy; return False if there is none."""

    def revert(self, ref: str, revision: int, to: int, reason: str) -> Document | None:
        """Let a policy state again what it did in an earlier revision."""

    def apply(
        self, ref: str, revision: int, mode: str, reason: str, max_match_ratio: float | None = None
    ) -> Document | None:
        """Set the mode of a policy."""

    def dry_run(self, ref: str, limit: int) -> Document | None:
        """Return what would happen if a policy were enforced."""

    def import_pairs(self, content: bytes, *, dry_run: bool, given: Given) -> Document:
        """Make a policy of the pairs in a CSV file; return what was done, and what is wrong."""

    def pairs(self, ref: str) -> list[Document] | None:
        """Return the pairs of a policy."""

    def windows(self, limit: int, after: str | None) -> Document:
        """Return a page of announced work, newest first."""

    def announce(self, given: Given) -> Document:
        """Announce work; return it."""

    def close_window(self, key: str) -> bool | None:
        """End announced work; return False if it is over, None if there is none."""


class HttpPolicies:
    """The policies of a registry over HTTP."""

    def __init__(self, source: HttpSource) -> None:
        self._source = source

    def policies(self, limit: int, after: str | None) -> Document:
        return self._page("policies", limit, after)

    def policy(self, ref: str) -> Document | None:
        return self._source.get(f"policies/{ref}")

    def add(self, given: Given) -> Document:
        return self._sent("POST", "policies", given) or {}

    def change(self, ref: str, revision: int, given: Given) -> Document | None:
        return self._sent("PUT", f"policies/{ref}", given, revision)

    def put_modem(self, modem: str, revision: int | None, given: Given) -> Document | None:
        return self._sent("PUT", f"policies/{modem}", given, revision)

    def delete(self, ref: str, revision: int, reason: str) -> bool:
        status, body = self._source.request(
            "DELETE",
            f"policies/{ref}",
            fields={"reason": reason} if reason else {},
            headers=_if_match(revision),
        )
        if status == 404:
            return False
        self._source.accepted(status, body)
        return True

    def revert(self, ref: str, revision: int, to: int, reason: str) -> Document | None:
        given = {"revision": to, "reason": reason}
        return self._sent("POST", f"policies/{ref}/revert", given, revision)

    def apply(
        self, ref: str, revision: int, mode: str, reason: str, max_match_ratio: float | None = None
    ) -> Document | None:
        given = {"mode": mode, "reason": reason, "max_match_ratio": max_match_ratio}
        return self._sent("POST", f"policies/{ref}/apply", given, revision)

    def dry_run(self, ref: str, limit: int) -> Document | None:
        status, body = self._source.request(
            "POST", f"policies/{ref}/dry-run", fields={"limit": limit}
        )
        return None if status == 404 else self._source.accepted(status, body)

    def import_pairs(self, content: bytes, *, dry_run: bool, given: Given) -> Document:
        fields = {name: str(value) for name, value in given.items() if value}
        fields["dry_run"] = str(dry_run).lower()
        status, body = self._source.request(
            "POST", "policy-imports", content, content_type="text/csv", fields=fields
        )
        report = body.get("import")
        if status == 422 and isinstance(report, dict):
            return report
        return self._source.accepted(status, body)

    def pairs(self, ref: str) -> list[Document] | None:
        if self.policy(ref) is None:
            return None
        found: dict[str, Document] = {}
        for form in ("iccid-imei", "imsi-imei"):
            text = self._source.text(f"policies/{ref}/pairs", form=form)
            for line in text.splitlines()[1:]:
                number, _, imei = line.partition(",")
                found.setdefault(imei, {"imei": imei})[form.partition("-")[0]] = number
        return list(found.values())

    def windows(self, limit: int, after: str | None) -> Document:
        return self._page("windows", limit, after)

    def announce(self, given: Given) -> Document:
        return self._sent("POST", "windows", given) or {}

    def close_window(self, key: str) -> bool | None:
        status, body = self._source.request("POST", f"windows/{key}/close")
        if status in (404, 409):
            return None if status == 404 else False
        self._source.accepted(status, body)
        return True

    def _page(self, path: str, limit: int, after: str | None) -> Document:
        more = {} if after is None else {"after": after}
        return self._source.get(path, limit=limit, **more) or {}

    def _sent(
        self, method: str, path: str, given: Given, revision: int | None = None
    ) -> Document | None:
        content = json.dumps({name: one for name, one in given.items() if one is not None})
        headers = {} if revision is None else _if_match(revision)
        status, body = self._source.request(method, path, content.encode(), headers=headers)
        return None if status == 404 else self._source.accepted(status, body)


def _if_match(revision: int) -> dict[str, str]:
    return {"If-Match": f'"{revision}"'}
