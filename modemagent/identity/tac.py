"""Type allocation codes: maker and model by the first eight digits of an IMEI.

The shipped table has single published facts only, because a complete list may not be
redistributed. Operators import their own CSV into the registry.

>>> find("86532606").model
'EG25-G'
>>> find("86769804") is None
True
"""

from typing import NamedTuple

from modemagent.identity.lookup_tables import row


class Tac(NamedTuple):
    """Maker and model of one TAC.

    :param basis: source of the record: ``M`` published by the maker, ``L`` found in a device log,
        ``C`` from an operator's CSV
    """

    tac: str
    maker: str
    model: str
    basis: str


def find(tac: str) -> Tac | None:
    """Return the record of a TAC in the shipped table."""
    found = row("tac.txt", tac)
    return None if found is None else Tac(*found)
