"""The registry over HTTP.

problems   every error is an RFC 9457 problem document
access     tokens and scopes, and which identifiers the caller may see in full
reports    the way in: the batch route, and enrolment
documents  the shapes of the answers
reads      the fleet: lookup, modems, cards, gateways, events
live       events as they happen, server-sent
probes     health, readiness, metrics
app        all of it put together
"""
