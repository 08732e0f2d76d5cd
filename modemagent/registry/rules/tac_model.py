"""A model that does not belong to the TAC of its modem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from modemagent.identity.crosscheck import contradicts
from modemagent.identity.tac import Tac
from modemagent.registry.rules.inputs import ReportMoment, RuleFinding

#: Own modems of a TAC after which another model is a finding.
FEWEST_PEERS = 20


class ReadModel(NamedTuple):
    """Maker and model as a modem states them over AT commands.

    :param at: report that first shows them
    """

    at: ReportMoment
    manufacturer: str
    model: str


class PeerModel(NamedTuple):
    """A model among the own modems of a TAC.

    :param modems: how many have it, or some more than :data:`FEWEST_PEERS`
    """

    manufacturer: str
    model: str
    modems: int


def tac_model(
    read: ReadModel, known: Tac | None, peers: Sequence[PeerModel]
) -> Iterator[RuleFinding]:
    """Yield ``tac.model_mismatch`` if the record of the TAC, or the other own modems, differ.

    :param known: record of the TAC; None: there is none
    :param peers: the models of all own modems of the TAC, this one included
    """
    if known is not None and contradicts(known, read.manufacturer, read.model):
        yield RuleFinding("tac.model_mismatch", read.at)
    elif known is None and read.model and _is_alone(read, peers):
        yield RuleFinding("tac.model_mismatch", read.at, grade="possible")


def _is_alone(read: ReadModel, peers: Sequence[PeerModel]) -> bool:
    """Return True if no other modem has the model, and enough have others."""
    own = Tac("", read.manufacturer, read.model, "")
    others = [one for one in peers if one.model]
    same = [one for one in others if not contradicts(own, one.manufacturer, one.model)]
    others = [one for one in others if one not in same]
    return (
        sum(one.modems for one in same) <= 1 and sum(one.modems for one in others) >= FEWEST_PEERS
    )
