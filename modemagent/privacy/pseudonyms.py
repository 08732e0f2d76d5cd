"""Replacement of personal numbers by synthetic ones, consistently within one recording.

The properties that matter for support stay: the TAC and whether the check digit fits, the issuer
of a SIM, the length, filler and hexadecimal digits of its ICCID, the network of an IMSI. A
pseudonym is the first number for which the identity rules give the same codes as for the original.
Published test numbers and placeholders identify no person and are not replaced.

>>> pseudonyms = Pseudonyms([("AT+CGSN", "867698041357925")])
>>> pseudonyms.rewrite("+CGSN: 867698041357925, 8676980413579278 and 68678940317529F5")
'+CGSN: 867698040000013, 8676980400000178 and 68678940000010F3'
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from modemagent.identity.check import validate
from modemagent.identity.cleaning import swap_nibbles
from modemagent.identity.imei import is_placeholder
from modemagent.identity.problems import KINDS
from modemagent.privacy.detection import DetectedNumber, detect
from modemagent.privacy.locations import LocationMap
from modemagent.privacy.synthetic import checked_like, kept, lookalike

_CANDIDATES_MAX = 5000
_TAIL_MIN = 7  # digits of the end of a number that are replaced on their own
_PROOF_MIN = 10  # digits whose presence proves that an original is left
_PUBLISHED = (".placeholder", ".test_value", ".test_profile")
#: Between two digits of one number: separators, or another line in the middle of the number.
_GAP = r"(?:[-/._: \t]{0,2}|[ \t]*[\r\n]+(?:[^\r\n]{1,120}[\r\n]+)?)"
#: The name of an own number is often the name of the subscriber.
_OWNER = re.compile(r'(\+CNUM ?: ?")([^"\r\n]*)(?=")', re.IGNORECASE)
_TOKEN = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{7,}(?![0-9A-Za-z])")

Answers = Iterable[tuple[str, str]]


class Pseudonyms:
    """The numbers of one modem and its SIMs, and their pseudonyms.

    :param answers: command line and text of every response; the pseudonyms depend on their order,
        so all responses are needed before the first one is rewritten
    :param like: responses rewritten earlier: a number read with the same command gets the same
        pseudonym again if it fits, and no other number gets it
    :ivar given: pseudonyms by original number
    """

    def __init__(self, answers: Answers, *, like: Answers = ()) -> None:
        answers, like = list(answers), list(like)
        sightings = [(line, seen) for line, text in answers for seen in detect(line, text)]
        earlier = [(line, seen) for line, text in like for seen in detect(line, text)]
        self.given: dict[DetectedNumber, str] = {}
        self._originals = {_core(seen) for _, seen in sightings}
        self._taken = {_core(seen) for _, seen in earlier}
        self._imeis: dict[str, set[str]] = {}
        for _, seen in sightings:
            if seen.kind == "imei" and len(seen.value) == 15:
                self._imeis.setdefault(seen.value[:14], set()).add(seen.value)
        for line, seen in sorted(sightings, key=lambda each: len(each[1].value)):
            core = DetectedNumber(seen.kind, _core(seen))
            if core not in self.given and not _is_published(seen):
                before = [
                    _core(old) for sent, old in earlier if (sent, old.kind) == (line, seen.kind)
                ]
                self.given[core] = self._pseudonym(core, before)
        self._places = LocationMap(answers, like=like)
        self._rules = list(self._make_rules())

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of different originals that were replaced, by kind."""
        return Counter([seen.kind for seen in self.given] + ["location"] * len(self._places))

    def rewrite(self, text: str) -> str:
        """Return a text with every original replaced, in all forms of the number."""
        text = self._places.rewrite(text)
        text = _OWNER.sub(lambda line: line[1] + "x" * len(line[2]), text)
        # pieces at odd positions are pseudonyms, which must not be replaced again
        pieces = [text]
        for pattern, new in self._rules:
            fresh: list[str] = []
            for place, piece in enumerate(pieces):
                fresh += [piece] if place % 2 else _replaced(piece, pattern, new)
            pieces = fresh
        pieces[::2] = [_TOKEN.sub(self._tail, piece) for piece in pieces[::2]]
        return "".join(pieces)

    def survivors(self, text: str) -> set[str]:
        """Return the kinds of the originals that a text still contains.

        Short numbers are ignored: any long number may contain one by chance. So are numbers that a
        pseudonym contains: the first groups of an EID are in every EID of the issuer.
        """
        bare = re.sub(r"[-/._: \t\r\n]", "", text).upper()
        return {
            seen.kind
            for seen, new in self.given.items()
            for form in _FORMS
            if len(seen.value) >= _PROOF_MIN
            and not any(seen.value in pseudonym for pseudonym in self.given.values())
            and "?" not in form(seen.value)
            and form(seen.value).upper() in bare
        }

    def _tail(self, match: re.Match[str]) -> str:
        """Replace the end of a number that appears without the rest."""
        token = match[0].upper().rstrip("F")
        for seen, new in self.given.items():
            for whole, other in (*self._whole(seen, new), (seen.value, new)):
                if len(token) >= _TAIL_MIN and whole.endswith(token):
                    return other[len(other) - len(token) :] + match[0][len(token) :]
        return match[0]

    # -- choosing

    def _pseudonym(self, seen: DetectedNumber, before: list[str]) -> str:
        front = kept(*seen)
        for known in before:
            alike = len(known) == len(seen.value) and known[:front] == seen.value[:front]
            if alike and known != seen.value and self._judged_alike(seen, known):
                return known
        for number in range(1, _CANDIDATES_MAX):
            new = self._candidate(seen, number)
            if new in self._taken or new in self._originals or new == seen.value:
                continue
            if self._judged_alike(seen, new):
                self._taken.add(new)
                return new
        self._taken.add(new)
        return new

    def _candidate(self, seen: DetectedNumber, number: int) -> str:
        kind, value = seen
        for shorter, new in self.given.items():
            # the same SIM with and without the last digit
            if shorter.kind == kind == "iccid" and value.startswith(shorter.value):
                return lookalike(kind, value, number - 1, front=new)
        return lookalike(kind, value, number)

    def _judged_alike(self, seen: DetectedNumber, new: str) -> bool:
        if seen.kind == "imei":
            old_codes = [_codes("imei", whole) for whole in (seen.value, *self._shown(seen.value))]
            shown = [checked_like(whole, new) for whole in self._shown(seen.value)]
            return old_codes == [_codes("imei", whole) for whole in (new, *shown)]
        return seen.kind not in KINDS or _codes(seen.kind, seen.value) == _codes(seen.kind, new)

    def _shown(self, fourteen: str) -> list[str]:
        return sorted(self._imeis.get(fourteen, ()))

    # -- replacing

    def _whole(self, seen: DetectedNumber, new: str) -> Iterator[tuple[str, str]]:
        """Yield the forms of a number that have other digits than the number itself."""
        if seen.kind == "imei":
            for shown in self._shown(seen.value):
                yield shown, checked_like(shown, new)
        elif seen.kind == "meid":
            yield _in_decimal(seen.value, 8, 10, 8), _in_decimal(new, 8, 10, 8)
        elif seen.kind == "esn":
            yield _in_decimal(seen.value, 2, 3, 8), _in_decimal(new, 2, 3, 8)

    def _make_rules(self) -> Iterator[tuple[re.Pattern[str], str]]:
        spelled = [
            (form(old), form(other), form in _WITH_GAPS)
            for seen, new in self.given.items()
            for old, other in (*self._whole(seen, new), (seen.value, new))
            for form in (_FORMS if old.isalnum() and seen.kind in _NUMBERS else (str,))
        ]
        for old, new, gaps in sorted(spelled, key=lambda each: -len(each[0])):
            parts = [f"([{'0-9A-F' if c == '?' else re.escape(c)}])" for c in old]
            yield re.compile((_GAP if gaps else "").join(parts), re.IGNORECASE), new


def _replaced(text: str, pattern: re.Pattern[str], new: str) -> list[str]:
    """Return a text in pieces, by turns unchanged and replaced."""
    pieces, at = [], 0
    for match in pattern.finditer(text):
        lower = any("a" <= char <= "f" for group in match.groups() for char in group)
        out, end = "", match.start()
        for number, char in enumerate(new, 1):
            out += text[end : match.start(number)]
            out += match[number] if char == "?" else char.lower() if lower else char
            end = match.end(number)
        pieces += [text[at : match.start()], out]
        at = match.end()
    return [*pieces, text[at:]]


# -- forms of a number


def _swapped(value: str) -> str:
    """Return the form stored on a SIM: nibbles swapped, filled with F."""
    return swap_nibbles(value + "F" * (len(value) % 2))


def _swapped_after_a_nibble(value: str) -> str:
    """Return the form of EF_IMSI and mobile identities: parity or type in the first nibble."""
    return _swapped("?" + value)


def _as_characters(value: str) -> str:
    return value.encode().hex().upper()


def _as_ucs2(value: str) -> str:
    return value.encode("utf-16-be").hex().upper()


_FORMS: tuple[Callable[[str], str], ...] = (
    str,
    _swapped,
    _swapped_after_a_nibble,
    _as_characters,
    _as_ucs2,
)
#: Forms that may have separators between their digits.
_WITH_GAPS = (str, _swapped, _swapped_after_a_nibble)
_NUMBERS = frozenset(("imei", "imsi", "iccid", "eid", "meid", "phone_number", "number"))


def _in_decimal(digits: str, cut: int, front: int, back: int) -> str:
    return f"{int(digits[:cut], 16):0{front}d}{int(digits[cut:], 16):0{back}d}"


def _core(seen: DetectedNumber) -> str:
    return seen.value[:14] if seen.kind == "imei" else seen.value


def _codes(kind: str, value: str) -> tuple[str, ...]:
    return validate(kind, value).codes


def _is_published(seen: DetectedNumber) -> bool:
    if seen.kind == "imei":
        return is_placeholder(seen.value)
    if seen.kind in KINDS:
        return any(code.endswith(_PUBLISHED) for code in _codes(seen.kind, seen.value))
    return len(set(seen.value)) == 1
