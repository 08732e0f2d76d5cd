"""Room for the rules that judge the fleet, one module a rule.

A rule will be a pure function ``(observation, history, now) -> findings`` with a table of cases
beside it. None exists yet: the events of :mod:`modemagent.registry.timeline` state what changed,
a rule will say whether that is allowed.
"""
