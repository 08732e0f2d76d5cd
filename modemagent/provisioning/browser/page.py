"""HTML of the browser screen, in fragments that are replaced one by one.

Text of modules, orders and labels is escaped here. Numbers are masked in the view already.
"""

from __future__ import annotations

from html import escape
from typing import Final

from modemagent.provisioning.attempt import BayState, BayView
from modemagent.provisioning.browser.forms import forms
from modemagent.provisioning.line import LineView, OrderCounts, StationView
from modemagent.provisioning.screen.theme import TONES, Tone
from modemagent.provisioning.screen.tiles import TIMED, explanation, ladder

_HEAD: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<link rel="icon" href="data:,"><link rel="stylesheet" href="screen.css">'
)
#: Longest text of the steps on a tile.
_LADDER: Final = 60
#: Shape of a tone beside its word, for those who do not see its colour: paths in a square of 24.
_SHAPES: Final = {
    Tone.GOOD: "M3 13 L9 19 L21 5",
    Tone.WAIVED: "M3 14 C6 6 10 8 12 12 C14 16 18 18 21 10",
    Tone.BAD: "M4 4 L20 20 M20 4 L4 20",
    Tone.HELD: "M8 4 V20 M16 4 V20",
    Tone.PERSON: "M4 4 V20 M9 4 V20 M12 4 V20 M16 4 V20 M20 4 V20",
    Tone.DONE: "M4 12 H20",
}
_WORDS: Final = {BayState.SCANNING: "SCAN", BayState.VERIFYING: "SCAN"}


def page(view: LineView, version: str, *, is_part: bool = False) -> str:
    """Return the whole page; without script it shows its parts in a frame that is loaded again.

    :param version: of the program and the layout; a page with another one is loaded again
    :param is_part: return what the frame shows: no forms, so that nothing that is typed is lost
    """
    parts = fragments(view)
    tiles = "".join(parts[_tile_id(n)] for n in range(len(view.bays)))
    columns = max(1, min(view.columns, len(view.bays) or 1, 12))
    rows = max(1, min(-(-len(view.bays) // columns), 12))
    layout = f"columns-{columns} rows-{rows}"
    shown = f"{parts['head']}<main>{tiles}</main>{parts['needs']}{parts['foot']}"
    entry = forms(needs_second=view.order.needs_second)
    if is_part:
        refresh = '<meta http-equiv="refresh" content="2">'
        return (
            f'{_HEAD}{parts["title"]}{refresh}</head><body class="{layout} part">'
            f"{shown}</body></html>"
        )
    return (
        f"{_HEAD}{parts['title']}"
        '<noscript><link rel="stylesheet" href="plain.css"></noscript>'
        '<script src="screen.js" defer></script></head>'
        f'<body data-version="{escape(version)}" class="{layout}">{shown}{entry}'
        '<noscript><iframe src="view" title="Bays"></iframe></noscript>'
        '<div id="lost" role="alert" hidden><strong>NO CONNECTION</strong>'
        "<p>This page is not up to date: the bench has ended, or the network is interrupted.</p>"
        "</div></body></html>"
    )


def sign_in_page(message: str) -> str:
    """Return the page that requests the token of the screen."""
    return (
        f"{_HEAD}<title>bench: sign in</title></head><body>"
        '<form method="post" action="sign-in"><label for="token">Token of this screen</label>'
        '<input id="token" name="token" type="password" autocomplete="off" required autofocus>'
        f"<p>{escape(message)}</p><button>Show the bench</button></form></body></html>"
    )


def answer_page(message: str) -> str:
    """Return the page that states why a form was refused, for browsers without script."""
    return (
        f"{_HEAD}<title>bench: not done</title></head><body>"
        f'<form method="get" action="/"><p>Not done: {escape(message)}</p>'
        "<button autofocus>Back to the bench</button></form></body></html>"
    )


def fragments(view: LineView) -> dict[str, str]:
    """Return the parts of the page that change, by the id of their element."""
    return {
        "title": _title(view.order),
        "head": _head(view.order, view.station),
        **{_tile_id(n): _tile(n, bay, view.now) for n, bay in enumerate(view.bays)},
        "needs": _needs(view),
        "foot": _foot(view),
    }


def _tile_id(n: int) -> str:
    return f"bay-{n}"


def _title(order: OrderCounts) -> str:
    return f'<title id="title">{escape(order.name)}: {order.failed} failed</title>'


def _head(order: OrderCounts, station: StationView) -> str:
    size = f" x {order.size}" if order.size is not None else ""
    counts = [("pass", "PASS", order.passed), ("waived", "WAIVED", order.waived),
              ("fail", "FAIL", order.failed)]  # fmt: skip
    left = f"<span>left {order.left}</span>" if order.left is not None else ""
    rate = f"<span>{order.per_hour:.0f}/h</span>"
    first = (
        f"<span>first pass {order.first_pass * 100:.0f} %</span>"
        if order.first_pass is not None
        else ""
    )
    figures = "".join(f'<span class="{name}">{word} {n}</span>' for name, word, n in counts)
    checked = f"checked {station.checked}" if station.checked else ""
    queued = f", {station.queued} wait" if station.queued else ""
    state = [station.name, checked, station.person or "no operator",
             station.lead and f"lead {station.lead}",
             "" if station.printer == "none" else f"printer {station.printer}"]  # fmt: skip
    words = "".join(f"<span>{escape(each)}</span>" for each in state if each)
    stale = ' class="stale"' if station.is_export_stale else ""
    words += f"<span{stale}>{escape(f'registry {station.registry}{queued}')}</span>"
    if station.url:
        words += f'<a href="{escape(station.url)}" target="_blank" rel="noopener">registry</a>'
    name = escape(f"{order.name}  {order.model}{size}")
    return (
        f'<header id="head"><p class="order"><b>{name}</b>{figures}{left}{rate}{first}</p>'
        f'<p class="station">{words}</p></header>'
    )


def _tile(n: int, bay: BayView, now: float) -> str:
    tone = TONES[bay.state]
    word = _WORDS.get(bay.state) or (str(bay.state).upper() if tone in _SHAPES else str(bay.state))
    seconds = f"{max(0, int(now - bay.since))} s" if bay.state in TIMED else ""
    prompt = f'<p class="prompt">{escape(bay.prompt)}</p>' if bay.prompt else ""
    side = "".join(f"<li>{escape(each)}</li>" for each in (bay.model, bay.imei, seconds) if each)
    size = "short" if len(word) <= 4 else "middle" if len(word) <= 7 else "long"
    return (
        f'<section id="{_tile_id(n)}" class="{tone} {size}">'
        f"<h2>{escape(bay.number)} {_shape(tone)}</h2><ul>{side}</ul>"
        f'<p class="word">{escape(word)}</p>{prompt}<p class="why">{escape(explanation(bay))}</p>'
        f'<p class="steps">{escape(ladder(bay.steps, _LADDER))}</p></section>'
    )


def _shape(tone: Tone) -> str:
    path = _SHAPES.get(tone)
    if path is None:
        return ""
    return f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{path}"/></svg>'


def _needs(view: LineView) -> str:
    items = "".join(
        f"<li><b>{escape(' + '.join(need.bays) or 'station')}</b> {escape(need.text)}</li>"
        for need in view.needs
    )
    content = f"<ol>{items}</ol>" if items else "<p>nothing</p>"
    return f'<aside id="needs"><h2>NEEDS YOU</h2>{content}</aside>'


def _foot(view: LineView) -> str:
    last = view.last_scan
    scan = ""
    if last is not None:
        text = f"{last.at} {last.source} {last.text}{f': {last.result}' if last.result else ''}"
        refused = ' class="refused"' if last.is_refused else ""
        scan = f"<p{refused}>{escape(text)}</p>"
    failures = "  ".join(f"{name} {count}" for name, count in view.order.failures[:4])
    message = view.message or (f"failures: {failures}" if failures else "")
    hint = f"scan: {view.hint}" if view.hint else ""
    return (
        f'<footer id="foot"><p class="hint">{escape(hint)}</p>{scan}'
        f'<p class="message">{escape(message)}</p></footer>'
    )
