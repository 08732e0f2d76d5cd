"""The same IMEI on two modems, and two IMEIs in one session."""

from __future__ import annotations

from modemagent.identity.imei import Imei
from modemagent.identity.snapshot import Modem, Snapshot
from modemagent.watching.local_imeis import LocalImeis

IMEI, OTHER_IMEI = Imei("867698040000013"), Imei("867698040000021")
READING, OTHER = (Snapshot("/dev/a", modem=Modem(imei=imei)) for imei in (IMEI, OTHER_IMEI))


def codes(reading: Snapshot) -> list[str]:
    return [problem.code for problem in reading.problems]


def test_two_modems_with_one_imei_are_both_marked() -> None:
    imeis = LocalImeis()
    assert codes(imeis.note("usb:1-1", READING)) == []
    assert codes(imeis.note("usb:1-2", READING)) == ["cross.imei_duplicate"]
    assert codes(imeis.compare("usb:1-1", READING)) == ["cross.imei_duplicate"]
    imeis.end("usb:1-2")
    marked = imeis.note("usb:1-2", READING)
    imeis.end("usb:1-2")
    assert codes(imeis.compare("usb:1-1", marked)) == []


def test_other_imei_in_one_session_is_an_error() -> None:
    imeis = LocalImeis()
    imeis.note("usb:1-1", READING)
    assert codes(imeis.note("usb:1-1", Snapshot("/dev/a"))) == []
    assert codes(imeis.note("usb:1-1", OTHER)) == ["cross.imei_unstable"]
    assert codes(imeis.note("usb:1-1", READING)) == ["cross.imei_unstable"]
    # the earlier IMEI of an unstable modem is not that of another modem
    imeis.note("usb:1-1", OTHER)
    assert codes(imeis.note("usb:1-2", READING)) == []
    imeis.end("usb:1-1")
    assert codes(imeis.note("usb:1-1", OTHER)) == []
