"""History of modems and SIMs, derived from a set of reports. No I/O, no clock, no database.

The result depends on the set of reports, the time each was received and the uptimes that came with
the batches, not on the order of arrival. Keys (of reports, places, units, boots) are any hashable
values that are compared and never interpreted.
"""
