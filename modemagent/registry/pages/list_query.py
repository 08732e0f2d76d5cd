"""What the address of a list states: filters, columns and rows on a page, with their controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self
from urllib.parse import urlencode

from sqlalchemy import Connection

from modemagent.privacy.masking import mask_text
from modemagent.registry.pages.choices import Chip, Choice
from modemagent.registry.pages.frame import Ask
from modemagent.registry.pages.list_cells import ListColumn
from modemagent.registry.pages.views import SavedViews, saved_views
from modemagent.registry.store.assets.gateway_sites import site_names
from modemagent.registry.store.fleet.unit_filters import MOST_DIGITS

#: Numbers of rows on a page that can be chosen.
ROWS = (25, 50, 100, 200)
USUAL_ROWS = 50
_LONGEST = 256
_SUGGESTED = 50  # sites
_REFUSED = "left-out"  # parameter with the names of filters


class FilterField(NamedTuple):
    """A filter of a list.

    :param options: values that can be chosen, with their text; none: any text
    :param usual: the value that an address leaves out
    :param is_digits: at most eight digits, the first of a number
    """

    name: str
    label: str
    options: tuple[tuple[str, str], ...] = ()
    usual: str = ""
    is_digits: bool = False

    def read(self, text: str) -> str:
        """Return a value as the list takes it; identifiers do not stay in addresses."""
        if self.options:
            return text if text in dict(self.options) else self.usual
        if self.is_digits:
            return "".join(one for one in text if one in "0123456789")[:MOST_DIGITS]
        text = text[:_LONGEST]
        return "" if mask_text(text) != text else text

    @property
    def refusal(self) -> str:
        """Why a value was left out, as a sentence."""
        if self.is_digits:
            return f"Not filtered by {self.label}: this filter takes digits alone."
        return (
            f"Not filtered by {self.label}: what was typed looks like the number of a modem or SIM."
            " Use Find for such a number."
        )


class FieldControl(NamedTuple):
    """A filter as the form shows it."""

    field: FilterField
    value: str


class ColumnControl(NamedTuple):
    """A column as the form shows it; the first one is always there."""

    column: ListColumn
    is_chosen: bool
    is_fixed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListControls:
    """What stands above a list.

    :param sentence: what is shown
    :param tabs: filters that can be chosen at once, each with its name
    :param refusals: filters that were left out, each with its reason
    :param hidden_filters: the active filters, for the form of the columns
    :param hidden_columns: the chosen columns, for the form of the filters
    :param sites: names that the form suggests
    """

    url: str
    sentence: str
    hidden: str = ""
    refusals: list[str]
    chips: list[Chip]
    tabs: list[tuple[str, list[Choice]]]
    fields: list[FieldControl]
    columns: list[ColumnControl]
    rows: int
    hidden_filters: list[tuple[str, str]]
    hidden_columns: list[tuple[str, str]]
    sites: list[str]
    csv: str
    views: SavedViews | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """The view of a list.

    :param values: the filters by name; those with their usual value are not in addresses
    :param columns: those that are shown
    :param shown: values of filters as the page shows them, if they differ from those in addresses
    :param refused: filters whose values were left out, by the request that led here
    """

    path: str
    fields: tuple[FilterField, ...]
    offered: tuple[ListColumn, ...]
    values: dict[str, str]
    columns: tuple[ListColumn, ...]
    rows: int = USUAL_ROWS
    shown: dict[str, str] = field(default_factory=dict)
    refused: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        ask: Ask,
        path: str,
        fields: tuple[FilterField, ...],
        offered: tuple[ListColumn, ...],
    ) -> Self:
        """Return the view that an address states, or a form that was made from it."""
        names = ask.query("columns").split(",") + ask.request.query_params.getlist("column")
        usual = tuple(one for one in offered if one.is_usual)
        chosen = tuple(one for one in offered if one.name in names)
        if chosen and chosen[0] != offered[0]:
            chosen = offered[:1] + chosen
        rows = ask.number("rows")
        given = {one.name: ask.given(one.name) or ask.query(one.name) for one in fields}
        values = {one.name: one.read(given[one.name]) for one in fields}
        return cls(
            path=path,
            fields=fields,
            offered=offered,
            values=values,
            columns=chosen or usual,
            rows=rows if rows in ROWS else USUAL_ROWS,
            refused=tuple(
                one.name
                for one in fields
                if given[one.name] and not (values[one.name] or one.options)
            ),
        )

    def replace(self, **values: str) -> ListQuery:
        """Return the view with other values of filters."""
        return ListQuery(
            path=self.path, fields=self.fields, offered=self.offered,
            values=self.values | values, columns=self.columns, rows=self.rows, shown=self.shown,
        )  # fmt: skip

    def is_stated_by(self, ask: Ask) -> bool:
        """Return True if the address is one that pages link to."""
        given = ask.request.query_params
        return not given.getlist("column") and all(
            given.get(name) in (None, value) and given.get(name) != ""
            for name, value in self.values.items()
        )

    def stated(self, **cursors: object) -> str:
        """Return the address that pages link to, with the names of filters that were left out."""
        return self.url(**({_REFUSED: ",".join(self.refused)} if self.refused else {}), **cursors)

    def url(self, under: str = "", /, **changed: object) -> str:
        """Return the address of the view.

        :param under: of its file, below the path
        :param changed: other filters, or a cursor
        """
        filters = self._filters(self.values | {name: str(one) for name, one in changed.items()})
        query = urlencode(filters + self._layout())
        return f"{self.path}{under}" + (f"?{query}" if query else "")

    @property
    def active(self) -> list[FilterField]:
        """The filters that do not have their usual value."""
        return [one for one in self.fields if self.values[one.name] != one.usual]

    def controls(
        self,
        ask: Ask,
        connection: Connection,
        sentence: str,
        *,
        tabs: Sequence[str] = (),
        hidden: str = "",
        views: bool = True,
    ) -> ListControls:
        """Return what stands above the list.

        :param tabs: filters that can be chosen at once
        :param hidden: what the filters leave out
        """
        by_name = {one.name: one for one in self.fields}
        section = self.path.strip("/")
        return ListControls(
            url=self.path,
            sentence=sentence,
            hidden=hidden,
            refusals=[
                one.refusal for one in self.fields if one.name in ask.query(_REFUSED).split(",")
            ],
            chips=[
                Chip(
                    text=f"{one.label}: {self._text(one)}",
                    without=self.url(**{one.name: one.usual}),
                )
                for one in self.active
            ],
            tabs=[(by_name[name].label, self._choices(by_name[name])) for name in tabs],
            fields=[FieldControl(one, self.shown.get(one.name, self.values[one.name]))
                    for one in self.fields],
            columns=[
                ColumnControl(one, one in self.columns, one == self.offered[0])
                for one in self.offered
            ],
            rows=self.rows,
            hidden_filters=self._filters(self.values),
            hidden_columns=self._layout(),
            sites=self._sites(connection) if "site" in by_name else [],
            csv=self.url("/csv"),
            views=saved_views(connection, ask, section, self.url()) if views else None,
        )  # fmt: skip

    def file_names(self) -> list[str]:
        """Return the columns of the CSV file."""
        return [name for one in self.columns for name in one.files]

    def _filters(self, values: Mapping[str, str]) -> list[tuple[str, str]]:
        usual = {one.name: one.usual for one in self.fields}
        return [(name, one) for name, one in values.items() if one != usual.get(name, "")]

    def _layout(self) -> list[tuple[str, str]]:
        usual = tuple(one for one in self.offered if one.is_usual)
        found = []
        if self.columns != usual:
            found.append(("columns", ",".join(one.name for one in self.columns)))
        return found + ([("rows", str(self.rows))] if self.rows != USUAL_ROWS else [])

    def _sites(self, connection: Connection) -> list[str]:
        tables = ("gateway",) if self.path == "/gateways" else ("gateway", "asset")
        names = site_names(connection, _SUGGESTED, tables)
        return [one for one in names if mask_text(one) == one]

    def _text(self, one: FilterField) -> str:
        value = self.values[one.name]
        return self.shown.get(one.name) or dict(one.options).get(value) or value

    def _choices(self, one: FilterField) -> list[Choice]:
        return [
            Choice(
                text=text,
                url=self.url(**{one.name: value}),
                is_chosen=value == self.values[one.name],
            )
            for value, text in one.options
        ]
