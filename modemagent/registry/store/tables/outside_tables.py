"""Tables of what others state: answers of an outside EIR, and SIMs by operators' APIs."""

from __future__ import annotations

from sqlalchemy import Index, Table

from modemagent.registry.store.tables.asset_tables import metadata
from modemagent.registry.store.tables.columns import (
    BY_KEY,
    LONG,
    TEXT,
    key,
    optional,
    required,
)

__all__ = ["eir_answer", "eir_setting", "metadata", "operator_run", "operator_sim"]

# The outside EIR, one row at most.
eir_setting = Table(
    "eir_setting",
    metadata,
    *key(LONG, "id"),  # 1
    *required(TEXT, "url"),
    *optional(TEXT, "token_file"),
    *required(LONG, "per_minute", "every_days"),
    *required(TEXT, "changed_by"),
    *required(LONG, "changed_ms"),
    *required(LONG, "failures", "wait_until_ms"),  # in a row; no request before
    *optional(TEXT, "problem"),  # of the last failure
    *optional(LONG, "answered_ms"),  # last answer
)

# Answer about each modem; those that are due first come first.
eir_answer = Table(
    "eir_answer",
    metadata,
    *key(LONG, "unit"),
    *required(LONG, "due_ms"),
    *optional(TEXT, "status", "previous"),
    *optional(LONG, "since_ms", "checked_ms"),
    Index("eir_answer_due", "due_ms", "unit"),
    Index("eir_answer_of_status", "status", "unit"),
)

# The last run of each connector.
operator_run = Table(
    "operator_run",
    metadata,
    *key(TEXT, "connector"),
    *required(TEXT, "kind", "state"),
    *required(LONG, "started_ms", "finished_ms", "sims", "known", "contradictions"),
    *optional(TEXT, "problem"),
)

# The modem in which an operator has seen a SIM, by the last run of a connector.
operator_sim = Table(
    "operator_sim",
    metadata,
    *key(TEXT, "connector"),
    *key(LONG, "sim"),
    *required(TEXT, "imei"),  # 14 digits
    *required(LONG, "fetched_ms"),
    *optional(LONG, "locked"),  # 1: the operator locks the SIM to this modem
    Index("operator_sim_of_sim", "sim"),
    **BY_KEY,
)
