"""Driving a plan over asyncio."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from modemagent.at.steps import Plan
from modemagent.channel.channel import AsyncChannel
from modemagent.channel.session import throw_into_plan
from modemagent.errors import DeadlinePassed, ModemAgentError

T = TypeVar("T")


async def run(plan: Plan[T], channel: AsyncChannel, *, deadline: float | None = None) -> T:
    """Run a plan on a channel when it is its turn, and return its result.

    Nobody else's step comes between the steps of the plan; plans wait in the order they came.
    What goes wrong at the port, and the deadline, is thrown into the plan, which may return what
    it has; a further step is not made for it then.

    :param deadline: in the loop's time; None for none
    :raises PortVanished: the port has gone
    :raises DeadlinePassed: the deadline has come first
    """
    try:
        try:
            async with asyncio.timeout_at(deadline):
                await channel.lock.acquire()
        except TimeoutError:
            raise _deadline_passed(channel.port) from None
        try:
            return await _drive(plan, channel, deadline)
        finally:
            channel.lock.release()
    finally:
        plan.close()


async def _drive(plan: Plan[T], channel: AsyncChannel, deadline: float | None) -> T:
    try:
        step = next(plan)
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    outcome = await channel.perform(step)
            except TimeoutError:
                return throw_into_plan(plan, _deadline_passed(channel.port))
            except ModemAgentError as error:
                return throw_into_plan(plan, error)
            step = plan.send(outcome)
    except StopIteration as done:
        result: T = done.value
        return result


def _deadline_passed(port: str) -> DeadlinePassed:
    return DeadlinePassed(
        f"{port} was not done in time",
        port=port,
        hint="give it more time, or see whether its modem answers at all",
    )
