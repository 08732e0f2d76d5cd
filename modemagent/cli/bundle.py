"""``diagnose --bundle``: everything that support needs, in one zip, with identifiers masked."""

from __future__ import annotations

import json
import os
import platform
import re
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modemagent import __version__
from modemagent.access.options import AccessOptions
from modemagent.access.target import scan_ports
from modemagent.channel.port_lock import find_holder
from modemagent.cli.list import list_document
from modemagent.cli.settings_text import settings_document
from modemagent.cli.wire_trace import BothTraces, WireTrace
from modemagent.diagnosis.facts import Facts, HostFacts
from modemagent.discovery.kernel_log import kernel_lines
from modemagent.errors import ModemAgentError, UsageError
from modemagent.logs import mask_fields
from modemagent.privacy.masking import mask, mask_text
from modemagent.settings.precedence import effective

_CONTENTS = "contents.txt"
_OS_RELEASE = Path("/etc/os-release")
_INTRODUCTION = """\
Diagnosis by modemagent. IMEI, ICCID, IMSI, EID and serial numbers are masked. Addresses, operators,
cells, access points and names of this machine are not: review the files before you publish them.
"""


class Bundle:
    """The zip of one call of ``diagnose``, and the trace in it.

    :raises UsageError: the file exists, or its directory does not
    """

    def __init__(self, file: Path, *, force: bool) -> None:
        self._file = file
        self._force = force
        self._trace: list[str] = []
        self._wire = WireTrace(self._trace.append)
        self._require_new()

    def traced(self, options: AccessOptions) -> AccessOptions:
        """Return options whose trace is kept for the bundle as well."""
        other = options.trace
        return options._replace(trace=BothTraces(other, self._wire) if other else self._wire)

    def write(
        self,
        *,
        facts: Sequence[Facts],
        host: HostFacts,
        document: Mapping[str, Any],
        text: str,
        options: AccessOptions,
    ) -> list[str]:
        """Write the bundle and return what was left out, with the reason.

        :param document: the diagnosis as JSON
        :param text: the diagnosis as text
        """
        self._wire.close()
        left_out: list[str] = []
        members: dict[str, str] = {"versions.json": _json(_versions())}

        def add(name: str, content: Callable[[], str]) -> None:
            try:
                members[name] = content()
            except (ModemAgentError, OSError) as error:
                left_out.append(f"{name}: {error}")

        add("list.json", lambda: _json(_ports(options.root)))
        members["diagnosis.json"] = _json(document)
        members["diagnosis.txt"] = _mask_lines(text)
        if self._trace:
            members["trace.txt"] = "\n".join(self._trace) + "\n"
        else:
            left_out.append("trace.txt: no port was opened")
        if host.status is None:
            left_out.append(f"status.json: {host.no_agent}")
        else:
            members["status.json"] = _json(host.status)
        add("settings.json", lambda: _json(settings_document(effective(options.agent.config))))
        log = kernel_lines([each.candidate for each in facts if each.candidate is not None])
        if log.error:
            left_out.append(f"kernel.txt: {log.error}. Run diagnose as root to include it")
        else:
            members["kernel.txt"] = (
                _mask_lines("\n".join(log.lines)) + "\n" if log.lines else "no line\n"
            )
        serials = _serial_numbers(facts, host)
        left_out = [mask_text(_masked(each, serials)) for each in left_out]
        listed = [*members, *(f"left out: {each}" for each in left_out)]
        members[_CONTENTS] = "\n".join((_INTRODUCTION, *listed, ""))
        self._write({name: _masked(each, serials) for name, each in members.items()})
        return left_out

    def _require_new(self) -> None:
        file = self._file
        if file.exists() and not self._force:
            raise UsageError(
                f"{file} exists", hint="Name another file, or overwrite it with --force."
            )
        if not file.parent.is_dir():
            raise UsageError(f"the directory {file.parent} does not exist", hint="Create it first.")

    def _write(self, members: Mapping[str, str]) -> None:
        """Write the zip as a whole; only its owner may read it."""
        self._require_new()
        file = self._file
        try:
            with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.") as out:
                with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
                    for name, content in members.items():
                        bundle.writestr(name, content)
                out.flush()
                if self._force:
                    file.unlink(missing_ok=True)
                os.link(out.name, file)  # fails if the file has appeared meanwhile
        except OSError as error:
            raise UsageError(
                f"the bundle {file} could not be written: {error.strerror}",
                hint="Name a file in another directory.",
            ) from error


def _ports(root: str) -> dict[str, object]:
    candidates = scan_ports(root)
    return list_document(candidates, {each.path: find_holder(each.path) for each in candidates})


def _versions() -> dict[str, object]:
    try:
        found = re.search(r'^PRETTY_NAME="?([^"\n]*)', _OS_RELEASE.read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return {
        "modemagent": __version__,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "system": found[1] if found else platform.system(),
    }


def _json(document: Mapping[str, Any]) -> str:
    """Return a document with identifiers masked value by value, so that it stays JSON."""
    return json.dumps(mask_fields(None, "", dict(document)), indent=1, default=str) + "\n"


def _serial_numbers(facts: Sequence[Facts], host: HostFacts) -> set[str]:
    """Return the serial numbers that were read: only their fields show what they are."""
    modems = [each.snapshot.modem.serial_number for each in facts if each.snapshot]
    status: Mapping[str, Any] = host.status or {}
    watched = [(each.get("modem") or {}).get("serial_number") for each in status.get("modems", ())]
    return {serial for serial in (*modems, *watched) if serial and len(serial) >= 4}


def _masked(text: str, serials: set[str]) -> str:
    for serial in serials:
        text = text.replace(serial, mask(serial))
    return text


def _mask_lines(text: str) -> str:
    """Return text with identifiers masked, line by line."""
    return "\n".join(mask_text(line) for line in text.split("\n"))
