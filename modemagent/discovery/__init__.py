"""Which ports exist and whose they are; never opens one.

>>> from modemagent.discovery.static import scan
>>> candidates = scan()            # reads sysfs only: nothing is opened, nothing is sent
"""
