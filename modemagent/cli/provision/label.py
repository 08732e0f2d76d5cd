"""``modemagent provision label``: print one label, or look at a template."""

from __future__ import annotations

import click

from modemagent.cli.options import flag_option, json_option, value_option
from modemagent.cli.output import print_json, table
from modemagent.errors import ModemAgentError, UsageError
from modemagent.identity.imei import Imei
from modemagent.provisioning.label_job import LabelJob

_HELP = {
    "imei": "IMEI, 14 digits or with its check digit.",
    "iccid": "ICCID of the SIM card.",
    "serial": "Serial number.",
    "model": "Model.",
    "asset-tag": "Asset tag.",
    "order": "Name of the order.",
    "lot": "Lot.",
    "bay": "Number of the bay, printed large.",
}
_DPI = ("203", "300", "600")


class NotPrinted(ModemAgentError):
    """A printer that did not take the label."""

    code = "not_printed"
    exit_status = 4


@click.command("label")
@value_option("--template", "NAME", "Shipped template, or a file ending in .toml.",
              default="imei-62x29")  # fmt: skip
@value_option("--printer", "ADDRESS", "tcp://HOST:9100, /dev/usb/lp0, cups:NAME, command:PROGRAM, "
              "file:DIRECTORY or sheet:NAME.", default="file:.")  # fmt: skip
@click.option("--dpi", type=click.Choice(_DPI), default=_DPI[0], show_default=True,
              help="Resolution of the printer.")  # fmt: skip
@value_option("--imei", "NUMBER", _HELP["imei"])
@value_option("--iccid", "NUMBER", _HELP["iccid"])
@value_option("--serial", "TEXT", _HELP["serial"], "serial_number")
@value_option("--model", "TEXT", _HELP["model"])
@value_option("--asset-tag", "TEXT", _HELP["asset-tag"])
@value_option("--order", "NAME", _HELP["order"])
@value_option("--lot", "NAME", _HELP["lot"])
@value_option("--bay", "NUMBER", _HELP["bay"])
@value_option("--copy", "N", "Mark the label as copy N.", type=click.IntRange(2, 99))
@flag_option("--sample", "Use sample values for what is not given.")
@flag_option("--list", "List the shipped templates.", "is_list")
@json_option
def label_command(
    template: str,
    printer: str,
    dpi: str,
    copy: int | None,
    sample: bool,
    is_list: bool,
    as_json: bool,
    **given: str | None,
) -> None:
    """Print one label, without a module or an order.

    \b
    modemagent provision label --list
    modemagent provision label --sample --template gs1-62x29
    modemagent provision label --imei 867698040000013 --printer tcp://192.0.2.7

    Without --printer the label is written as a PNG file. Exits with 2 if the template is wrong or
    a value does not fit, and with 4 if the printer does not print.
    """
    from modemagent.labels.fields import FIELDS
    from modemagent.provisioning.printers import (
        load_template,
        open_printer,
        shipped_templates,
    )

    if is_list:
        loaded = [load_template(name) for name in shipped_templates()]
        if as_json:
            print_json({"schema": 1, "templates": [
                {"name": each.name, "width_mm": each.width, "height_mm": each.height,
                 "needs": sorted(each.required)} for each in loaded
            ]})  # fmt: skip
            return
        rows = [("TEMPLATE", "SIZE", "NEEDS")]
        rows += [
            (each.name, f"{each.width:g} x {each.height:g} mm", " ".join(sorted(each.required)))
            for each in loaded
        ]
        click.echo(table(rows))
        return
    values = {name: value for name, value in given.items() if value}
    if sample:
        values = {**FIELDS, "copy": "", "n": "", **values}
    if imei := values.get("imei"):
        values["imei"] = _imei(imei)
    if copy is not None:
        values["copy"] = str(copy)
    result = open_printer(printer, dpi=int(dpi)).print(LabelJob(template, values))
    if result.status == "failed":
        raise NotPrinted(
            f"the label was not printed: {result.problem}",
            hint="Correct this at the printer, then print again.",
        )
    if as_json:
        file = {"file": result.file} if result.file else {}
        print_json({"schema": 1, "status": result.status, "printer": printer, **file})
    elif result.file:
        click.echo(f"written: {result.file}")
    elif result.status == "printed":
        click.echo(f"printed: {printer}")
    else:
        click.echo(f"sent, not confirmed by the printer: {printer}")


def _imei(text: str) -> str:
    """Return an IMEI with its check digit."""
    found = Imei.check(text)
    if found.normalized is None:
        raise UsageError("--imei is not a valid IMEI", hint=f"See: modemagent validate imei {text}")
    return found.normalized
