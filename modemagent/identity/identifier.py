"""Base class of the typed identifiers, and the result of checking a text against the rules.

Each kind of number is a class with the same verbs:

* ``check(text)`` judges a response or a typed-in number and returns a :class:`CheckResult`;
* ``parse(text)`` returns the typed value or raises :class:`~modemagent.errors.IdentityError`;
* ``from_normalized(text)`` restores a value from JSON that the product wrote itself;
* ``str(value)`` is the normalized form, ``value.grouped()`` the form printed on labels.

A value is an immutable string, so it is hashable, sortable and serialized to JSON as it is.
``==`` compares the digits; the comparison that the identity rules define for a kind is a method
of its own, as :meth:`modemagent.identity.iccid.Iccid.same_sim`.
"""

from typing import ClassVar, Generic, NamedTuple, Self, TypeVar

from modemagent.errors import IdentityError
from modemagent.identity.cleaning import DIGITS, clean, is_filler
from modemagent.identity.problems import CODES, Problem, problem

T = TypeVar("T", bound=str)


class CheckResult(NamedTuple, Generic[T]):
    """Verdict of the identity rules on one text.

    :param normalized: the identity key, None if the text is not valid
    :param codes: problem codes in the order of the checks; an error is the only code
    :param details: the parts of the number, ready for JSON
    """

    kind: str
    input: str
    valid: bool
    normalized: T | None
    codes: tuple[str, ...]
    details: dict[str, object]

    def to_json(self) -> dict[str, object]:
        return {**self._asdict(), "codes": list(self.codes)}

    def problems(self) -> tuple[Problem, ...]:
        """Return the findings, each about the field of this kind."""
        return tuple(problem(code, self.kind) for code in self.codes)


class Rejected(Exception):
    """The text is not valid: name of the error code without its kind, and the details."""

    def __init__(self, name: str, **details: object) -> None:
        super().__init__(name)
        self.name = name
        self.details = details


class Identifier(str):
    """A normalized identifier.

    The constructor takes a text that is normalized already; use :meth:`parse` for all other text.
    """

    __slots__ = ()
    kind: ClassVar[str]
    #: Length of a field that can hold the value, see :func:`modemagent.identity.cleaning.clean`.
    minimum: ClassVar[int] = 6
    #: Lengths and characters of the normalized form.
    lengths: ClassVar[range]
    alphabet: ClassVar[frozenset[str]] = DIGITS
    #: Widths of the printed groups, the last one repeated, and the character between them.
    groups: ClassVar[tuple[int, ...]] = (4,)
    separator: ClassVar[str] = " "

    @classmethod
    def check(cls, text: str) -> CheckResult[Self]:
        """Judge a response to an identity command, or a number as typed or scanned."""
        digits = cls._unwrap(clean(text, minimum=cls.minimum) or "")
        codes: list[str] = []
        details: dict[str, object] = {}
        try:
            if not digits:
                raise Rejected("missing")
            if is_filler(digits):
                raise Rejected("placeholder")
            value = cls(cls._judge(digits, codes, details))
        except Rejected as error:
            code = f"{cls.kind}.{error.name}"
            return CheckResult(cls.kind, text, False, None, (code,), error.details)
        return CheckResult(cls.kind, text, True, value, tuple(codes), details)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the identifier in a text.

        :raises IdentityError: the text is not valid; the error carries the code, not the text
        """
        result = cls.check(text)
        if result.normalized is None:
            code = result.codes[0]
            raise IdentityError(
                f"not a usable {cls.kind.upper()}: {CODES[code][1]}",
                problem=code,
                hint="Compare with the label on the module or the SIM card.",
            )
        return result.normalized

    @classmethod
    def from_normalized(cls, text: str) -> Self:
        """Return the identifier whose normalized form is ``text``.

        :raises ValueError: wrong length, or a character that the normalized form does not have
        """
        if len(text) not in cls.lengths or not cls.alphabet.issuperset(text):
            raise ValueError(f"must be a normalized {cls.kind.upper()}")
        return cls(text)

    def grouped(self) -> str:
        """Return the number in groups, as printed on labels."""
        widths, parts, at = self.groups, list[str](), 0
        while at < len(self):
            width = widths[min(len(parts), len(widths) - 1)]
            parts.append(self[at : at + width])
            at += width
        return self.separator.join(parts)

    @classmethod
    def _unwrap(cls, digits: str) -> str:
        """Remove what surrounds the number in the cleaned text."""
        return digits

    @classmethod
    def _judge(cls, digits: str, codes: list[str], details: dict[str, object]) -> str:
        """Return the normalized form of a cleaned text; collect its codes and details.

        :raises Rejected: the text is not valid
        """
        raise NotImplementedError
