"""The registry's HTTP API.

app              the application
reports          receipt of reports, and enrollment
fleet            lookup, modems, SIMs, gateways, events
event_stream     server-sent events
health           liveness, readiness, metrics
auth             tokens, scopes, masking
documents        models of requests and responses
problem_details  errors as RFC 9457 problem documents
metrics          what Prometheus scrapes
"""
