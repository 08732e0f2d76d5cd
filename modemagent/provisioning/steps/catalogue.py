"""The steps in their order, each with blame, remedy and who may waive it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from modemagent.provisioning import tray
from modemagent.provisioning.attempt import Blame
from modemagent.provisioning.bay_run import BayRun, StepResult
from modemagent.provisioning.steps import label, module, sim_card
from modemagent.provisioning.steps.context import StepContext


class BenchStep(NamedTuple):
    """One step.

    :param title: for the ladder, at most 8 characters
    :param check: compares the unit; None for the steps that act: register and print
    :param waived_by: least role that may waive a failure; "" for none
    """

    name: str
    title: str
    check: Callable[[BayRun, StepContext], StepResult] | None
    blame: Blame
    waived_by: str
    remedy: str


_RED = "Put it into the red tray"
STEPS: Final = (
    BenchStep("answers", "at", module.answers, Blame.UNIT, "",
              "Put it into its socket again, try another bay, then a golden unit."),
    BenchStep("identity", "id", module.identity, Blame.UNIT, "",
              f"{_RED}: the supplier has to explain its numbers."),
    BenchStep("identity_hints", "hints", module.identity_hints, Blame.UNIT, "lead",
              "A lead decides whether these numbers are acceptable."),
    BenchStep("model", "model", module.model, Blame.UNIT, "engineer",
              f"{_RED}: it is not the ordered model."),
    BenchStep("firmware", "fw", module.firmware, Blame.UNIT, "engineer",
              f"{_RED}: its maker's tool has to change the firmware."),
    BenchStep("tac", "tac", module.tac, Blame.UNIT, "engineer",
              f"{_RED}: wrong module, rebadged, or the list of TACs is out of date."),
    BenchStep("sim", "sim", sim_card.sim, Blame.UNIT, "lead",
              "Insert the SIM card again; then try another one."),
    BenchStep("pairing", "pair", sim_card.pairing, Blame.OPERATOR, "",
              "Swap the SIM cards back."),
    BenchStep("ordered", "order", tray.ordered, Blame.ORDER, "",
              "Put it into the tray for other orders and inform a lead."),
    BenchStep("unique", "unique", tray.unique, Blame.UNIT, "engineer",
              f"{_RED} and inform a lead: two modules must not have one IMEI."),
    BenchStep("label", "label", label.label, Blame.UNIT, "",
              f"{_RED} and inform a lead, who has both numbers."),
    BenchStep("register", "reg", None, Blame.STATION, "lead",
              "Check token, clock and network."),
    BenchStep("print", "print", None, Blame.STATION, "lead",
              "Check paper, ribbon, head and cover; the label then prints by itself."),
    BenchStep("label_back", "back", label.label_back, Blame.OPERATOR, "lead",
              "Take the label off and scan the right one."),
)  # fmt: skip
BY_NAME: Final = {step.name: step for step in STEPS}
#: The steps that only compare, before anything that costs.
CHECKS: Final = STEPS[:11]
