"""The registry's database: SQLite through SQLAlchemy Core.

schema      the tables
migrations  upgrades of older databases
engine      connections, pragmas, the writer's lock
writer      stores a batch of reports in one transaction
timelines   updates places, units, intervals and events
replay      loads the readings of stored reports
statements  statements about sets of rows
reader      queries of the HTTP API and the command line
documents   JSON documents of rows and units
tokens      access tokens
"""
