"""Webhooks: does each message arrive, and what was given up?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modemagent.registry.calls.webhooks import WebhookCalls
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import MESSAGE_STATES, WEBHOOK_STATES, Word

_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRow:
    """A webhook, and how many messages are in each state."""

    key: str
    name: str
    url: str
    state: Word
    reason: str
    failing: ShownTime | None
    delivered_at: ShownTime | None
    waiting: int
    delivered: int
    dead: int
    about: str
    actor: str


@dataclass(frozen=True, slots=True)
class WebhooksPage:
    """All webhooks."""

    rows: list[WebhookRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A message to a webhook.

    :param answer: status or error of the last attempt
    :param when: next attempt, or the end
    """

    key: str
    type: str
    state: Word
    attempts: int
    answer: str
    created: ShownTime | None
    when: ShownTime | None
    can_repeat: bool


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook with its messages, newest first."""

    row: WebhookRow
    messages: list[MessageRow]
    state: str
    older: str | None


def show_all(ask: Ask) -> Answer:
    """Return the list of webhooks."""
    found = WebhookCalls(ask.state.database, ask.who.actor).webhooks()
    return Page("webhooks.html", WebhooksPage([_row(one, ask) for one in found["webhooks"]]))


def show(ask: Ask) -> Answer:
    """Return the page of a webhook."""
    key, calls = ask.key("W", "webhook"), WebhookCalls(ask.state.database, ask.who.actor)
    state = ask.query("state") if ask.query("state") in MESSAGE_STATES else ""
    webhook = calls.webhook(key)
    page = calls.messages(key, _ROWS, ask.query("after") or None, state or None)
    if webhook is None or page is None:
        raise not_found("webhook")
    base = f"/admin/webhooks/W{key}?" + (f"state={state}&" if state else "")
    older = f"{base}after={page['next']}" if page["next"] else None
    rows = [_message(one, ask) for one in page["messages"]]
    return Page("webhook.html", WebhookView(_row(webhook, ask), rows, state, older))


def send_test(ask: Ask) -> Answer:
    """Send a test message."""
    key = ask.key("W", "webhook")
    if WebhookCalls(ask.state.database, ask.who.actor).test(key) is None:
        raise not_found("webhook")
    return SeeOther(f"/admin/webhooks/W{key}")


def send_again(ask: Ask) -> Answer:
    """Send a message again."""
    key, message = ask.key("W", "webhook"), ask.number("message")
    calls = WebhookCalls(ask.state.database, ask.who.actor)
    if message is None or not calls.send_again(key, str(message)):
        raise not_found("message")
    return SeeOther(f"/admin/webhooks/W{key}#m{message}")


def _row(one: dict[str, Any], ask: Ask) -> WebhookRow:
    counts = one["messages"]
    return WebhookRow(
        key=one["id"],
        name=ask.who.text(one["name"]),
        url=ask.who.text(one["url"]),
        state=WEBHOOK_STATES["failing" if one["failing_since"] else one["state"]],
        reason=ask.who.text(one["reason"] or ""),
        failing=moment(one["failing_since"], ask.now),
        delivered_at=moment(one["last_delivered_at"], ask.now),
        waiting=counts["waiting"],
        delivered=counts["delivered"],
        dead=counts["dead"],
        about="everything" if "*" in one["types"] else ", ".join(one["types"]),
        actor=actor_text(one["created_by"]),
    )


def _message(one: dict[str, Any], ask: Ask) -> MessageRow:
    status = f"status {one['status']}" if one["status"] else ""
    return MessageRow(
        key=one["id"],
        type=one["type"],
        state=MESSAGE_STATES[one["state"]],
        attempts=one["attempts"],
        answer=ask.who.text(", ".join(filter(None, (status, one["error"])))),
        created=moment(one["created_at"], ask.now),
        when=moment(one["next_attempt_at"] or one["finished_at"], ask.now),
        can_repeat=one["state"] != "waiting",
    )
