"""Label printers, by their address in ``bench.toml``.

``tcp://HOST:PORT`` and ``/dev/usb/lp0``
    a ZPL printer, whose status is queried before and after each label
``cups:NAME``
    a queue of CUPS, which receives a PDF page
``command:PROGRAM ...``
    a program that receives ZPL on stdin, or a file in place of ``{png}``, ``{pdf}`` or ``{zpl}``
``file:DIRECTORY``
    a PNG file per label
``sheet:A4-3x8``
    a PDF file per page, in ``folder``, complete after each label

All calls block for at most :data:`DEADLINE_S`: call them in a thread. A problem of the printer is
a result, not an exception.
"""

from __future__ import annotations

import re
import shlex
import subprocess  # the programs are those of the settings
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from modemagent.errors import LabelError, SettingsError
from modemagent.labels import raster, sheets
from modemagent.labels.layout import LabelLayout, check, lay_out
from modemagent.labels.template import Template, parse, shipped, shipped_text
from modemagent.labels.zpl import zpl
from modemagent.provisioning.label_job import JobResult, LabelJob
from modemagent.provisioning.printer_status import PrinterState
from modemagent.provisioning.zpl_printer import (
    DEADLINE_S,
    ZplPrinter,
    problem_of,
    to_device,
    to_host,
)

#: Where printers of every make listen for raw data.
ZPL_PORT: Final = 9100
_HOST_PORT: Final = re.compile(
    r"//(?P<host>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.%]+\])(:(?P<port>[0-9]{1,5}))?"
)


class PrintingDevice(Protocol):
    """Where labels are printed; one at a time."""

    def print(self, layout: LabelLayout, name: str) -> JobResult:
        """Print one label.

        :param name: for files, such as ``label-0014-copy2``
        """

    def state(self) -> PrinterState | None:
        """Return the state, None if the device does not report one."""


class StationPrinter:
    """The printer of a station: jobs of the bench, laid out and printed."""

    def __init__(self, device: PrintingDevice, dpi: int) -> None:
        self._device = device
        self._dpi = dpi
        self._templates: dict[str, Template] = {}

    def prepare(self, name: str) -> None:
        """Load a template and check that its labels fit themselves, and the sheet.

        :raises LabelError: the template is wrong, or something does not fit
        """
        template = load_template(name)
        check(template, self._dpi)
        if isinstance(self._device, SheetPrinter):
            sheets.check_fit(template, self._device.sheet_name)
        self._templates[name] = template

    def check(self, job: LabelJob) -> None:
        """Check that a label can be printed with its values.

        :raises LabelError: its template is wrong, or its values do not fit
        """
        self._laid_out(job)

    def print(self, job: LabelJob) -> JobResult:
        """Print a label.

        :raises LabelError: its template is wrong, or its values do not fit
        """
        return self._device.print(self._laid_out(job), file_name(job.fields))

    def send(self, job: LabelJob) -> JobResult:
        """Print a label of the bench."""
        try:
            return self.print(job)
        except LabelError as error:
            self._templates.pop(job.template, None)  # it may be corrected before the next attempt
            return JobResult("refused", error.message)

    def _laid_out(self, job: LabelJob) -> LabelLayout:
        if job.template not in self._templates:
            self.prepare(job.template)
        return lay_out(self._templates[job.template], job.fields, self._dpi)

    def status(self) -> str:
        """Return what is wrong with the printer, "" if nothing is known to be."""
        state = self._device.state()
        return "" if state is None or not state.problems else str(state)


def file_name(fields: Mapping[str, str]) -> str:
    """Return the name of the file of a label; no number that identifies a module is in it.

    >>> file_name({"n": "14", "copy": "2"}), file_name({"imei": "867698040000013"})
    ('label-0014-copy2', 'label')
    """
    number, copy = (re.sub("[^0-9]", "", fields.get(key, "")) for key in ("n", "copy"))
    return "label" + (f"-{number:0>4}" if number else "") + (f"-copy{copy}" if copy else "")


def open_printer(address: str, *, dpi: int = 203, folder: Path = Path()) -> StationPrinter:
    """Return the printer of an address; nothing is sent to it.

    :param dpi: resolution of the printer
    :param folder: for the pages of a sheet
    :raises SettingsError: the address has an unknown form
    :raises LabelError: unknown sheet
    """
    return StationPrinter(open_device(address, folder=folder), dpi)


def open_device(address: str, *, folder: Path = Path()) -> PrintingDevice:
    """Return the device of an address.

    :raises SettingsError: the address is not one of the forms above
    """
    scheme, _, rest = address.partition(":")
    if scheme == "tcp" and (found := _HOST_PORT.fullmatch(rest)):
        port = int(found["port"] or ZPL_PORT)
        if 0 < port < 65536:
            return ZplPrinter(to_host(found["host"].strip("[]"), port))
    if address.startswith("/dev/"):
        return ZplPrinter(to_device(address))
    if scheme == "cups" and rest:
        return CommandPrinter(("lp", "-s", "-d", rest, "-t", "label", "{pdf}"))
    if scheme == "command" and (words := _words(rest)):
        return CommandPrinter(tuple(words))
    if scheme == "file" and rest:
        return FilePrinter(Path(rest))
    if scheme == "sheet" and rest:
        return SheetPrinter(rest, folder)
    raise SettingsError(
        f"unsupported address of a printer: {address!r}",
        hint="Write tcp://HOST:9100, /dev/usb/lp0, cups:NAME, command:PROGRAM, file:DIRECTORY or "
        f"sheet:{next(iter(sheets.SHEETS))}.",
    )


def shipped_templates() -> tuple[str, ...]:
    """Return the names of the templates that come with the program."""
    return shipped()


def load_template(name: str) -> Template:
    """Return a shipped template by its name, or one in a file by its path.

    :raises LabelError: unknown name, or a mistake in the file, with its line
    """
    if not name.endswith(".toml"):
        return parse(shipped_text(name), file=f"{name}.toml")
    try:
        text = Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise LabelError(f"{name} is not UTF-8 text", hint="Save it as UTF-8.") from None
    except OSError as error:
        raise LabelError(
            f"cannot read the label template {name}: {error.strerror}",
            hint="Give the path of a TOML file or the name of a shipped template.",
        ) from None
    return parse(text, file=name)


class CommandPrinter:
    """A program that receives a file or stdin."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words

    def state(self) -> PrinterState | None:
        return None

    def print(self, layout: LabelLayout, name: str) -> JobResult:
        try:
            with tempfile.TemporaryDirectory(prefix="modemagent-label-") as folder:
                words, has_file = self._with_files(layout, Path(folder, name))
                return _run(words, b"" if has_file else zpl(layout))
        except OSError as error:  # of the temporary file
            return JobResult("failed", problem_of(error))

    def _with_files(self, layout: LabelLayout, path: Path) -> tuple[list[str], bool]:
        """Return the words of the command, and True if a file is among them."""
        words, has_file = [], False
        for word in self._words:
            for kind, make in _FORMATS.items():
                if f"{{{kind}}}" in word:
                    file = path.with_name(f"{path.name}.{kind}")
                    file.write_bytes(make(layout))
                    word, has_file = word.replace(f"{{{kind}}}", str(file)), True
            words.append(word)
        return words, has_file


class FilePrinter:
    """A PNG file per label."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def state(self) -> PrinterState | None:
        return PrinterState()

    def print(self, layout: LabelLayout, name: str) -> JobResult:
        return _kept(self._folder / f"{name}.png", _png(layout))


class SheetPrinter:
    """A PDF file per page of labels; the file of the current page grows label by label."""

    def __init__(self, sheet_name: str, folder: Path) -> None:
        self.sheet_name = sheet_name
        self._sheet = sheets.sheet(sheet_name)
        self._folder = folder
        self._labels: list[raster.Raster] = []
        self._page: Path | None = None

    def state(self) -> PrinterState | None:
        return PrinterState()

    def print(self, layout: LabelLayout, name: str) -> JobResult:
        if self._page is None or len(self._labels) == self._sheet.places:
            self._page, self._labels = self._next_page(), []
        self._labels.append(raster.draw(layout))
        pages = list(sheets.pages(self._labels, self._sheet, layout.dpi))
        result = _kept(self._page, raster.pdf(pages, layout.dpi))
        if result.status == "failed":
            self._labels.pop()
        return result

    def _next_page(self) -> Path:
        number = 1
        while (path := self._folder / f"labels-{number:03d}.pdf").exists():
            number += 1
        return path


def _png(layout: LabelLayout) -> bytes:
    return raster.png(raster.draw(layout), layout.dpi)


def _pdf(layout: LabelLayout) -> bytes:
    return raster.pdf([raster.draw(layout)], layout.dpi)


_FORMATS: Final = {"png": _png, "pdf": _pdf, "zpl": zpl}


def _run(words: list[str], stdin: bytes) -> JobResult:
    """Run a program; what it printed on stderr is the problem."""
    try:
        ended = subprocess.run(  # noqa: S603 - no shell
            words, input=stdin, capture_output=True, timeout=DEADLINE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return JobResult("unconfirmed", f"{Path(words[0]).name}: no end"[:30])
    except OSError as error:
        return JobResult("failed", f"{Path(words[0]).name}: {error.strerror}"[:30])
    if ended.returncode == 0:
        return JobResult("unconfirmed")
    lines = ended.stderr.decode("utf-8", "replace").split("\n")
    text = "".join(filter(str.isprintable, lines[0])) or f"exit status {ended.returncode}"
    return JobResult("failed", text[:30])


def _kept(path: Path, data: bytes) -> JobResult:
    """Write a file that is complete or not there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.part")
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        return JobResult("failed", problem_of(error))
    return JobResult("printed", file=str(path))


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []
