"""Who the reports of an outbox are from: gateway, stream and boot, as the outbox remembers them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from modemagent.report import origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What all reports of this run have in common.

    :param rebooted: the machine has booted since the outbox was last opened
    """

    gateway_id: str
    stream_id: str
    boot_id: str
    boot_count: int
    rebooted: bool

    def in_new_stream(self) -> Identity:
        return replace(self, stream_id=new_stream_id())


def new_stream_id() -> str:
    return secrets.token_hex(16)


def resolve_stream(
    meta: Mapping[str, str], gateway_id: str | None, *, boot_count: int
) -> tuple[Identity, dict[str, str]]:
    """Return who speaks in this run, and what an outbox with this ``meta`` must take down.

    :param gateway_id: what the settings say; None leaves it to the machine's id
    :param meta: what it has taken down, its numbers looked through
        (:func:`modemagent.report.outbox.notes.interpret`)
    :param boot_count: boots counted elsewhere, for an outbox that has counted none
    """
    boot = origin.boot_id()
    same_boot = meta.get("boot_id") == boot
    count = int(meta.get("boot_count", boot_count)) + (0 if same_boot else 1)
    values = {
        "stream_id": meta.get("stream_id") or new_stream_id(),
        "next_sequence": meta.get("next_sequence", "1"),
        "boot_id": boot,
        "boot_count": str(count),
        "gateway_id": gateway_id
        or origin.derived_gateway_id()
        or meta.get("gateway_id")
        or f"gw-{secrets.token_hex(6)}",
    }
    identity = Identity(
        gateway_id=values["gateway_id"],
        stream_id=values["stream_id"],
        boot_id=boot,
        boot_count=count,
        rebooted="boot_id" in meta and not same_boot,
    )
    return identity, {key: value for key, value in values.items() if meta.get(key) != value}
