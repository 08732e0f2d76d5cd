"""Waking a port: ``AT`` until the modem is ready, unless the device is not a modem."""

from __future__ import annotations

from collections.abc import Generator

from modemagent.at.lines import BINARY_MINIMUM, stream_kind
from modemagent.at.steps import Outcome, Step
from modemagent.errors import NoAnswer, NotAModem
from modemagent.modem.conversation import WAKE_STEP_S, Conversation
from modemagent.modem.sync import SyncEvent

#: Limit without any byte from the modem. A module that boots silently needs 4 s.
_MUTE_S = 4.8
#: Limit with bytes but without a clean OK: the modem is booting. u-blox TOBY-L4 needs 20 s.
_BOOT_S = 25.0
#: OKs with other text after which a port that is never quiet is accepted.
_UNCLEAN_LIMIT = 6
#: Commands after which bytes without OK are examined for NMEA and binary data.
_STRANGE_LIMIT = 3
_PROBE_LIMIT = 65536


def probe(client: Conversation, listen_s: float = 0.0) -> Generator[Step, Outcome, None]:
    """Listen, then send ``AT`` until a clean OK comes.

    :param listen_s: how long to listen; 0 takes only what has already been received
    :raises NotAModem: the port sends NMEA or binary data; if it did before the first
        command, nothing was written
    :raises NoAnswer: nothing was received within 4.8 s, or no clean OK within 25 s
    """
    begun_s = client.elapsed_s
    received = (yield from client.listen(listen_s, listen_s)).raw
    if received:
        client.sync.apply(SyncEvent.ANOMALY)
        received += (yield from client.drain()).raw
        _refuse_other_devices(client.port, received, "before anything was sent")
    received = b""
    unclean = sent = 0
    while True:
        response = yield from client.wake()
        sent += 1
        received = (received + response.raw)[-_PROBE_LIMIT:]
        if response.ok:
            is_numeric = response.final is not None and response.final.text.strip() == "0"
            if is_numeric and not client.restore:
                yield from client.send("ATV1", WAKE_STEP_S)
                client.restore.append("ATV0")
                continue
            if not response.lines:
                return
            # Text with the OK: a late response, or a device that is never quiet.
            client.sync.apply(SyncEvent.ANOMALY)
            unclean += 1
            if unclean >= _UNCLEAN_LIMIT:
                return
            yield from client.drain()
            continue
        if sent >= _STRANGE_LIMIT:
            _refuse_other_devices(client.port, received, "in response to AT")
        limit_s = _BOOT_S if received.strip(b"\x00") else _MUTE_S
        if client.elapsed_s - begun_s >= limit_s - 0.01:
            raise NoAnswer(
                f"no answer to AT on {client.port}"
                + (", only other bytes" if received else f" within {_MUTE_S:.0f} s"),
                port=client.port,
                hint="Check power, cable and baud rate, or try another port of the device.",
            )
        if received:
            client.sync.apply(SyncEvent.ANOMALY)
        if not response.timed_out:  # The modem is alive but not ready.
            yield from client.listen(WAKE_STEP_S, WAKE_STEP_S)


def _refuse_other_devices(port: str, data: bytes, when: str) -> None:
    kind = stream_kind(data)
    hint = "This is not an AT port. Try another port of the device."
    if kind == "ppp":
        description = "frames of a data connection (PPP)"
        hint = (
            "A program has dialled on this port: stop it (pppd, wvdial), or use another AT port of "
            "the modem. If no program dials, restart the modem."
        )
    elif kind == "nmea":
        description = "NMEA sentences (a GNSS receiver or the GNSS port of a modem)"
    elif kind == "binary" and len(data) >= BINARY_MINIMUM:
        description = "binary data (a diagnostic port, or the wrong baud rate)"
    else:
        return
    raise NotAModem(
        f"{port} sends {description} {when}",
        port=port,
        hint=hint,
        is_binary=kind == "binary",
    )
