"""Order files: what is read from foreign files, and what is refused with line and remedy."""

from __future__ import annotations

import pytest

from modemagent.errors import UsageError
from modemagent.identity.csv_table import LineProblem
from modemagent.provisioning.columns import ColumnMap, propose_map, read_map
from modemagent.provisioning.order import BenchOrder, parse_order, parse_sims, read_order_file
from modemagent.provisioning.order_copy import keep_order
from modemagent.provisioning.simulation.planted import unit_with
from tests.provisioning.line import Line

GOOD = unit_with(1)


def order(text: str, columns: ColumnMap | None = None, *, encoding: str = "utf-8") -> BenchOrder:
    return parse_order(text.encode(encoding), "4711", columns or ColumnMap())


def only(problems: tuple[LineProblem, ...]) -> LineProblem:
    assert len(problems) == 1, problems
    return problems[0]


def test_rows_of_a_german_spreadsheet_export_are_read() -> None:
    text = "Lieferschein 4711\r\n\r\nIMEI;Model;Note;x_Kunde\r\n"
    text += f"{GOOD.imei};EG25-G;Prüfplatz;Müller\r\n"
    found = order(text, encoding="cp1252")
    row = found.rows[0]
    assert found.problems == ()
    assert found.skipped == 2
    assert row.values == {"imei": GOOD.imei[:14], "model": "EG25-G", "note": "Prüfplatz"}
    assert row.extra == {"kunde": "Müller"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_and_byte_order_mark_are_found(delimiter: str) -> None:
    text = delimiter.join(("model", "quantity")) + "\n" + delimiter.join(("EG25-G", "48"))
    found = order(text, encoding="utf-8-sig")
    assert (found.size, found.problems) == (48, ())


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("8.67698E+14", "scientific"),
        ("8,67698E+14", "scientific"),
        (GOOD.iccid, "wrong_column"),
        (GOOD.imei[:-1] + "9", "imei.check_digit"),
        ("5184000000013", "lost_zeros"),
        ("000000000000000", "imei.placeholder"),
    ],
)
def test_damaged_imei_is_refused_with_its_line(cell: str, code: str) -> None:
    problem = only(order(f"imei;model\n{GOOD.imei};A\n{cell};B\n").problems)
    assert (problem.line, problem.column, problem.code, problem.is_error) == (3, "imei", code, True)
    assert problem.remedy


def test_imei_of_an_unknown_reporting_body_is_remarked() -> None:
    found = order("imei\n60000012345678\n")
    problem = only(found.problems)
    assert (problem.line, problem.code, problem.severity) == (2, "imei.unknown_rbi", "warning")
    assert (found.errors, found.size) == ([], 1)


def test_rounded_iccid_is_refused() -> None:
    problem = only(order("iccid,model\n8988303000000000000,A\n").problems)
    assert (problem.code, problem.is_error) == ("rounded", True)


def test_number_that_ends_in_zeros_by_chance_is_not_refused() -> None:
    cells = [unit_with(number).iccid for number in range(1990, 2020)]
    assert any(cell.endswith("0000") for cell in cells)
    assert order("iccid\n" + "".join(f"{cell}\n" for cell in cells)).problems == ()


def test_formula_of_a_spreadsheet_is_taken_off() -> None:
    found = order(f'imei,model\n"=""{GOOD.imei}""",A\n')
    assert found.rows[0].values["imei"] == GOOD.imei[:14]


def test_number_in_two_rows_is_refused() -> None:
    problem = only(order(f"imei\n{GOOD.imei}\n{GOOD.imei}\n").problems)
    assert (problem.line, problem.code, problem.message) == (
        3, "duplicate", "line 2 has this imei already",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (f"{GOOD.imei},,2,,", "quantity"),
        (",,1,any,", "nothing"),
        (",A,x,,", "quantity"),
        (",A,1,maybe,", "word"),
        (f",A,1,absent,{GOOD.iccid}", "contradiction"),
    ],
)
def test_row_without_meaning_is_refused(row: str, code: str) -> None:
    found = order(f"imei,model,quantity,sim,iccid\n{row}\n,B,1,,\n")
    assert only(found.problems).code == code
    assert [each.values["model"] for each in found.rows] == ["B"]


def test_json_lines_are_an_order() -> None:
    text = f'{{"imei": "{GOOD.imei}", "tac": ["86769804", "35290611"]}}\n{{"model": "A", "x": 1}}\n'
    found = parse_order(text.encode(), "4711", ColumnMap(), is_jsonl=True)
    assert found.rows[0].values == {"imei": GOOD.imei[:14], "tac": "86769804|35290611"}
    assert only(found.problems).code == "unknown_column"


def test_column_map_renames_and_adds_a_constant(tmp_path) -> None:
    file = tmp_path / "map.toml"
    file.write_text('"Geräte-Nr." = "imei"\nmodel = {value = "EG25-G"}\n', encoding="utf-8")
    found = order(f"Geräte-Nr.;model\n{GOOD.imei};ignored\n", read_map(file))
    assert found.rows[0].values == {"imei": GOOD.imei[:14], "model": "EG25-G"}


@pytest.mark.parametrize("text", ['"A" = "colour"', "model = 3", "= 1"])
def test_column_map_without_meaning_is_refused(tmp_path, text: str) -> None:
    file = tmp_path / "map.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError):
        read_map(file)


def test_column_map_is_proposed_by_names_and_values() -> None:
    units = [unit_with(number) for number in range(1, 6)]
    lines = "".join(f"{one.imei};{one.iccid};x\n" for one in units)
    assert propose_map(f"Nummer A;Karte;Model\n{lines}".encode()) == [
        '"Nummer A" = "imei"', '"Karte" = "iccid"', '"Model" = "model"',
    ]  # fmt: skip


def test_sim_list_gives_numbers_and_refuses_repetition() -> None:
    sims, problems = parse_sims(
        f"ICCID,IMSI\n{GOOD.iccid},901288000000001\n{GOOD.iccid},\n".encode()
    )
    assert list(sims) == [GOOD.iccid]
    assert [one.code for one in problems] == ["duplicate"]


def test_sim_is_required_if_a_row_or_a_list_names_it(tmp_path) -> None:
    (tmp_path / "4711.csv").write_text(f"model,iccid\nA,{GOOD.iccid}\nB,\n")
    (tmp_path / "sims.csv").write_text(f"iccid\n{unit_with(2).iccid}\n")
    alone = read_order_file(tmp_path / "4711.csv")
    listed = read_order_file(tmp_path / "4711.csv", sims=tmp_path / "sims.csv")
    assert [alone.sim_rule(row) for row in alone.rows] == ["required", "any"]
    assert [listed.sim_rule(row) for row in listed.rows] == ["required", "required"]


def test_key_of_a_row_does_not_depend_on_its_line() -> None:
    before = order(f"imei,model\n{GOOD.imei},\n,A\n,A\n")
    after = order(f"imei,model\n,B\n,A\n{GOOD.imei},\n,A\n")
    assert {row.key for row in before.rows} <= {row.key for row in after.rows}
    assert len({row.key for row in after.rows}) == 4


def test_revision_may_not_change_a_row_that_has_a_unit(tmp_path) -> None:
    line = Line(f"imei,model\n{GOOD.imei},EG25-G\n,A\n")
    line.plug("01", GOOD)
    keep_order(order(f"imei,model\n,B\n{GOOD.imei},EG25-G\n"), tmp_path, line.state.ledger)
    with pytest.raises(UsageError, match="a row that has a unit: a row with an imei"):
        keep_order(order("imei,model\n,B\n,A\n"), tmp_path, line.state.ledger)
    assert len(list(tmp_path.glob("order-*.csv"))) == 1
