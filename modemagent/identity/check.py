"""The verdict on one number, and the two ways to build it."""

from __future__ import annotations

from typing import NamedTuple

from modemagent.errors import IdentityError
from modemagent.identity.problems import CODES, Problem, problem


class CheckResult(NamedTuple):
    """What the rules say about one raw text.

    :param normalized: the identity key, None where the text is not valid
    :param codes: problem codes in the order of the checks; an error stands alone
    :param details: the parts of the number, JSON-ready
    """

    kind: str
    input: str
    valid: bool
    normalized: str | None
    codes: tuple[str, ...]
    details: dict[str, object]

    def to_json(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "input": self.input,
            "valid": self.valid,
            "normalized": self.normalized,
            "codes": list(self.codes),
            "details": self.details,
        }

    def problems(self) -> tuple[Problem, ...]:
        return tuple(problem(code, self.kind) for code in self.codes)

    def key(self) -> str:
        """Return the normalized value.

        :raises IdentityError: there is none; it carries the code, never the text
        """
        if self.normalized is None:
            code = self.codes[0]
            raise IdentityError(
                f"no usable {self.kind.upper()}: {CODES[code][1]}",
                problem=code,
                hint="compare with the label on the module or card",
            )
        return self.normalized


def refused(kind: str, text: str, name: str, **details: object) -> CheckResult:
    """Return the verdict of an error, which is the only code."""
    return CheckResult(kind, text, False, None, (f"{kind}.{name}",), details)


def accepted(
    kind: str, text: str, normalized: str, codes: list[str], details: dict[str, object]
) -> CheckResult:
    return CheckResult(kind, text, True, normalized, tuple(codes), details)
