"""Prepared statements of a PostgreSQL connection, sent in pipelines with binary arrays.

psycopg encodes a list item by item in Python and gives an array of integers the type of its largest
item, so the server would plan a statement for each mixture of types. Here each parameter is a
column of values with the type of its column, or the value of a single row, which the server takes
with half of the work: a statement is prepared once for a connection. Writes
wait until a result is needed, and are then sent with everything before them in one round trip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain, repeat
from struct import Struct
from typing import Any, NamedTuple

import psycopg
from psycopg import errors, generators, pq
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from modemagent.registry.store.database.statements import Statement

Column = Sequence[Any]
Rows = list[tuple[Any, ...]]

_DIMENSION = Struct(">iiIii").pack  # dimensions, has null, type of the items, length, lower bound
_TOGETHER = 64  # items that are encoded by one call
_LENGTH = Struct(">i").pack
_NULL = _LENGTH(-1)
_OK = pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.PIPELINE_SYNC


class _Type(NamedTuple):
    """A type of items.

    :param code: of an item in :mod:`struct`, empty if its length varies
    """

    oid: int
    array_oid: int
    code: str
    length: int


_TYPES = {
    "bigint": _Type(20, 1016, "q", 8),
    "smallint": _Type(21, 1005, "h", 2),
    "boolean": _Type(16, 1000, "?", 1),
    "text": _Type(25, 1009, "", 0),
    "bytea": _Type(17, 1001, "", 0),
}

_PACKERS = {kind: Struct(f">{one.code}").pack for kind, one in _TYPES.items() if one.code}


def encode_array(kind: str, values: Column) -> bytes:
    """Return an array of PostgreSQL in its binary form."""
    oid, _, code, length = _TYPES[kind]
    count = len(values)
    if None in values:
        items = b"".join(map(_optional_item(code, length), values))
        return _DIMENSION(1, 1, oid, count, 1) + items
    head = _DIMENSION(1, 0, oid, count, 1)
    if code:
        parts = [values[at : at + _TOGETHER] for at in range(0, count, _TOGETHER)]
        return head + b"".join(
            [
                _packer(code, len(part))(*chain.from_iterable(zip(repeat(length), part)))
                for part in parts
            ]
        )
    found = [one.encode() for one in values] if kind == "text" else values
    return head + b"".join([part for one in found for part in (_LENGTH(len(one)), one)])


@lru_cache(maxsize=256)
def _packer(code: str, count: int) -> Callable[..., bytes]:
    """Return a function for items with their lengths; the compiled format takes 64 bytes each."""
    return Struct(">" + f"i{code}" * count).pack


@lru_cache(maxsize=16)
def _optional_item(code: str, length: int) -> Callable[[Any], bytes]:
    pack = Struct(f">i{code}").pack

    def encode(value: Any) -> bytes:
        if value is None:
            return _NULL
        if code:
            return pack(length, value)
        item = value.encode() if isinstance(value, str) else bytes(value)
        return _LENGTH(len(item)) + item

    return encode


def encode_value(kind: str, value: Any) -> bytes | None:
    """Return a value of PostgreSQL in its binary form, None for null."""
    pack = _PACKERS.get(kind)
    if value is None:
        return None
    if pack is not None:
        return pack(value)
    return value.encode() if kind == "text" else bytes(value)


@lru_cache(maxsize=1024)
def _form(types: tuple[str, ...], is_single: bool) -> tuple[list[int], list[int]]:
    """Return the types and the formats of parameters."""
    found = [_TYPES[one] for one in types]
    oids = [one.oid if is_single else one.array_oid for one in found]
    return oids, [int(pq.Format.BINARY)] * len(types)


class Pipeline:
    """The statements that wait to be sent over a connection, which is in autocommit mode.

    A pipeline ends with its first error, which is raised by the call that sends it.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._names: dict[Statement, bytes] = {}
        self._named = 0
        self._waiting: list[tuple[Statement, list[bytes | None]]] = []
        self._rows = Transformer(connection)

    @contextmanager
    def errors_of(self, connection: Connection) -> Iterator[None]:
        """Raise errors of the driver as those of SQLAlchemy; invalidate a lost connection.

        :param connection: that of SQLAlchemy to which the pipeline belongs
        """
        try:
            yield
        except psycopg.Error as error:
            lost = self._connection.closed
            if lost:
                connection.invalidate(error)
            raise DBAPIError.instance(
                None, None, error, psycopg.Error,
                connection_invalidated=lost, dialect=connection.dialect,
            ) from error  # fmt: skip

    def write(self, statement: Statement, columns: Sequence[Column] = ()) -> None:
        """Send a statement together with the next one that returns rows, or at the commit.

        :param columns: single values, if the statement takes those
        """
        encode: Callable[[str, Any], bytes | None]
        encode = encode_value if statement.is_single else encode_array
        self._waiting.append((statement, [*map(encode, statement.types, columns)]))

    def read(self, statement: Statement, columns: Sequence[Column] = ()) -> Rows:
        """Send a query after the statements that wait, and return its rows."""
        (rows,) = self.read_all([(statement, columns)])
        return rows

    def read_all(self, queries: Sequence[tuple[Statement, Sequence[Column]]]) -> list[Rows]:
        """Send queries after the statements that wait, and return the rows of each."""
        for one in queries:
            self.write(*one)
        found = []
        for result in self._send()[-len(queries) :]:
            self._rows.set_pgresult(result)
            found.append(self._rows.load_rows(0, result.ntuples, tuple))
        return found

    def flush(self) -> None:
        """Send the statements that wait."""
        if self._waiting:
            self._send()

    @property
    def is_in_transaction(self) -> bool:
        """Return True if the server has an open transaction, a failed one included."""
        status = self._connection.info.transaction_status
        return status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)

    def forget(self) -> None:
        """Prepare each statement again when it is sent."""
        self._names.clear()

    def discard(self) -> None:
        """Drop the statements that wait."""
        self._waiting.clear()

    def _send(self) -> list[pq.abc.PGresult]:
        """Send the statements that wait, and return the result of each."""
        waiting, self._waiting = self._waiting, []
        pgconn = self._connection.pgconn
        new: list[Statement] = []
        answers: list[int] = []  # places of the results of the statements
        try:
            pgconn.enter_pipeline_mode()
            for statement, values in waiting:
                types, formats = _form(statement.types, statement.is_single)
                name = self._names.get(statement)
                if name is None:
                    self._named += 1
                    name = self._names[statement] = b"m%d" % self._named
                    new.append(statement)
                    pgconn.send_prepare(name, statement.text.encode(), types)
                answers.append(len(answers) + len(new))
                pgconn.send_query_prepared(name, values, formats, pq.Format.BINARY)
            pgconn.pipeline_sync()
            count = len(waiting) + len(new) + 1
            results = self._connection.wait(_receive(pgconn, count))
            pgconn.exit_pipeline_mode()
        except BaseException:
            self._connection.close()  # what the server answers next is unknown
            raise
        for result in results:
            if result.status not in _OK:
                for statement in new:
                    del self._names[statement]
                raise errors.error_from_result(result, encoding="utf-8")
        return [results[place] for place in answers]


def _receive(pgconn: pq.abc.PGconn, count: int) -> PQGen[list[pq.abc.PGresult]]:
    yield from generators.send(pgconn)
    found: list[pq.abc.PGresult] = []
    for _ in range(count):
        found += yield from generators.fetch_many(pgconn)
    return found
