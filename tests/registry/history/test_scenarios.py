"""What the registry makes of the situations of a fleet, each in every order of arrival."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from modemagent.registry.history.individuals import Stay
from tests.registry.history.incremental import MemoryStore
from tests.registry.history.world import (
    DAY,
    HOUR,
    START,
    Gateway,
    ModemUnit,
    SentReport,
    SimCard,
)

ORDERS = 150  # all orders of up to five reports, else as many at random


class Outcome(NamedTuple):
    """Expected history.

    :param stays: ``modem@gateway/place cause`` or ``sim@modem/slot cause``, by individual
    :param events: kinds, except first_seen, with the sequence number of the report
    :param findings: kinds with grade
    """

    stays: str = ""
    events: str = ""
    findings: str = ""


Scenario = Callable[[list[SentReport]], Outcome]


def modem(number: str = "m1", sim: str | None = "x", maker: str = "Quectel") -> ModemUnit:
    return ModemUnit(number, sim and SimCard(sim), maker=maker)


def other_port_removal_first(sent: list[SentReport]) -> Outcome:
    gateway, unit = Gateway("a", sent), modem()
    gateway.places = {"p": unit, "q": None}
    gateway.report(START + HOUR, "p")
    gateway.report(START + 2 * HOUR, "p", removed=True)
    gateway.places = {"p": None, "q": unit}
    gateway.report(START + 3 * HOUR, "q")
    return Outcome("m1@a/p removed, m1@a/q; x@m1/1", "removed 2, moved 3")


def other_port_removal_after(sent: list[SentReport]) -> Outcome:
    gateway, unit = Gateway("a", sent), modem()
    gateway.places = {"p": unit}
    gateway.report(START + HOUR, "p")
    gateway.places = {"q": unit}
    gateway.report(START + 2 * HOUR, "q")
    gateway.report(START + 2 * HOUR + 700, "p", removed=True)
    return Outcome("m1@a/p moved, m1@a/q; x@m1/1", "moved 2, removed 3")


def slots_crossed_while_off(sent: list[SentReport]) -> Outcome:
    gateway = Gateway("a", sent)
    unit = ModemUnit("m1", SimCard("x"), SimCard("y"))
    gateway.places = {"p": unit}
    gateway.report(START + HOUR, "p")
    unit.slots = {1: unit.slots[2], 2: unit.slots[1]}
    gateway.boot(START + 9 * HOUR)
    gateway.report(START + 10 * HOUR, "p")
    return Outcome(
        "m1@a/p; x@m1/1 replaced, x@m1/2; y@m1/2 replaced, y@m1/1", "sim.swapped 2, sim.swapped 2"
    )


def there_and_back_with_removals(sent: list[SentReport]) -> Outcome:
    a, b, unit = Gateway("a", sent), Gateway("b", sent), modem()
    for hours, gateway in ((1, a), (3, b), (5, a)):
        gateway.places = {"p": unit}
        gateway.report(START + hours * HOUR, "p")
        gateway.report(START + (hours + 1) * HOUR, "p", removed=True)
    return Outcome(
        "m1@a/p removed, m1@b/p removed, m1@a/p removed; x@m1/1",
        "moved 1, moved 3, removed 2, removed 2, removed 4",
    )


def there_and_back_while_off(sent: list[SentReport]) -> Outcome:
    a, b, unit = Gateway("a", sent), Gateway("b", sent), modem()
    a.places = b.places = {"p": unit}
    a.report(START + HOUR, "p")
    b.report(START + 3 * HOUR, "p")
    a.boot(START + 4 * HOUR)
    a.report(START + 5 * HOUR, "p")
    return Outcome("m1@a/p moved, m1@b/p moved, m1@a/p; x@m1/1", "moved 1, moved 2")


def in_two_places_within_one_boot(sent: list[SentReport]) -> Outcome:
    a, b = Gateway("a", sent), Gateway("b", sent)
    a.places, b.places = {"p": modem(sim="x")}, {"p": modem(sim="y")}
    a.report(START + HOUR, "p")
    b.report(START + 3 * HOUR, "p")
    a.report(START + 5 * HOUR, "p")
    b.report(START + 6 * HOUR, "p")
    return Outcome("m1@a/p; m1@b/p; x@m1/1; y@m1/1", "", "imei.duplicate certain")


def in_two_places_with_one_reading(sent: list[SentReport]) -> Outcome:
    a, b = Gateway("a", sent), Gateway("b", sent)
    a.places, b.places = {"p": modem(sim="x")}, {"p": modem(sim="y")}
    a.report(START + HOUR, "p")
    b.report(START + 3 * HOUR, "p")
    a.report(START + 5 * HOUR, "p")
    return Outcome("m1@a/p; m1@b/p; x@m1/1; y@m1/1", "", "imei.duplicate probable")


def return_over_a_missing_number(sent: list[SentReport]) -> Outcome:
    a, b, unit = Gateway("a", sent), Gateway("b", sent), modem()
    a.places = b.places = {"p": unit}
    a.report(START + HOUR, "p")
    b.report(START + 3 * HOUR, "p")
    a.lose()
    a.report(START + 5 * HOUR, "p")
    return Outcome("m1@a/p moved, m1@b/p moved, m1@a/p; x@m1/1", "moved 1, moved 3")


def missing_number_was_the_removal(sent: list[SentReport]) -> Outcome:
    a, b, unit = Gateway("a", sent), Gateway("b", sent), modem()
    a.places = b.places = {"p": unit}
    a.report(START + HOUR, "p")
    a.report(START + 2 * HOUR, "p", removed=True)
    b.report(START + 3 * HOUR, "p")
    a.report(START + 5 * HOUR, "p")
    return Outcome("m1@a/p removed, m1@b/p moved, m1@a/p; x@m1/1", "moved 1, moved 3, removed 2")


def clocks_two_hours_ahead(sent: list[SentReport]) -> Outcome:
    a, b, unit = Gateway("a", sent), Gateway("b", sent), modem()
    for gateway in (a, b):
        gateway.clock_ahead_ms = 2 * HOUR
        gateway.places = {"p": unit}
        gateway.report(START + HOUR, "p")
    return Outcome("m1@a/p, m1@b/p; x@m1/1", "", "clock_suspect a, clock_suspect b")


def stream_renewed_in_one_boot(sent: list[SentReport]) -> Outcome:
    gateway, unit = Gateway("a", sent), modem()
    gateway.is_synchronized = False
    gateway.places = {"p": unit}
    gateway.report(START + HOUR, "p")
    gateway.renew_stream()
    gateway.report(START + 2 * HOUR, "p")
    gateway.places = {"p": modem("m2", "y")}
    gateway.report(START + 3 * HOUR, "p")
    return Outcome("m1@a/p replaced; m2@a/p; x@m1/1; y@m2/1", "modem.swapped 2")


def streams_without_any_date(sent: list[SentReport]) -> Outcome:
    gateway = Gateway("a", sent)
    gateway.is_synchronized = False
    gateway.places = {"p": modem()}
    gateway.report(START + HOUR, "p")
    gateway.renew_stream()
    gateway.boot(START + 2 * HOUR)
    gateway.places = {"p": modem("m2", "y")}
    gateway.report(START + 3 * HOUR, "p")
    return Outcome("m1@a/p; m2@a/p; x@m1/1; y@m2/1")


def other_maker_with_the_same_sim(sent: list[SentReport]) -> Outcome:
    gateway, unit = Gateway("a", sent), modem()
    gateway.places = {"p": unit}
    gateway.report(START + HOUR, "p")
    unit.maker = "QUALCOMM INCORPORATED"
    gateway.report(START + 2 * HOUR, "p")
    return Outcome("m1@a/p; x@m1/1")


def other_maker_with_another_sim(sent: list[SentReport]) -> Outcome:
    gateway = Gateway("a", sent)
    gateway.places = {"p": modem()}
    gateway.report(START + HOUR, "p")
    gateway.places = {"p": modem(sim="y", maker="SIMCom")}
    gateway.report(START + 2 * HOUR, "p")
    return Outcome(
        "m1@a/p replaced; m1@a/p; x@m1/1; y@m1/1", "",
        "imei.duplicate probable, imei.cloned probable",
    )  # fmt: skip


def readers_name_one_modem_differently(sent: list[SentReport]) -> Outcome:
    gateway, unit = Gateway("a", sent), modem()
    gateway.places = {"p": unit}
    unit.reader = "at"
    gateway.report(START + HOUR, "p")
    unit.reader, unit.maker, unit.slots[1] = "modemmanager", "QUALCOMM", SimCard("y")
    gateway.report(START + 2 * HOUR, "p")
    return Outcome("m1@a/p; x@m1/1 replaced; y@m1/1", "sim.swapped 2")


def one_of_two_duplicates_travels_on(sent: list[SentReport]) -> Outcome:
    a, b, c = (Gateway(name, sent) for name in "abc")
    a.places, b.places = {"p": modem(sim="x")}, {"p": modem(sim="y")}
    a.report(START + HOUR, "p")
    b.report(START + 3 * HOUR, "p")
    a.report(START + 5 * HOUR, "p")
    c.places = {"p": b.places["p"]}
    c.report(START + 7 * HOUR, "p")
    a.report(START + 9 * HOUR, "p")
    return Outcome(
        "m1@a/p; m1@b/p moved, m1@c/p; x@m1/1; y@m1/1", "moved 1", "imei.duplicate probable"
    )


def one_sim_twice_in_one_gateway(sent: list[SentReport]) -> Outcome:
    gateway = Gateway("a", sent)
    gateway.places = {"p": modem("m1", "x"), "q": modem("m2", "x")}
    for hours in (1, 3):
        gateway.report(START + hours * HOUR, "p")
        gateway.report(START + hours * HOUR + 700, "q")
    return Outcome("m1@a/p; m2@a/q; x@m1/1; x@m2/1", "", "sim.cloned certain")


def sim_changed_in_stock(sent: list[SentReport]) -> Outcome:
    a, b, unit = Gateway("a", sent), Gateway("b", sent), modem()
    a.places = {"p": unit}
    a.report(START + HOUR, "p")
    a.report(START + 2 * HOUR, "p", removed=True)
    unit.slots[1] = SimCard("y")
    b.places = {"p": unit}
    b.report(START + 40 * DAY, "p")
    return Outcome(
        "m1@a/p removed, m1@b/p; x@m1/1 replaced; y@m1/1", "removed 2, moved 1, sim.swapped 1"
    )


def one_boot_per_report(sent: list[SentReport]) -> Outcome:
    a, b = Gateway("a", sent), Gateway("b", sent)
    for hours, gateway in enumerate((a, b, a, b), 1):
        gateway.places = {"p": modem(sim=gateway.name)}
        gateway.boot(START + hours * 3 * HOUR)
        gateway.report(START + hours * 3 * HOUR, "p")
    return Outcome("m1@a/p; m1@b/p; a@m1/1; b@m1/1", "", "imei.duplicate possible")


def one_return_over_reboots(sent: list[SentReport]) -> Outcome:
    a, b, unit = Gateway("a", sent), Gateway("b", sent), modem()
    for hours, gateway in enumerate((a, b, a), 1):
        gateway.places = {"p": unit}
        gateway.boot(START + hours * 3 * HOUR)
        gateway.report(START + hours * 3 * HOUR, "p")
    return Outcome("m1@a/p moved, m1@b/p moved, m1@a/p; x@m1/1", "moved 1, moved 2")


def one_port_read_by_two_gateways(sent: list[SentReport]) -> Outcome:
    a, b, unit = Gateway("a", sent), Gateway("b", sent), modem()
    a.places = b.places = {"p": unit}
    for hours, gateway in enumerate((a, b, a, b), 1):
        gateway.report(START + hours * 3 * HOUR, "p")
    return Outcome(
        "m1@a/p; m1@b/p; x@m1/1; x@m1/1", "", "imei.duplicate possible, sim.cloned possible"
    )


def undated_boot_is_dated_later(sent: list[SentReport]) -> Outcome:
    a, b = Gateway("a", sent), Gateway("b", sent)
    a.places, b.places = {"p": modem(sim="x")}, {"p": modem(sim="y")}
    a.is_synchronized, a.clock_ahead_ms, a.delay_ms = False, -START, 90 * DAY
    a.report(START + HOUR, "p")
    a.report(START + 9 * HOUR, "p")
    b.report(START + 3 * HOUR, "p")
    b.report(START + 6 * HOUR, "p")
    a.is_synchronized, a.clock_ahead_ms = True, 0
    a.report(START + 10 * HOUR, "p")
    return Outcome("m1@a/p; m1@b/p; x@m1/1; y@m1/1", "", "imei.duplicate certain")


def disk_copied(sent: list[SentReport]) -> Outcome:
    gateway = Gateway("a", sent)
    gateway.places = {"p": modem()}
    for hours in range(4):
        gateway.report(START + hours * HOUR, "p")
    own = gateway.sequence, gateway.boot_id, gateway.up_since
    gateway.sequence = 2
    gateway.boot(START + 5 * HOUR, name="copy")
    gateway.places = {"p": modem("m2", "y")}
    gateway.report(START + 5 * HOUR, "p")
    gateway.sequence, gateway.boot_id, gateway.up_since = own
    gateway.places = {"p": modem()}
    gateway.report(START + 6 * HOUR, "p")
    return Outcome("m1@a/p; x@m1/1", "", "identity_forked a")


def boot_ninety_days_ahead(sent: list[SentReport]) -> Outcome:
    gateway, unit = Gateway("a", sent, delay_ms=200 * DAY), modem()
    gateway.places = {"p": unit}
    for day, ahead in ((0, 0), (5, 90), (10, 0), (15, 0)):
        gateway.boot(START + day * DAY)
        gateway.clock_ahead_ms = ahead * DAY
        unit.slots[1] = SimCard(f"x{day}")
        gateway.report(START + day * DAY + HOUR, "p")
    return Outcome(
        "m1@a/p; x0@m1/1 replaced; x10@m1/1 replaced; x15@m1/1; x5@m1/1 replaced",
        "sim.swapped 2, sim.swapped 3, sim.swapped 4",
        "clock_suspect a",
    )


def jump_back_inside_a_boot(sent: list[SentReport]) -> Outcome:
    gateway, unit = Gateway("a", sent, delay_ms=400 * DAY), modem()
    gateway.places = {"p": unit}
    gateway.report(START + HOUR, "p")
    gateway.report(START + 2 * HOUR, "p")
    gateway.clock_ahead_ms = -300 * DAY
    unit.slots[1] = SimCard("y")
    gateway.report(START + 3 * HOUR, "p")
    return Outcome("m1@a/p; x@m1/1 replaced; y@m1/1", "sim.swapped 3", "clock_suspect a")


def unread_is_not_changed(sent: list[SentReport]) -> Outcome:
    gateway, unit = Gateway("a", sent), modem()
    gateway.places = {"p": unit}
    for unread, slots in ((False, set()), (True, set()), (False, {1}), (False, set())):
        unit.unread, unit.unread_slots = unread, slots
        gateway.report(START + (gateway.sequence + 1) * HOUR, "p")
    return Outcome("m1@a/p; x@m1/1")


def profile_and_imsi_switched(sent: list[SentReport]) -> Outcome:
    gateway = Gateway("a", sent)
    unit = ModemUnit("m1", SimCard("x", "i1", eid="e1"))
    gateway.places = {"p": unit}
    for card in (unit.slots[1], SimCard("y", "i2", eid="e1"), SimCard("y", "i3", eid="e1"), None):
        unit.slots[1] = card
        gateway.report(START + (gateway.sequence + 1) * HOUR, "p")
    return Outcome(
        "m1@a/p; x@m1/1 replaced; y@m1/1 removed",
        "sim.profile_switched 2, sim.imsi_switched 3, sim.removed 4",
    )


def longer_iccid_is_one_sim(sent: list[SentReport]) -> Outcome:
    gateway, unit = Gateway("a", sent), modem()
    gateway.places = {"p": unit}
    for extra in ("", "4", "", "4"):
        card = unit.slots[1]
        assert card is not None
        card.extra = extra
        gateway.report(START + (gateway.sequence + 1) * HOUR, "p")
    return Outcome("m1@a/p; x@m1/1")


def last_digit_tells_sims_apart(sent: list[SentReport]) -> Outcome:
    a, b = Gateway("a", sent), Gateway("b", sent)
    for number, (hours, gateway) in enumerate(((1, a), (2, b), (4, a), (5, b))):
        unit = modem(gateway.name)
        unit.slots[1] = SimCard("x")
        unit.slots[1].extra = str(number % 2 + 3)
        gateway.places = {"p": unit}
        gateway.report(START + hours * HOUR, "p")
    return Outcome("a@a/p; b@b/p; x@a/1; x@b/1")


SCENARIOS: tuple[Scenario, ...] = (
    other_port_removal_first,
    other_port_removal_after,
    slots_crossed_while_off,
    there_and_back_with_removals,
    there_and_back_while_off,
    in_two_places_within_one_boot,
    in_two_places_with_one_reading,
    return_over_a_missing_number,
    missing_number_was_the_removal,
    clocks_two_hours_ahead,
    stream_renewed_in_one_boot,
    streams_without_any_date,
    other_maker_with_the_same_sim,
    other_maker_with_another_sim,
    readers_name_one_modem_differently,
    one_of_two_duplicates_travels_on,
    one_sim_twice_in_one_gateway,
    sim_changed_in_stock,
    one_boot_per_report,
    one_return_over_reboots,
    one_port_read_by_two_gateways,
    undated_boot_is_dated_later,
    disk_copied,
    boot_ninety_days_ahead,
    jump_back_inside_a_boot,
    unread_is_not_changed,
    profile_and_imsi_switched,
    longer_iccid_is_one_sim,
    last_digit_tells_sims_apart,
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_scenario_in_every_order(scenario: Scenario) -> None:
    sent: list[SentReport] = []
    expected = scenario(sent)
    for arrived in _orders(sent):
        store = MemoryStore()
        for one in arrived:
            store.receive(one.report, one.batch)
        assert _outcome(store) == _sorted(expected)


def test_numbers_one_by_one_move_back_and_duplicate() -> None:
    sent: list[SentReport] = []
    a, b = Gateway("a", sent), Gateway("b", sent)
    a.places, b.places = {"p": modem(sim="x")}, {"p": modem(sim="y")}
    for hours, gateway in ((1, a), (3, b), (4, a), (5, a)):
        gateway.report(START + hours * HOUR, "p")
    first, second, late, last = sent
    store = MemoryStore()
    found = []
    for one in (first, second, last, late):
        store.receive(one.report, one.batch)
        found.append(_outcome(store).events)
    assert found == [
        "",
        "moved 1, sim.swapped 1",
        "moved 1, moved 3, sim.swapped 1, sim.swapped 3",
        "",
    ]
    assert _outcome(store).findings == "imei.duplicate probable"


def _orders(sent: list[SentReport]) -> Iterator[list[SentReport]]:
    if len(sent) <= 5:
        yield from map(list, itertools.permutations(sent))
        return
    pick = random.Random(5)
    for _ in range(ORDERS):
        yield pick.sample(sent, len(sent))


def _sorted(outcome: Outcome) -> Outcome:
    return Outcome(
        "; ".join(sorted(outcome.stays.split("; "))),
        ", ".join(sorted(outcome.events.split(", "))),
        ", ".join(sorted(outcome.findings.split(", "))),
    )


def _outcome(store: MemoryStore) -> Outcome:
    individuals = [
        one
        for units in (store.related, store.sim_related)
        for related in units.values()
        for one in related.individuals
    ]
    events = [
        (event.kind, event.at.report[2])
        for log in store.events.values()
        for event in log.values()
        if not event.kind.endswith("first_seen")
    ]
    findings = [one for some in store.findings.values() for one in some]
    return _sorted(
        Outcome(
            "; ".join(", ".join(map(_stay, one.stays)) for one in individuals),
            ", ".join(
                f"{kind.removeprefix('modem.').replace('swapped', 'modem.swapped')} {number}"
                if kind.startswith("modem.")
                else f"{kind} {number}"
                for kind, number in events
            ),
            ", ".join(
                f"{one.kind.removeprefix('gateway.')} {one.grade or one.subject}"
                for one in findings
            ),
        )
    )


def _stay(stay: Stay) -> str:
    one, *rest = stay.place
    where = f"{one}/{rest[-1]}"
    return f"{stay.unit}@{where} {stay.cause or ''}".strip()
