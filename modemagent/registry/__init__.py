"""The central registry: where every modem and every card of a fleet is, since when, and how known.

A wing of its own: it imports identity, the report, the errors, and nothing that touches a port.

    api/reports  ->  ingest  ->  observation, clock  ->  history  ->  store  ->  api/reads
    (bytes)          (order)     (what was said, when)   (pure)       (SQL)      (JSON)

:mod:`~modemagent.registry.timeline` is the heart: a pure fold from dated readings to stays and
events. Everything before it decides what was read and when, everything after it keeps the result.
"""
