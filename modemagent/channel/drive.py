"""Drives a plan over an asynchronous channel."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from modemagent.at.plan import Plan
from modemagent.channel.channel import Channel
from modemagent.errors import DeadlinePassed, ModemAgentError

T = TypeVar("T")


async def drive(plan: Plan[T], channel: Channel, *, deadline: float | None = None) -> T:
    """Run a plan to its end.

    :param deadline: time of the loop's clock. When it passes, or when the port fails, the error
        is thrown into the plan, which may return what it has but asks no more
    """
    try:
        step = next(plan)
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    outcome = await channel.perform(step)
            except TimeoutError:
                error: ModemAgentError = DeadlinePassed(
                    f"{channel.port}: the time is up", port=channel.port
                )
                plan.throw(error)
                raise error from None
            except ModemAgentError as failure:
                plan.throw(failure)
                raise
            step = plan.send(outcome)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        plan.close()
