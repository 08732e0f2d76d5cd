"""Which ports exist and whose they are; never opens one.

>>> from modemagent.discovery.sysfs import scan
>>> candidates = scan()            # reads sysfs only: nothing is opened, nothing is sent
"""
