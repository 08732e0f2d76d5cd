"""Identification of a modem and its SIM.

Wake the port; read manufacturer, model and firmware, which choose the dialect; read the IMEI and
the other numbers of the modem; read the state and the numbers of the SIM; assess; restore the
session settings. The plan is a generator: its driver owns the port and the clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import NamedTuple

from modemagent.at.steps import Outcome, Plan, Response, Step
from modemagent.dialects.ati_block import has_empty_key, read_block
from modemagent.dialects.catalogue import choose
from modemagent.dialects.cdma import cdma_numbers
from modemagent.dialects.generic import DIALECT as GENERIC_DIALECT
from modemagent.dialects.generic import IMEISV
from modemagent.dialects.model import Attempt, Dialect
from modemagent.errors import DeadlinePassed, NoAnswer
from modemagent.identity.numbering import split_imsi
from modemagent.identity.snapshot import ReadState, Snapshot
from modemagent.modem.assess import MODEM_FIELDS, SIM_FIELDS, RawModem, assess
from modemagent.modem.at_client import AtClient
from modemagent.modem.interpret import Interpretation
from modemagent.modem.ladder import IGNORED, AttemptVerdict, accept_certain, climb, read_joined
from modemagent.modem.network import read_network
from modemagent.modem.sim import NUMBERS, SimReader
from modemagent.modem.slots import slots_of
from modemagent.modem.start_up import Age
from modemagent.modem.sync import Desynchronized, SyncEvent

#: Values of the modem that are read in one line, if the firmware accepts it.
EQUIPMENT = ("model", "firmware", "imei")
#: Identifications begun until the responses match the commands.
_MOST_RUNS = 3
_PROOF_TIMEOUT_S = 3.0
#: Commands whose responses carry a prefix on every modem.
_PROOFS = (("AT+CPIN?", "CPIN"), ("AT+CSQ", "CSQ"), ("AT+CREG?", "CREG"))

Steps = Generator[Step, Outcome, None]


class Extras(NamedTuple):
    """Optional readings, which take more commands.

    :param eid_by_apdu: if the modem has no command for the EID, read it from the SIM over a
        logical channel (:mod:`modemagent.modem.euicc`)
    :param network: operator, registration and the SIM's service provider name
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
    age: Age = lambda: None,
    is_repeated: bool = False,
) -> Plan[Snapshot]:
    """Identify the modem behind a port.

    :param port: the port as the user named it
    :param port_id: its stable id, if discovery has one
    :param early: called with the values read so far if the SIM is not ready
    :param listen_s: how long to listen before the first byte is sent
    :param age: returns how long ago the modem appeared, None if that is unknown
    :param is_repeated: the caller takes another reading if this one is incomplete; otherwise values
        that a starting modem refuses are read again within this plan
    :returns: a plan that yields steps and returns the reading, with the reason for every value
        that could not be read. If the deadline passes after the modem has identified itself, the
        reading contains the values read until then
    :raises NoAnswer, NotAModem: from the plan, if no identity can be read
    """
    client = AtClient(port, age)

    def assessed(raw: Identification) -> Snapshot:
        snapshot = assess(raw, port=port, port_id=port_id, dialect=raw.dialect.name)
        return snapshot._replace(
            commands=client.commands,
            elapsed_ms=round(client.elapsed_s * 1000),
            evidence=client.evidence(),
        )

    def publish(raw: Identification) -> None:
        if early is not None and (not client.sync.has_unproven_values or client.sync.echoing):
            early(assessed(raw))

    run = Identification(client, extras, publish, is_repeated=is_repeated)
    try:
        yield from client.probe(listen_s)
        for _ in range(_MOST_RUNS):
            try:
                yield from run.run()
                break
            except Desynchronized:
                run = Identification(client, extras, publish, is_repeated=is_repeated)
                client.reset()
                yield from client.resync()
        else:
            raise NoAnswer(
                f"the responses on {port} do not match the commands",
                port=port,
                hint="Another program may be using the port. Stop it and try again.",
            )
        yield from client.restore_settings()
    except DeadlinePassed:
        if not run.values:
            raise
        run.mark_unread()
    except NoAnswer:
        if "imei" not in run.values or client.sync.has_unproven_values:
            raise
        run.mark_unread()
    return assessed(run)


class Identification(RawModem):
    """One pass through the ladders of a modem.

    :param publish: called if the SIM is not ready and will be read again
    :param is_repeated: refused values are left to the next reading
    :ivar dialect: the modem's dialect; the generic one until it is chosen
    """

    sim: SimReader

    def __init__(
        self,
        client: AtClient,
        extras: Extras,
        publish: Callable[[Identification], None],
        *,
        is_repeated: bool = False,
    ) -> None:
        super().__init__(SimReader(client, GENERIC_DIALECT))
        self.dialect: Dialect = GENERIC_DIALECT
        self._client = client
        self._extras = extras
        self._publish = publish
        self._is_repeated = is_repeated
        self._form = ""
        self._cgsn_is_plain = False
        self._is_cdma = False

    def run(self) -> Steps:
        """Read everything, in the order that allows the most to be published early."""
        begun_s = self._client.elapsed_s
        yield from self._read_modem()
        # From here on it may take long: some SIMs start slowly.
        yield from self._read_sim()
        if not self._is_repeated:
            yield from self._read_refused(begun_s)
        yield from self._prove()
        if self._extras.eid_by_apdu:
            yield from self.sim.read_eid_by_apdu()
        if self._extras.network:
            self.network = yield from read_network(
                self._client, self.sim.state, self.dialect.name, self._kind
            )

    def _read_modem(self) -> Steps:
        values = self.values
        yield from self._read("manufacturer")
        joined_imei = yield from self._read_joined()
        for field in ("model", "firmware"):
            yield from self._read(field)
        self.dialect = choose(
            values.get("manufacturer"), values.get("model"), values.get("firmware")
        )
        for field in ("manufacturer", "model", "firmware"):
            if field not in values:
                yield from self._read(field, beyond=GENERIC_DIALECT)
        if joined_imei is None or joined_imei != self._ladder("imei")[0]:
            values.pop("imei", None)
            yield from self._read("imei")
        for field in ("imeisv", "serial_number"):
            yield from self._read(field)
        yield from self._specify_model()
        yield from self._read_slots()

    def _read_sim(self) -> Steps:
        self.sim = sim = SimReader(
            self._client, self.dialect, self._kind, on_wait=lambda: self._publish(self)
        )
        yield from sim.read_all(imei=self.values.get("imei"))
        for field in NUMBERS:  # a SIM event or a busy SIM ends a reading early
            sim.states.setdefault(field, ReadState.TIMEOUT)
        imsi = sim.values.get("imsi")
        if imsi and not split_imsi(imsi).certain:
            yield from sim.read_mnc_length()

    def _read_refused(self, begun_s: float) -> Steps:
        """Read again what the modem refused while it may have been starting.

        :param begun_s: when the first command was sent
        """
        client, values = self._client, self.values
        wants = [
            field for field in ("manufacturer", "model", "firmware", "imei") if self.is_open(field)
        ]
        if not wants and not self.sim.is_refused:
            return
        ends_s = client.start_up.ends_s(client.elapsed_s, self.dialect.start_up_s)
        if ends_s <= begun_s:
            return
        if (left_s := ends_s - client.elapsed_s) > 0:
            yield from client.listen(left_s, left_s)
        for field in wants:
            yield from self._read(field)
        self.dialect = choose(
            values.get("manufacturer"), values.get("model"), values.get("firmware")
        )
        if (sim := self.sim).is_refused:
            try:
                yield from self._read_sim()
            except DeadlinePassed:
                self.sim = sim
                raise

    def mark_unread(self) -> None:
        """Mark the values that were not reached before the end."""
        for field in MODEM_FIELDS:
            self.states.setdefault(field, ReadState.TIMEOUT)
        for field in SIM_FIELDS:
            self.sim.states.setdefault(field, ReadState.TIMEOUT)

    @property
    def _kind(self) -> str:
        """Model and firmware, which the rows of a dialect match."""
        return f"{self.values.get('model', '')} {self.values.get('firmware', '')}"

    def _ladder(self, field: str) -> tuple[Attempt, ...]:
        return self.dialect.ladder(field, self._kind)

    def _read(self, field: str, *, beyond: Dialect | None = None) -> Steps:
        """Climb the ladder of one value, unless it is known.

        :param beyond: attempts of this dialect have been made already
        """
        if field in self.values:
            return
        ladder = self._ladder(field)
        if beyond is not None:
            done = {attempt.command for attempt in beyond.ladder(field)}
            ladder = tuple(attempt for attempt in ladder if attempt.command not in done)
        elif field in ("model", "firmware"):
            # A modem with a response to AT+GMI probably has one to AT+GMM.
            ladder = tuple(sorted(ladder, key=lambda each: _form_of(each.command) != self._form))
        elif field == "imeisv" and self._cgsn_is_plain:
            # A modem without AT+CGSN=1 has no AT+CGSN=2, unless its dialect has it.
            ladder = tuple(attempt for attempt in ladder if attempt not in IMEISV)
        before = self.states.get(field, ReadState.UNSUPPORTED)
        result = yield from climb(self._client, field, ladder, self._judge, before)
        self.store(field, result)
        self._note_form(field, result.attempt)
        if self._is_cdma and field == "imei":
            self.malformed.pop("imei", None)
            self.refusals.pop("imei", None)
            self.states["imei"] = ReadState.UNSUPPORTED

    def _judge(self, attempt: Attempt, found: Interpretation, response: Response) -> AttemptVerdict:
        """Ignore a block with another IMEI than this modem's; notice a CDMA device."""
        if attempt.parser in ("imei", "ati_imei"):
            if not found.certain:
                self._notice_cdma(response)
            if attempt.parser == "ati_imei" and has_empty_key(response.lines, "imei"):
                return AttemptVerdict(ReadState.FAILED)
        elif attempt.parser.startswith("ati_"):
            named, imei = read_block(response.lines).get("imei"), self.values.get("imei")
            if named is not None and imei is not None and named[:14] != imei[:14]:
                return IGNORED
        return accept_certain(attempt, found, response)

    def _read_joined(self) -> Generator[Step, Outcome, Attempt | None]:
        """Read model, firmware and IMEI in one line; return the attempt that read the IMEI."""
        if self._form != "+CG":
            return None
        dialect = choose(self.values.get("manufacturer"), None, None)
        results = yield from read_joined(self._client, dialect, self._kind, EQUIPMENT)
        for field, result in results.items():
            self.store(field, result)
            self._note_form(field, result.attempt)
        return results["imei"].attempt if results else None

    def _specify_model(self) -> Steps:
        """Take a longer form of the model's name from a cached response, as FM150-AE for FM150."""
        for attempt in self._ladder("model"):
            model = self.values.get("model")
            found = self._client.cached(attempt)
            if model and found.certain and _is_longer_name(found.values[0], model):
                self.values["model"] = found.values[0]
                yield from self._client.read("model", attempt._replace(only_if_cached=True))

    def _read_slots(self) -> Steps:
        """Read the slot in use and the number of slots, if the modem can have several."""
        if not self._ladder("slot"):
            return
        yield from self._read("slot")
        yield from self._read("slot_count")
        text = self.values.pop("slot", None)
        count = self.values.pop("slot_count", None)
        if text is not None:
            self.slots = slots_of(text, int(count or 0))

    def _note_form(self, field: str, attempt: Attempt | None) -> None:
        if attempt is None:
            return
        if field in ("manufacturer", "model"):
            self._form = _form_of(attempt.command)
        elif field == "imei":
            self._cgsn_is_plain = attempt.command != "AT+CGSN=1"

    def _notice_cdma(self, response: Response) -> None:
        """Keep the MEID of a CDMA device; an ESN or MEID must never pass for an IMEI."""
        block = read_block(response.lines) if response.line.upper() == "ATI" else {}
        lines = [f"{key}: {block[key]}" for key in ("meid", "esn") if key in block]
        if not block and response.ok:
            lines = list(response.lines)
        numbers = cdma_numbers(lines)
        self._is_cdma = self._is_cdma or numbers.is_cdma
        if numbers.meid is not None:
            self.values.setdefault("meid", numbers.meid)
            self.states["meid"] = ReadState.OK

    def _prove(self) -> Steps:
        """End with a command whose response carries its prefix.

        One late response may have shifted all bare responses of a port without echo; then this
        response is wrong too.
        """
        sync = self._client.sync
        if not sync.needs_proof:
            return
        for command, label in _PROOFS:
            response = yield from self._client.send(command, _PROOF_TIMEOUT_S)
            if any(label in line.upper().split(":")[0] for line in response.lines):
                sync.apply(SyncEvent.PROOF)
                return
            if response.timed_out:
                raise Desynchronized(command)
            if response.ok and response.lines:
                is_own = yield from self._client.repeats(response, _PROOF_TIMEOUT_S)
                if not is_own:
                    raise Desynchronized(command)


def _is_longer_name(name: str, model: str) -> bool:
    """Return True if a name is the model's with an ending.

    >>> _is_longer_name("FM150-AE", "FM150"), _is_longer_name("FM150 5G module", "FM150")
    (True, False)
    """
    return len(name) > len(model) and name.startswith(model) and " " not in name[len(model) :]


def _form_of(command: str) -> str:
    """Return the form of an identification command: ``+CG``, ``+CG?``, ``+G``, ``+G?``, other."""
    match = re.fullmatch(r"AT(\+C?G)M[IMR](\??)", command)
    return match[1] + match[2] if match else command
