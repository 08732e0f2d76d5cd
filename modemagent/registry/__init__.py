"""The central registry: where every modem and SIM of a fleet is, since when, on which evidence.

A report passes through these modules::

    api/reports  ->  ingest  ->  validation, dating  ->  sightings  ->  fold  ->  store

:mod:`~modemagent.registry.fold` derives intervals and events from dated readings, without I/O.
The modules before it find out what was read and when; :mod:`~modemagent.registry.store` keeps the
results and :mod:`~modemagent.registry.api` serves them.
"""
