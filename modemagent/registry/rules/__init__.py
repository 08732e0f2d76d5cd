"""Rules of the registry: what is wrong, by the history that was derived from the reports.

A rule is a pure function in a module of its own. It gets what is known of one modem, SIM, gateway
or place (:mod:`.inputs`) and yields findings; their names, severities, sentences and remedies are
rows of :mod:`.catalogue`. Rules neither read the database nor the clock.
"""
