"""The bench: modules compared with an order, labelled, registered, and named if they are wrong.

Nothing here writes to a module: readings come from :mod:`modemagent.watching`.
"""
