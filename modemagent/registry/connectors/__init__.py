"""Connectors: what the API of an operator states about SIMs, compared with what modems report.

A connector is a module with a class that has the form of :class:`.connector.Connector`, and a row
of :data:`.connector_file.KINDS`.
"""
