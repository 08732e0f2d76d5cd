"""Which module and which SIM card is this: the identification, written as the requirement reads.

Wake the port; ask who made it, which model, which firmware, and so which dialect it speaks; ask
for the equipment's identity; ask for the SIM's state and identity; judge; leave everything as it
was found. A plain generator: whoever drives it owns the port and the clock.

Above 300 lines: the order of the questions is the idea, and is read in one place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from modemagent.at.steps import Outcome, Plan, Response, Step
from modemagent.dialects.ati_block import read_block
from modemagent.dialects.catalogue import choose
from modemagent.dialects.generic import DIALECT as GENERIC_DIALECT
from modemagent.dialects.generic import IMEISV
from modemagent.dialects.model import Attempt, Dialect
from modemagent.errors import DeadlinePassed, NoAnswer
from modemagent.identity.snapshot import ReadState, Snapshot
from modemagent.modem.at_client import AtClient, Desynchronized

if TYPE_CHECKING:
    from modemagent.identity.network import Network
    from modemagent.modem.sim import SimReader
    from modemagent.modem.slots import Slot

#: What an identification needs later than its first answers. They are imported where they are
#: used; a one-shot command imports them while it waits for the modem, 10 ms of its start.
NEEDED_LATER = ("modemagent.modem.sim", "modemagent.modem.assess", "modemagent.modem.slots")

_RESTARTS = 3
_PROOF_TIMEOUT_S = 3.0
_ESN = r"(?i)(0x)?[0-9A-F]{7,8}"
_MEID = r"(?i)(0x)?(00)?[A-F][0-9A-F]{13}|\d{17,18}"

Steps = Generator[Step, Outcome, None]


class Extras(NamedTuple):
    """What is read only on request, because it takes more commands.

    :param eid_by_apdu: where the modem has no command for the EID, ask the card itself over a
        logical channel (:mod:`modemagent.modem.euicc`)
    :param network: operator, registration and the card's provider name
        (:mod:`modemagent.modem.network`)
    """

    eid_by_apdu: bool = False
    network: bool = False


NO_EXTRAS = Extras()


def identify(
    port: str,
    *,
    port_id: str | None = None,
    extras: Extras = NO_EXTRAS,
    early: Callable[[Snapshot], None] | None = None,
    listen_s: float = 0.0,
) -> Plan[Snapshot]:
    """Identify the modem behind a port.

    :param port: the port as the user named it
    :param port_id: its stable id, when discovery knows one
    :param early: called with what is known so far when the card has to be waited for
    :param listen_s: how long to listen before the first byte is sent
    :returns: a plan that yields steps and returns the reading, with every field it could not
        read marked so. When the time runs out after the equipment has said who it is, the
        reading holds what is known until then
    :raises NoAnswer, NotAModem: from the plan, when no identity can be asked for
    """
    talk = AtClient(port)
    attempt = Identification(talk)
    try:
        yield from talk.probe(listen_s)
        for _ in range(_RESTARTS):
            attempt = Identification(talk, extras)
            if early is not None:
                attempt.on_wait = partial(_tell_early, early, attempt, port, port_id)
            try:
                yield from attempt.run()
                break
            except Desynchronized:
                talk.reset()
                yield from talk.resync()
        else:
            raise NoAnswer(
                f"the answers of {port} do not match the questions",
                port=port,
                hint="another program may be using the port: stop it and try again",
            )
        yield from _leave(talk)
    except DeadlinePassed:
        if not attempt.values:
            raise
        attempt.out_of_time()
    except NoAnswer:
        if "imei" not in attempt.values or talk.unproven:
            raise
        attempt.out_of_time()
    return _judged(attempt, port, port_id)


def _tell_early(
    tell: Callable[[Snapshot], None], found: Identification, port: str, port_id: str | None
) -> None:
    if not found.talk.unproven or found.talk.echoing:
        tell(_judged(found, port, port_id))


def _judged(found: Identification, port: str, port_id: str | None) -> Snapshot:
    from dataclasses import replace

    from modemagent.modem.assess import assess

    return replace(
        assess(found, port=port, port_id=port_id, dialect=found.dialect.name),
        commands=found.talk.commands,
        elapsed_ms=round(found.talk.elapsed_s * 1000),
        evidence=tuple(found.talk.evidence.values()),
    )


def _leave(talk: AtClient) -> Steps:
    """Put back what was changed for the session, newest first."""
    while talk.restore:
        yield from talk.ask(talk.restore.pop(), _PROOF_TIMEOUT_S)


class Identification:
    """One pass through the ladders.

    :ivar values: the fields of the modem that were read
    :ivar offered: what stood in their place but does not fit, as evidence
    :ivar read: how each reading ended
    :ivar on_wait: called once when the card has to be waited for
    :ivar network: which network it is on, when that was asked for
    :ivar slots: what is in each slot and which is in use, as the modem's dialect tells it
    """

    def __init__(self, talk: AtClient, extras: Extras = NO_EXTRAS) -> None:
        self.talk = talk
        self._extras = extras
        self.dialect: Dialect = GENERIC_DIALECT
        self.values: dict[str, str] = {}
        self.offered: dict[str, str] = {}
        self.read: dict[str, ReadState] = {}
        self._sim: SimReader | None = None
        self.slots: tuple[Slot, ...] = ()
        self.network: Network | None = None
        self.on_wait: Callable[[], None] | None = None
        self._is_cdma = False

    def run(self) -> Steps:
        """Ask for everything, in the order that lets the most be published early."""
        values = self.values
        yield from self._climb("manufacturer")
        joined = yield from self._ask_joined("imei")
        for want in ("model", "firmware"):
            yield from self._climb(want)
        self.dialect = choose(
            values.get("manufacturer"), values.get("model"), values.get("firmware")
        )
        for want in ("manufacturer", "model", "firmware"):
            if want not in values:
                yield from self._climb(want, beyond=GENERIC_DIALECT)
        if not joined or joined != self._ladder("imei")[:1]:
            values.pop("imei", None)
            yield from self._climb("imei")
        for want in ("imeisv", "serial_number"):
            yield from self._climb(want)
        yield from self._read_slots()
        # From here on it may take long: cards start slowly.
        self._sim = None
        yield from self.sim.read_all(imei=values.get("imei"))
        if self.sim.values.get("imsi") and _mnc_is_open(self.sim.values["imsi"]):
            yield from self.sim.read_mnc_length()
        yield from self._prove()
        if self._extras.eid_by_apdu:
            yield from self.sim.read_eid_by_apdu()
        if self._extras.network:
            from modemagent.modem.network import read_network

            self.network = yield from read_network(self.talk, self.sim.state)

    @property
    def sim(self) -> SimReader:
        """The reading of the slot in use."""
        if self._sim is None:
            from modemagent.modem.sim import SimReader

            self._sim = SimReader(self.talk, self.dialect, self.kind, on_wait=self.on_wait)
        return self._sim

    @property
    def kind(self) -> str:
        """Model and firmware, as the rows of a dialect look at them."""
        return f"{self.values.get('model', '')} {self.values.get('firmware', '')}"

    def _ladder(self, want: str) -> tuple[Attempt, ...]:
        return self.dialect.ladder(want, self.kind)

    def out_of_time(self) -> None:
        """Mark what was not reached."""
        for want in ("manufacturer", "model", "firmware", "imei", "imeisv", "serial_number"):
            self.read.setdefault(want, ReadState.TIMEOUT)
        for want in ("iccid", "imsi", "eid"):
            self.sim.read.setdefault(want, ReadState.TIMEOUT)

    def _climb(self, want: str, *, beyond: Dialect | None = None) -> Steps:
        """Try the rungs of one ladder until one value fits.

        :param beyond: rungs of this dialect have been tried already
        """
        if beyond is None and want in self.values:
            return
        ladder = self._ladder(want)
        if beyond is not None:
            done = {rung.command for rung in beyond.ladder(want)}
            ladder = tuple(rung for rung in ladder if rung.command not in done)
        elif want in ("model", "firmware"):
            ladder = self._likely_first(ladder)
        worst = self.read.get(want, ReadState.UNSUPPORTED)
        for attempt in ladder:
            if want == "imeisv" and self._cgsn_is_plain and attempt in IMEISV:
                continue  # a modem without AT+CGSN=1 has no AT+CGSN=2, unless its maker says so
            reading, answer = yield from self.talk.read(want, attempt)
            if want == "imei" and not reading.sure:
                self._notice_cdma(answer)
            elif attempt.shape.startswith("ati_") and not self._is_of_this_modem(answer):
                continue
            if reading.sure:
                self.values[want] = reading.values[0]
                self.read[want] = ReadState.OK
                self._note_form(want, attempt)
                return
            if reading.offered is not None:
                self.offered.setdefault(want, reading.offered)
            if answer.timed_out:
                worst = ReadState.TIMEOUT
            elif answer.ok and (reading.values or reading.offered is not None):
                worst = ReadState.FAILED
        self.read[want] = worst

    def _ask_joined(self, last: str) -> Generator[Step, Outcome, tuple[Attempt, ...]]:
        """Ask for what this maker's modems tell in one line, if they take joined lines.

        :param last: the want that the wanted join ends with
        :returns: the rung that read it; () when nothing was read
        """
        dialect = choose(self.values.get("manufacturer"), None, None)
        join = next((each for each in dialect.joins if each.wants[-1] == last), None)
        if join is None or self._form != "+CG":
            return ()
        rungs = {want: dialect.ladder(want, self.kind)[0] for want in join.wants}
        values = yield from self.talk.read_joined(rungs)
        for want, value in values.items():
            self.values[want] = value
            self.read[want] = ReadState.OK
            self._note_form(want, rungs[want])
        return (rungs[last],) if values else ()

    def _read_slots(self) -> Steps:
        """Ask which slot is in use, and how many there are, where a modem can have several."""
        if not self._ladder("slot"):
            return
        yield from self._climb("slot")
        yield from self._climb("slot_count")
        said = self.values.pop("slot", None)
        count = self.values.pop("slot_count", None)
        if said is not None:
            from modemagent.modem.slots import slots_of

            self.slots = slots_of(said, int(count or 0))

    # -- what one answer tells about the next question ------------------------------------

    _form = ""
    _cgsn_is_plain = False

    def _note_form(self, want: str, attempt: Attempt) -> None:
        if want in ("manufacturer", "model"):
            self._form = _form_of(attempt.command)
        elif want == "imei":
            self._cgsn_is_plain = attempt.command != "AT+CGSN=1"

    def _likely_first(self, ladder: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
        """A modem that gave its maker for AT+GMI gives its model for AT+GMM."""
        return tuple(sorted(ladder, key=lambda rung: _form_of(rung.command) != self._form))

    def _is_of_this_modem(self, answer: Response) -> bool:
        """A block that names another IMEI than the modem does says nothing about the modem."""
        named, imei = read_block(answer.lines).get("imei"), self.values.get("imei")
        return named is None or imei is None or named[:14] == imei[:14]

    def _notice_cdma(self, answer: Response) -> None:
        """Keep the MEID of a CDMA device; ESN and MEID must never pass for an IMEI."""
        block = read_block(answer.lines) if answer.line.upper() == "ATI" else {}
        texts = [block[key] for key in ("meid", "esn") if key in block]
        if not block and answer.ok:
            texts = [part for line in answer.lines for part in re.split(r"[:,\s\"]+", line)]
        for text in texts:
            if re.fullmatch(_MEID, text) or text == block.get("meid"):
                self.values.setdefault("meid", text)
                self.read["meid"] = ReadState.OK
                self._is_cdma = True
            elif re.fullmatch(_ESN, text) and not text.isdigit():
                self._is_cdma = True
        if self._is_cdma:
            self.offered.pop("imei", None)

    def _prove(self) -> Steps:
        """Close with a question whose answer says what it answers.

        Bare answers of a port without echo could all have been shifted by one late answer;
        then this one comes back wrong too.
        """
        if not self.talk.unproven or (self.talk.echoing and not self.talk.doubtful):
            return
        for command, label in (("AT+CPIN?", "CPIN"), ("AT+CSQ", "CSQ"), ("AT+CREG?", "CREG")):
            answer = yield from self.talk.ask(command, _PROOF_TIMEOUT_S)
            if any(label in line.upper().split(":")[0] for line in answer.lines):
                self.talk.unproven = False
                return
            if answer.ok or answer.timed_out:
                raise Desynchronized(command)


def _form_of(command: str) -> str:
    """The family of a question: ``+CG``, ``+CG?``, ``+G``, ``+G?`` or another."""
    match = re.fullmatch(r"AT(\+C?G)M[IMR](\??)", command)
    return match[1] + match[2] if match else command


def _mnc_is_open(imsi: str) -> bool:
    from modemagent.identity.numbering import split_imsi

    return not split_imsi(imsi).certain
