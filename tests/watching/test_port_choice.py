"""Choice of a port: the best one, the current one while it works, another one after a failure."""

from __future__ import annotations

from modemagent.report.message import PortPlace
from modemagent.watching.port_choice import PortChoice

FIRST, SECOND, THIRD = (PortPlace(path=f"/dev/ttyUSB{number}") for number in (2, 3, 4))


def choice(*places: PortPlace) -> PortChoice:
    made = PortChoice()
    assert made.update(places)
    return made


def test_current_port_is_kept_and_a_missing_one_replaced() -> None:
    ports = choice(FIRST, SECOND)
    assert ports.best(SECOND.path) is SECOND
    assert ports.best("/dev/ttyUSB9") is FIRST


def test_only_a_new_path_is_news() -> None:
    ports = choice(FIRST, SECOND)
    assert not ports.update((SECOND,))
    assert ports.update((SECOND, FIRST))
    assert ports.at(FIRST.path) is FIRST and ports.at(THIRD.path) is None


def test_failed_port_waits_until_all_have_failed() -> None:
    ports = choice(FIRST, SECOND)
    assert ports.fail(FIRST.path)
    assert ports.best(FIRST.path) is SECOND
    assert not ports.fail(SECOND.path)
    assert ports.best(SECOND.path) is FIRST


def test_success_makes_the_best_port_eligible_again() -> None:
    ports = choice(FIRST, SECOND)
    ports.fail(FIRST.path)
    ports.forget_failures()
    assert ports.best("") is FIRST
