"""A line with every state of a bay, for frames."""

from __future__ import annotations

from modemagent.provisioning.attempt import (
    BayState,
    BayView,
    Blame,
    RunVerdict,
    StepState,
    StepView,
)
from modemagent.provisioning.line import LineView, NeedView, OrderCounts, ScanView, StationView

_TITLES = ("id", "sim", "model", "fw", "scan", "unique", "reg", "label")


def steps(done: int, *, failed: bool = False, running: bool = False) -> tuple[StepView, ...]:
    """Return a ladder of which ``done`` steps passed; the next one failed or is running."""
    states = [StepState.PASSED] * done
    if failed:
        states += [StepState.FAILED] + [StepState.SKIPPED] * 8
    elif running:
        states += [StepState.RUNNING]
    states += [StepState.PENDING] * 8
    return tuple(
        StepView(title, title, state) for title, state in zip(_TITLES, states, strict=False)
    )


def bay(n: int, state: BayState, *, reason: str = "", **more: object) -> BayView:
    ended = {"pass": 8, "fail": 3, "waived": 8}.get(str(state), 4)
    ladder = steps(ended, failed=state == "fail", running=state in ("checking", "printing"))
    base = BayView(
        f"{n:02}", state, 100.0 - n, manufacturer="Quectel", model="EG25-G",
        firmware="EG25GGBR07A08M2G", imei=f"..0{n:02} 01{n % 10}", iccid=f"..0{n:02} 00{n % 10}",
        sim="ready", reason=reason, steps=ladder, run=n,
    )  # fmt: skip
    return base._replace(**more)  # type: ignore[arg-type]


BAYS = (
    bay(1, BayState.PASS, label="label 01 printed"),
    bay(2, BayState.PASS, label="label 02 printed", verdict=RunVerdict.PASS),
    bay(3, BayState.FAIL, reason="wants BR07A08*: has BR07A05", needs_person=True),
    bay(4, BayState.READING, reason="SIM starts", iccid="", sim="busy"),
    bay(5, BayState.FAIL, reason="same IMEI as bay 09", needs_person=True, others=("09",)),
    bay(6, BayState.SCANNING, reason="label not scanned", prompt="bay, then label",
        needs_person=True),
    bay(7, BayState.HOLD, reason="printer: no paper", blame=Blame.STATION, needs_person=True),
    BayView("08", BayState.BOOTING, 93.0, device="2c7c:0125", reason="no AT port yet"),
    bay(9, BayState.FAIL, reason="same IMEI as bay 05", needs_person=True, others=("05",)),
    bay(10, BayState.WAIVED, reason="SIM waived by LEAD2"),
    bay(11, BayState.DONE, reason="passed at 09:12"),
    BayView("12"),
    bay(13, BayState.CHECKING),
    bay(14, BayState.PRINTING, reason="label 14"),
    BayView("15", BayState.HOLD, 10.0, reason="USB controller is full", needs_person=True),
    bay(16, BayState.ABORTED, reason="pulled before the verdict"),
)  # fmt: skip
VIEW = LineView(
    now=100.0,
    revision=1,
    order=OrderCounts("4711", "EG25-G", "L-2231", 48, 19, 1, 4, 24, 412.0, 0.79,
                      (("unique", 2), ("firmware", 1), ("label", 1))),
    station=StationView("B2", "07:58", "ANNA", registry="ok", printer="no paper"),
    bays=BAYS,
    needs=(
        NeedView(("05", "09"), "two modules have the IMEI ..040 019. Take both out, red tray. "
                 "Second such pair in lot L-2231: call a lead, F6 shows the failures.", Blame.UNIT),
        NeedView(("07",), "printer Z1 has no paper. Load labels; label 07 then prints by itself.",
                 Blame.STATION),
        NeedView(("15",), "USB controller 0000:00:14.0 is full (kernel: no host resources). Move "
                 "hub B to the second controller. The unit is not at fault.", Blame.STATION),
        NeedView(("03",), "firmware: wants BR07A08*, has BR07A05. Red tray.", Blame.UNIT),
    ),
    last_scan=ScanView("09:41:07", "scanner 1", "..050 018", "bay 06"),
    hint="bay 06, then its label",
)  # fmt: skip
