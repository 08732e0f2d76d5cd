"""The terminal screen of the bench: bays as tiles that are coloured as a whole.

``page`` draws a :class:`~modemagent.provisioning.line.LineView` on a ``canvas``, ``keys`` reads
scans and commands, ``dialog`` collects what an act needs, and ``terminal`` joins them with a
terminal.
"""
