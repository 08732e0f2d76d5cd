"""Forms as browsers send them: fields, ticked rows, and files."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from modemagent.registry.pages.page_errors import PageError

MOST_FORM_BYTES = 64 * 1024
MOST_FILE_BYTES = 8 * 1024 * 1024
_MOST_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Form:
    """What a form has sent.

    :param fields: values of each field, several of one that was ticked several times
    :param files: content of each file that was chosen
    """

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a field as it was typed, empty if it is missing; of several values the last."""
        return self.every(name)[-1] if self.every(name) else ""

    def every(self, name: str) -> Sequence[str]:
        """Return all values of a field."""
        return self.fields.get(name, ())


async def read_form(request: Request, most_bytes: int) -> Form:
    """Return the form in the body of a request.

    :raises PageError: it is too large, or cannot be read
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most_bytes:
            most = f"{most_bytes >> 20} MiB" if most_bytes >> 20 else f"{most_bytes >> 10} KiB"
            raise PageError(413, "Too much text", f"This form holds at most {most}.")
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await _multipart(request, bytes(body))
    try:
        fields = parse_qs(
            body.decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise _unreadable() from None
    return Form({name: [_clean(one) for one in values] for name, values in fields.items()})


async def _multipart(request: Request, body: bytes) -> Form:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        request.headers, stream(), max_files=1, max_fields=_MOST_FIELDS, max_part_size=len(body)
    )
    parser.spool_max_size = len(body) + 1  # a file stays in memory: it may hold identifiers
    fields: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    try:
        found = await parser.parse()
        for name, value in found.multi_items():
            if not isinstance(value, UploadFile):
                fields.setdefault(name, []).append(_clean(value))
            elif value.filename:
                files[name] = await value.read()
    except (MultiPartException, KeyError, UnicodeDecodeError):
        raise _unreadable() from None
    return Form(fields, files)


def _clean(text: str) -> str:
    return text.replace("\x00", "")


def _unreadable() -> PageError:
    return PageError(400, "Unreadable form", "The form is not text in UTF-8.")
