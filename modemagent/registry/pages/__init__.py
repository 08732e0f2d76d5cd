"""Room for the pages people look at: server-rendered, from the same queries as the HTTP API.

None exists yet.
"""
