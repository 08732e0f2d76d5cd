"""``modemagent registry check``: many numbers at once."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from modemagent.cli.file_argument import FILE_OR_STDIN, content_of
from modemagent.cli.options import FOUND_WRONG, flag_option, value_option
from modemagent.cli.output import print_json
from modemagent.cli.registry.database import show_rows
from modemagent.cli.registry.source import list_source, source_options
from modemagent.errors import UsageError
from modemagent.registry_client.lists import ListSource

_KINDS = ("auto", "imei", "imeisv", "iccid", "imsi", "eid")
_COLUMNS = ("position", "number", "verdict", "lists", "model", "known", "last_place")
_CHANGES = ("position", "number", "changed")
_PAGE = 1000
_LOOK_EVERY_S = 0.5


@click.command("check", short_help="Check many numbers at once.")
@click.argument("numbers", metavar="[NUMBER...]", nargs=-1)
@value_option("--file", "FILE", "Numbers in a text or CSV file, in the first column; - for stdin.",
              type=FILE_OR_STDIN)  # fmt: skip
@click.option("--range", "limits", metavar="FIRST LAST", nargs=2, default=None,
              help="IMEIs from FIRST to LAST, at most 1000.")  # fmt: skip
@value_option("--kind", "KIND", "Kind of all numbers; auto: of each by its length.", default="auto",
              type=click.Choice(_KINDS))  # fmt: skip
@value_option("--again", "CHECK", "Repeat an earlier check, and show what changed.")
@value_option("--show", "CHECK", "Show an earlier check.", "shown")
@flag_option("--csv", "Print CSV.", "as_csv")
@source_options
def command(
    numbers: tuple[str, ...], file: Path | None, limits: tuple[str, str] | None, kind: str,
    again: str | None, shown: str | None, as_csv: bool, as_json: bool, **where: Any,
) -> int:  # fmt: skip
    """Check whether numbers are valid, listed, given twice and known, with the model and the last
    place of each. Exits with status 3 if one is invalid, prohibited or given twice.

    \b
    modemagent registry check 867698040000013 8988303000000000010
    modemagent registry check --file delivery.csv --csv > checked.csv
    modemagent registry check --again 17

    What needs attention is listed first. The check is stored: its id, on stderr, is that of
    --again and --show.
    """
    given = [bool(numbers), file is not None, limits is not None, again is not None,
             shown is not None]  # fmt: skip
    if sum(given) != 1 or (as_csv and as_json):
        raise UsageError(
            "one of NUMBER, --file, --range, --again and --show is required, with one of --csv and"
            " --json",
            hint="Example: modemagent registry check --file delivery.csv",
        )
    for one in numbers:
        if not one.isalnum() and Path(one).is_file():
            raise UsageError(f"{one} is a file, not a number", hint=f"Use --file {one}.")
    texts = _numbers(file) if file is not None else list(numbers)
    with list_source(**where) as source:
        if again is not None:
            found = _known(again, lambda: source.check_again(again, wait=True))
        elif shown is not None:
            found = _page(source, shown, None)
        else:
            found = source.check(texts, kind=kind, limits=limits or (), wait=True)
        found = _complete(source, found)
        if as_csv:
            click.echo(source.check_csv(found["id"]), nl=False)
    if not as_csv:
        _print(found, as_json)
    if not as_json:
        click.echo(f"check {found['id']}: {_summary(found['results'])}", err=True)
    return FOUND_WRONG if any(map(_is_wrong, found["results"])) else 0


def _known(key: str, call: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    found = call()
    if found is None:
        raise UsageError(f"no check has the id {key}", hint="Give the id that a check has printed.")
    return found


def _page(source: ListSource, key: str, after: str | None) -> dict[str, Any]:
    return _known(key, lambda: source.check_results(key, _PAGE, after))


def _numbers(file: Path) -> list[str]:
    """Return the first column of a file, without empty lines and a header without digits."""
    lines = content_of(file).decode("utf-8-sig", "replace").splitlines()
    delimiter = max(",;\t|", key=lines[0].count) if lines else ","
    try:
        cells = [row[0].strip() for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error as error:
        raise UsageError(f"{file} is not CSV: {error}", hint="Export it again as CSV.") from error
    found = [cell for cell in cells if cell]
    if found and not any(map(str.isdigit, found[0])):
        del found[0]
    if not found:
        raise UsageError(f"{file} has no numbers", hint="One number is expected in each line.")
    return found


def _complete(source: ListSource, found: dict[str, Any]) -> dict[str, Any]:
    """Wait for the job of a check, and return the check with the results of all pages."""
    key = found["id"]
    while found["state"] != "done":
        time.sleep(_LOOK_EVERY_S)
        found = _page(source, key, None)
    results, after = list(found["results"]), found["next"]
    while after is not None:
        page = _page(source, key, after)
        results += page["results"]
        after = page["next"]
    return {**found, "results": results, "next": None}


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
    elif found["changes"] is None:
        results = sorted(found["results"], key=_is_fine)
        show_rows(found, [_row(one) for one in results], _COLUMNS, False)
    else:
        rows = [
            {
                "position": one["position"],
                "number": one["normalized"] or one["input"],
                "changed": "; ".join(
                    f"{name}: {_text(old)} -> {_text(new)}"
                    for name, (old, new) in one["changes"].items()
                ),
            }
            for one in found["changes"]
        ]
        show_rows(found, rows, _CHANGES, False, none="Nothing has changed.")


def _row(one: dict[str, Any]) -> dict[str, Any]:
    place, model = one["last_place"], one["model"]
    verdict = "valid" if one["valid"] else "invalid"
    if one["repeats"] is not None:
        verdict = f"{verdict}, as {one['repeats']}"
    return {
        "position": one["position"],
        "number": one["normalized"] or one["input"],
        "verdict": " ".join([verdict, *one["codes"]]),
        "lists": " ".join(f"{hit['list']} {hit['reason']}".strip() for hit in one["hits"]) or None,
        "model": model and f"{model['manufacturer']} {model['model']}",
        "known": one["known"],
        "last_place": place and f"{place['gateway_id'] or '-'} {place['port'] or '-'}",
    }


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _is_wrong(one: dict[str, Any]) -> bool:
    return not one["valid"] or one["status"] == "prohibited" or one["repeats"] is not None


def _is_fine(one: dict[str, Any]) -> bool:
    return not (_is_wrong(one) or one["status"] == "tracked" or one["codes"])


def _summary(results: list[dict[str, Any]]) -> str:
    counts = Counter[str](total=len(results))
    for one in results:
        counts["invalid"] += not one["valid"]
        counts["repeated"] += one["repeats"] is not None
        counts["known"] += one["known"]
        counts[one["status"] or "on no list"] += 1
    words = ("total", "invalid", "repeated", "prohibited", "tracked", "permitted", "known")
    return ", ".join(f"{counts[word]} {word}" for word in words)
