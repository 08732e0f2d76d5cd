"""Alembic environment: runs the revisions in the caller's connection and transaction."""

from __future__ import annotations

from alembic import context

from modemagent.registry.store.tables.outbound_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
