"""``modemagent provision simulate``: a tray of simulated modules and a scripted person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from modemagent.cli.options import flag_option, json_option_with, value_option
from modemagent.cli.output import table
from modemagent.cli.provision.plain import json_listener, plain_listener, silent_listener
from modemagent.cli.provision.screens import (
    browser_companions,
    screen_options,
    terminal_companions,
    with_screen,
)
from modemagent.errors import UsageError
from modemagent.provisioning.session import INTERRUPTED
from modemagent.provisioning.simulation.comparison import FoundResult
from modemagent.provisioning.simulation.person import HUMAN, Pace
from modemagent.provisioning.simulation.planted import ExpectedResult
from modemagent.provisioning.simulation.rehearsal import Rehearsal


@click.command("simulate")
@value_option("--units", "N", "Number of units.", type=click.IntRange(1, 900), default=12)
@value_option("--bays", "N", "Number of bays.", type=click.IntRange(1, 16), default=8)
@value_option("--seed", "N", "Choice and order of the planted faults.", type=int, default=1)
@click.option(
    "--speed",
    type=click.Choice(("none", "human")),
    default="none",
    show_default=True,
    help="none: the person takes no time; human: about 8 seconds a unit.",
)
@flag_option("--plain", "Print lines instead of the screen.")
@screen_options
@value_option(
    "--keep",
    "DIR",
    "Keep order, journal and results in DIR.",
    type=click.Path(file_okay=False, path_type=Path),
)
@json_option_with("Print one JSON object for each event.")
def simulate_command(
    units: int,
    bays: int,
    seed: int,
    speed: str,
    plain: bool,
    screen: str | None,
    screen_token_file: Path | None,
    keep: Path | None,
    as_json: bool,
) -> int:
    """Run the bench with simulated modules and a person who works by script.

    \b
    modemagent provision simulate
    modemagent provision simulate --units 48 --bays 16 --seed 7 --plain
    modemagent provision simulate --bays 16 --speed human --screen 127.0.0.1:8471

    Faults are planted: wrong firmware, double IMEIs, swapped labels and others. At the end, what
    the bench found is compared with them. Exits with 0 if it found all of them and nothing else.
    """
    with _folder(keep) as folder:
        pace = HUMAN if speed == "human" else Pace()
        rehearsal = Rehearsal(folder, units=units, bays=bays, seed=seed, pace=pace)
        on_terminal = terminal_companions(is_wanted=not (plain or as_json))
        settings = with_screen(rehearsal.settings, screen, screen_token_file)
        quiet = silent_listener() if on_terminal else plain_listener()
        listener = json_listener() if as_json else quiet
        with rehearsal:
            results = rehearsal.run(listener, (*on_terminal, *browser_companions(settings)))
    if not results:
        return INTERRUPTED
    if not as_json:
        _print(results)
    return 0 if all(one.is_right for one in results) else 1


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        if keep.is_dir() and any(keep.iterdir()):
            raise UsageError(f"{keep} is not empty", hint="Name a new directory.")
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.absolute()  # a relative path of a bay would be taken for a USB socket
        return
    with TemporaryDirectory(prefix="modemagent-bench-") as name:
        yield Path(name)


def _print(results: list[FoundResult]) -> None:
    planted = [one for one in results if one.unit.fault or not one.is_right]
    rows = [("PLANTED", "FOUND", "BLAME", "")]
    rows += [
        (
            one.unit.fault or "nothing",
            _named(one.found),
            one.found.blame or "-",
            "" if one.is_right else f"WRONG, expected {_named(one.unit.expected)}",
        )
        for one in sorted(planted, key=lambda each: each.unit.fault)
    ]
    click.echo()
    click.echo(table(rows))
    invented = sum(not one.unit.fault and not one.is_right for one in results)
    planted = [one for one in planted if one.unit.fault]
    right = sum(one.is_right for one in planted)
    click.echo(f"\n{right} of {len(planted)} planted units found right, {invented} faults invented")


def _named(result: ExpectedResult) -> str:
    revoked = ", revoked" if result.is_revoked else ""
    return (", ".join(result.failed) or result.verdict) + revoked
