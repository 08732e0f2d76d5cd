"""An answer of a modem as it goes over the control socket, there and back.

The bytes stay with the daemon: what they say is in the lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from modemagent.at.steps import FinalKind, FinalResult, Response

JsonObject = dict[str, object]


def to_json(answer: Response) -> JsonObject:
    """Return an answer as an object."""
    final = answer.final
    return {
        "line": answer.line,
        "lines": list(answer.lines),
        "final": final and {"kind": final.kind, "code": final.code, "text": final.text},
        "echoed": answer.echoed,
        "foreign": list(answer.foreign),
        "elapsed_s": round(answer.elapsed_s, 4),
    }


def from_json(data: Mapping[str, Any]) -> Response:
    """Read what :func:`to_json` wrote.

    :raises ValueError: it is none
    """
    try:
        final = data["final"]
        return Response(
            line=str(data["line"]),
            lines=_texts(data["lines"]),
            final=FinalResult(_kind(final["kind"]), final["code"], str(final["text"]))
            if final
            else None,
            echoed=bool(data["echoed"]),
            foreign=_texts(data["foreign"]),
            elapsed_s=float(data["elapsed_s"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"no answer: {error!r}") from None


def _kind(word: object) -> FinalKind:
    if word not in get_args(FinalKind):
        raise ValueError(f"no kind of final result: {word!r}")
    return word  # type: ignore[return-value]  # it is one of them


def _texts(value: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(item) for item in value)
