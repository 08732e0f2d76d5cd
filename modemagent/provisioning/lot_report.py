"""The report about an order and its lots: one HTML file without script, for A4 paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from modemagent import __version__
from modemagent.identity.imei import Imei
from modemagent.provisioning.figures import figures
from modemagent.provisioning.ledger import COUNTED, Ledger
from modemagent.provisioning.ledger_entries import RunEntry
from modemagent.provisioning.lots import LotFinding, lot_findings
from modemagent.provisioning.order import BenchOrder, ExpectedRow
from modemagent.provisioning.results import without_imsi

_STYLE = """
@page { size: A4; margin: 15mm }
body { font: 10pt/1.35 sans-serif; color: #111; max-width: 180mm; margin: 0 auto }
h1 { font-size: 16pt; margin: 0 0 4mm } h2 { font-size: 12pt; margin: 7mm 0 2mm }
table { border-collapse: collapse; width: 100%; font-size: 8.5pt }
th, td { text-align: left; vertical-align: top; padding: 1mm 1.5mm }
td { border-bottom: .2mm solid #bbb }
th { border-bottom: .4mm solid #111 } tr { break-inside: avoid }
thead { display: table-header-group }
td.n { text-align: right } code { font-size: 8pt; word-break: break-all }
.systematic { font-weight: bold } .sign td { height: 14mm; width: 50% }
"""


def html_report(
    order: BenchOrder,
    ledger: Ledger,
    *,
    station: str,
    made_at: str,
    last_hash: str,
    for_supplier: bool = False,
) -> str:
    """Return the report.

    :param for_supplier: leave out people, sites and SIM cards
    """
    rows = {row.key: row for row in order.rows}
    findings = lot_findings(ledger, rows)
    found = figures(ledger)
    parts = [
        f"<h1>Order {escape(order.name)}: report of the bench</h1>",
        _table(("", ""), _head(order, ledger, station, made_at, last_hash)),
        "<h2>Figures</h2>",
        _table(("", ""), _figures(found)),
        "<h2>Findings</h2>",
        *_findings(findings, ledger, for_supplier=for_supplier),
        "<h2>Waivers</h2>",
        *_waivers(ledger, for_supplier=for_supplier),
        "<h2>Stops of lots</h2>",
        *_stops(ledger, for_supplier=for_supplier),
        "<h2>Units</h2>",
        _units(ledger, rows, for_supplier=for_supplier),
        "<h2>Signature</h2>",
        '<table class="sign"><tr><td>Date, name</td><td>Signature</td></tr></table>',
    ]
    title = escape(f"Order {order.name}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _head(
    order: BenchOrder, ledger: Ledger, station: str, made_at: str, last_hash: str
) -> Iterable[Sequence[object]]:
    lots = sorted({row.values["lot"] for row in order.rows if "lot" in row.values})
    yield "Units in the order", order.size
    yield "Lots", ", ".join(lots) or "-"
    yield "Order file, SHA-256", order.digest
    yield "Station", f"{station}, modemagent {__version__}"
    yield "Last station check", ledger.checked_at or "none"
    yield "Made", made_at
    yield "Journal, last hash", last_hash


def _figures(found: dict[str, Any]) -> Iterable[Sequence[object]]:
    names = {"units": "Units", "turns": "Turns", "passed": "Passed", "failed": "Failed",
             "waived": "Passed with waivers", "per_hour": "Units per hour"}  # fmt: skip
    for key, name in names.items():
        yield name, found[key]
    rates = {"first_pass_yield": "First-pass yield", "final_yield": "Final yield",
             "retest_rate": "Retest rate", "retests_passed": "Retests that passed"}  # fmt: skip
    for key, name in rates.items():
        yield name, "-" if found[key] is None else f"{found[key] * 100:.1f} %"
    for part, spread in found["time_s"].items():
        yield f"Time: {part}", f"median {spread['median']:.1f} s, 95 % within {spread['p95']:.1f} s"


def _findings(
    findings: Sequence[LotFinding], ledger: Ledger, *, for_supplier: bool
) -> Iterable[str]:
    if not findings:
        yield "<p>None.</p>"
    for one in findings:
        runs = [ledger.runs[number] for number in one.runs]
        units = "1 unit" if len(runs) == 1 else f"{len(runs)} units"
        yield (
            f'<p class="{one.grade}">{escape(one.grade.capitalize())}: {escape(one.message)} '
            f"({units}, {one.share * 100:.1f} % of lot {escape(one.lot or '-')})</p>"
            f"<p>{escape(one.remedy)}</p>"
        )
        yield _table(
            ("Turn", "IMEI", "Finding", "Response"),
            (
                (run.number, _imei(run), _reason(run, one), _response(run, for_supplier))
                for run in runs
            ),
        )


def _reason(run: RunEntry, finding: LotFinding) -> str:
    failed = [run.steps[step] for step in run.failed if step in run.steps]
    return "; ".join(str(step["reason"]) for step in failed) or run.revoked or finding.message


def _response(run: RunEntry, for_supplier: bool) -> str:
    """Return the response of the module in which the IMEI, or the firmware, was read."""
    reading = without_imsi(run.reading or {})
    wanted = next((name for name in ("firmware", "model") if name in run.failed), "imei")
    text = " ".join(
        " ".join(str(one["answer"]).split())
        for one in reading["evidence"]
        if one.get("field") == wanted
    )
    if for_supplier:
        for sim in reading["sims"]:
            text = text.replace(str(sim.get("iccid") or " "), "*" if sim.get("iccid") else " ")
    return text


def _waivers(ledger: Ledger, *, for_supplier: bool) -> Iterable[str]:
    given = [
        (one["at"], run.number, one["step"], "" if for_supplier else _people(one), one["reason"])
        for run in ledger.runs.values()
        for one in run.waivers
    ]
    yield _table(("At", "Turn", "Step", "By", "Reason"), given) if given else "<p>None.</p>"


def _stops(ledger: Ledger, *, for_supplier: bool) -> Iterable[str]:
    decided = [
        (one["at"], one["lot"] or "-", one["do"], "" if for_supplier else _people(one),
         one["reason"])
        for one in ledger.lot_decisions
    ]  # fmt: skip
    heads = ("At", "Lot", "Decision", "By", "Reason")
    yield _table(heads, decided) if decided else "<p>None.</p>"


def _people(record: Mapping[str, Any]) -> str:
    """Return who decided, with the second person if the order requires one."""
    return ", ".join(filter(None, (record["person"], record.get("second"))))


def _units(ledger: Ledger, rows: dict[str, ExpectedRow], *, for_supplier: bool) -> str:
    heads = ["Row", "IMEI", "Model", "Firmware", "Verdict", "Failed", "Label", "At"]
    if not for_supplier:
        heads += ["ICCID", "By"]
    lines = []
    last = {unit.run for unit in ledger.units.values()}
    for run in ledger.runs.values():
        if run.verdict not in COUNTED or run.is_golden or (run.unit and run.number not in last):
            continue
        modem = (run.reading or {}).get("modem") or {}
        row = rows.get(run.row)
        line = [
            row.line if row is not None else "-", _imei(run), modem.get("model") or "-",
            modem.get("firmware") or "-", run.verdict, ", ".join(run.failed), run.label or "-",
            run.ended_at[:19].replace("T", " "),
        ]  # fmt: skip
        if not for_supplier:
            sims = [one for one in (run.reading or {}).get("sims", ()) if one.get("active")]
            line += [(sims[0].get("iccid") if sims else "") or "-", run.person or "-"]
        lines.append(line)
    return _table(heads, lines)


def _imei(run: RunEntry) -> str:
    if run.unit:
        return Imei.from_digits(run.unit).grouped()
    modem = (run.reading or {}).get("modem") or {}
    return str(modem.get("imei_raw") or "-")


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_printable(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    shown = f"<thead><tr>{head}</tr></thead>" if any(heads) else ""
    return f"<table>{shown}<tbody>{body}</tbody></table>"


def _printable(cell: object) -> str:
    return "".join(one if one.isprintable() else "?" for one in str(cell))
