"""What the registry keeps, in SQL: SQLite through SQLAlchemy Core.

schema      the tables
migrations  how an older file becomes today's
database    the engine, its pragmas, the one writer
recording   a batch of observations in one transaction
queries     what the HTTP API and the command line read
tokens      who may do what
"""
