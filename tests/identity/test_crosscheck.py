"""Comparisons between the identifiers of one reading, a label and several devices."""

from __future__ import annotations

from modemagent.identity import crosscheck
from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.imeisv import Imeisv
from modemagent.identity.imsi import Imsi
from modemagent.identity.meid import Meid
from modemagent.identity.problems import Verdict
from modemagent.identity.snapshot import Modem, Sim, Snapshot

IMEI, OTHER_IMEI = Imei("867698040000013"), Imei("867698040000021")
ICCID, OTHER_ICCID = Iccid("8988303000000000010"), Iccid("8949210000000001111")
IMSI, OTHER_IMSI = Imsi("901288000000001"), Imsi("262010000000001")


def codes(modem: Modem, sim: Sim | None = None) -> list[str]:
    return [problem.code for problem in crosscheck.compare(modem, sim)]


def test_imei_and_imeisv_must_agree() -> None:
    assert codes(Modem(imei=IMEI, imeisv=Imeisv(IMEI[:14] + "07"))) == ["cross.tac_unknown"]
    found = codes(Modem(imei=IMEI, imeisv=Imeisv(OTHER_IMEI[:14] + "07")))
    assert found == ["cross.imei_imeisv_differ", "cross.tac_unknown"]


def test_meid_of_a_dual_mode_imei_must_agree() -> None:
    dual = Imei("990000123456784")
    assert codes(Modem(imei=dual, meid=Meid(dual[:14]))) == ["cross.tac_unknown"]
    assert "cross.meid_imei_differ" in codes(Modem(imei=dual, meid=Meid("AF0123450ABCDE")))
    assert "cross.meid_imei_differ" not in codes(Modem(imei=IMEI, meid=Meid("AF0123450ABCDE")))


def test_tac_is_compared_with_the_reported_model() -> None:
    imei = Imei("865326060000017")
    assert codes(Modem(imei=imei, manufacturer="Quectel", model="EG25")) == []
    assert codes(Modem(imei=imei)) == []
    wrong = codes(Modem(imei=imei, manufacturer="Telit", model="LE910C4-EU"))
    assert wrong == ["cross.tac_model_differ"]
    simcom = Modem(
        imei=Imei("868822040000010"), manufacturer="SIMCOM INCORPORATED", model="SIMCOM_SIM7600G-H"
    )
    assert codes(simcom) == []
    sierra = Modem(imei=Imei("001027000000013"), manufacturer="Sierra Wireless", model="EM7565")
    assert codes(sierra) == []


def test_countries_of_iccid_and_imsi() -> None:
    german = Sim(iccid=OTHER_ICCID, imsi=IMSI)
    assert codes(Modem(), german) == ["cross.iccid_imsi_country"]
    assert codes(Modem(), Sim(iccid=ICCID, imsi=IMSI)) == []
    assert codes(Modem(), Sim(iccid=OTHER_ICCID, imsi=OTHER_IMSI)) == []
    assert (
        codes(Modem(), Sim(iccid=Iccid("8901260000000000000"), imsi=Imsi("302720000000001"))) == []
    )
    assert codes(Modem(), Sim(iccid=Iccid("8900000000000000001"), imsi=IMSI)) == []


def test_labels_and_duplicates_compare_14_digits() -> None:
    assert crosscheck.compare_label(IMEI, IMEI) == ()
    assert crosscheck.compare_label(OTHER_IMEI, IMEI)[0].code == "cross.imei_label_differ"
    pairs = [("usb:1-1", IMEI), ("usb:1-2", IMEI[:14] + "07"), ("usb:1-3", OTHER_IMEI)]
    assert crosscheck.duplicates([*pairs, ("usb:1-4", None)]) == {IMEI[:14]}
    assert not crosscheck.duplicates([("usb:1-1", IMEI), ("usb:1-1", IMEI)])


def test_modems_with_one_imei_are_errors() -> None:
    one, other = Snapshot("/dev/a", modem=Modem(imei=IMEI)), Snapshot("/dev/b", modem=Modem())
    same = one._replace(port="/dev/c")
    found = crosscheck.compare_modems([("a", one), ("b", other), ("c", same)])
    assert [each.verdict for each in found] == [Verdict.ERROR, Verdict.OK, Verdict.ERROR]
    assert found[0].problems[0].code == "cross.imei_duplicate"
    # two ports of one modem; findings of the agent are kept
    assert crosscheck.compare_modems([("a", one), ("a", same)]) == [one, same]
    assert crosscheck.compare_modems([("a", found[0])]) == [found[0]]
    # a modem that the agent has read
    found = crosscheck.compare_modems([("a", one)], [("b", IMEI)])
    assert found[0].problems[0].code == "cross.imei_duplicate"


def test_modem_with_two_imeis_is_an_error() -> None:
    one, other = (Snapshot("/dev/a", modem=Modem(imei=imei)) for imei in (IMEI, OTHER_IMEI))
    for reading in crosscheck.compare_modems([("a", one), ("a", other)]):
        assert [each.code for each in reading.problems] == ["cross.imei_unstable"]
    assert crosscheck.compare_modems([("a", one), ("b", other)]) == [one, other]
