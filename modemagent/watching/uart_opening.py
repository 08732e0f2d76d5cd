"""Opening of a UART whose speed is not set: the scan of :mod:`modemagent.modem.speed_scan`."""

from __future__ import annotations

import contextlib

from modemagent.channel.channel import AsyncChannel, open_channel
from modemagent.channel.trace import Trace
from modemagent.errors import ModemAgentError
from modemagent.modem.speed_scan import answers, no_answer, speeds_to_try


async def open_at_its_speed(
    port: str, *, known: int | None, listen_s: float, trace: Trace | None
) -> tuple[AsyncChannel, int]:
    """Open a UART at the speed at which its modem answers, and return the open port and the speed.

    :param known: the speed of the last time, which is tried first
    :param listen_s: how long to listen at each speed before the first byte is written
    :raises NoAnswer: the modem answers at none of the speeds
    :raises PortError: the port cannot be opened
    """
    speeds = speeds_to_try(known)
    for speed in speeds:
        channel = await open_channel(port, baud=speed, trace=trace)
        is_answered = False
        try:
            is_answered = await channel.run(answers(listen_s))
        finally:
            if not is_answered:
                with contextlib.suppress(ModemAgentError):
                    await channel.close()
        if is_answered:
            return channel, speed
    raise no_answer(port, speeds, "baud = N in the settings")
