"""``modemagent provision waive``, ``rework``: decisions while the bench is not running."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from modemagent.cli.options import value_option
from modemagent.cli.provision.order_options import opened_order, order_options, station_options
from modemagent.errors import UsageError
from modemagent.identity.imei import Imei
from modemagent.privacy.masking import mask
from modemagent.provisioning.acts import REWORKS
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.journal import Journal, order_folder
from modemagent.provisioning.ledger import replayed
from modemagent.provisioning.ledger_entries import RunEntry
from modemagent.provisioning.order import BenchOrder, ExpectedRow, requires_second
from modemagent.provisioning.people import StationRole, pin_fits, role_of
from modemagent.provisioning.steps.catalogue import BY_NAME
from modemagent.watching.events import now as time_of_day

F = TypeVar("F", bound=Callable[..., Any])


def _decision_options(command: F) -> F:
    for decorate in (
        value_option("--second", "NAME", "Who agrees, if the order requires a second person."),
        value_option("--imei", "IMEI", "The unit.", required=True),
        value_option("--person", "NAME", "Who decides.", required=True),
    ):
        command = decorate(command)
    return command


@click.command("waive")
@order_options
@station_options
@_decision_options
@value_option("--step", "STEP", "The failed step.", required=True)
@value_option("--reason", "TEXT", "Why the unit is acceptable.", required=True)
def waive_command(
    file: Path,
    columns: Path | None,
    sims: Path | None,
    settings: BenchSettings,
    state_dir: Path,
    imei: str,
    person: str,
    second: str | None,
    step: str,
    reason: str,
) -> None:
    """Waive a failed step of a unit of ORDER; its next turn has the verdict WAIVED.

    While the bench runs, use its screen (F4) or a line of stdin.
    """
    known = BY_NAME.get(step)
    if known is None or not known.waived_by:
        raise UsageError(
            f"the step {step!r} cannot be waived",
            hint="Steps: " + ", ".join(one.name for one in BY_NAME.values() if one.waived_by),
        )
    _authorise(settings, person, known.waived_by)

    def record(run: RunEntry, unit: str) -> tuple[str, dict[str, Any]]:
        if step not in run.failed:
            raise UsageError(
                f"the unit did not fail at {step}", hint=f"It failed at: {', '.join(run.failed)}."
            )
        return "waiver", {"run": run.number, "unit": unit, "step": step, "person": person,
                          "reason": reason, "standing": True}  # fmt: skip

    agrees = _Second(settings, person, second)
    _decide(file, columns, sims, state_dir, imei, record, agrees)


@click.command("rework")
@order_options
@station_options
@_decision_options
@click.option("--reason", type=click.Choice(REWORKS), required=True, help="What was done.")
def rework_command(
    file: Path,
    columns: Path | None,
    sims: Path | None,
    settings: BenchSettings,
    state_dir: Path,
    imei: str,
    person: str,
    second: str | None,
    reason: str,
) -> None:
    """Allow another turn of a unit of ORDER that has failed too often."""
    _authorise(settings, person, StationRole.LEAD)

    def record(run: RunEntry, unit: str) -> tuple[str, dict[str, Any]]:
        return "rework", {"run": run.number, "unit": unit, "person": person, "reason": reason}

    agrees = _Second(settings, person, second)
    _decide(file, columns, sims, state_dir, imei, record, agrees)


def _authorise(settings: BenchSettings, name: str, least: str, prompt: str = "PIN") -> None:
    """Check that a person may decide, and the PIN if the person has one.

    :raises UsageError: the person may not
    """
    if not role_of(settings.people, name).may(least):
        raise UsageError(f"{name} may not decide this", hint=f"Required role: {least}.")
    person = settings.people.get(name)
    if person is not None and person.pin:
        pin = click.prompt(prompt, hide_input=True, err=True)
        if not pin_fits(person, pin):
            raise UsageError("the PIN is wrong", hint="Try again.")


class _Second(NamedTuple):
    """The second person of a decision by the first one."""

    settings: BenchSettings
    first: str
    name: str | None

    def check(self, order: BenchOrder, row: ExpectedRow | None) -> str:
        """Return who agrees, "" if the order requires no second person.

        :param row: of the unit; None if it fits none
        :raises UsageError: no second person agrees, or the person may not
        """
        rows = order.rows if row is None else (row,)
        if not any(map(requires_second, rows)):
            return ""
        if not self.name or self.name == self.first:
            raise UsageError(
                "the order requires a second person for this decision", hint="Add: --second NAME"
            )
        _authorise(self.settings, self.name, StationRole.LEAD, f"PIN of {self.name}")
        return self.name


def _decide(
    file: Path,
    columns: Path | None,
    sims: Path | None,
    state_dir: Path,
    imei: str,
    record: Callable[[RunEntry, str], tuple[str, dict[str, Any]]],
    agrees: _Second,
) -> None:
    order = opened_order(file, columns, sims)
    unit = str(Imei.parse(imei))[:14]
    journal = Journal(order_folder(state_dir, order.name))
    try:
        run = replayed(journal.records).last_run(unit)
        if run is None:
            raise UsageError(
                f"the order has no verdict about {mask(imei)}", hint="Check the number."
            )
        kind, fields = record(run, unit)
        row = next((one for one in order.rows if one.key == run.row), None)
        fields["second"] = agrees.check(order, row)
        journal.append(kind, fields, time_of_day(), round(time.monotonic() * 1000))
        journal.commit(is_synced=True)
    finally:
        journal.close()
    click.echo(f"recorded for {mask(imei)}")
