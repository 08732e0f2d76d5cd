"""The browser screen of the bench: tiles that are read at two metres, served by the bench itself.

``page`` makes the HTML of a :class:`~modemagent.provisioning.line.LineView`, and ``server`` serves
it with the changes as server-sent events. ``forms`` are its scans and decisions.
"""
