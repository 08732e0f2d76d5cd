"""Serial ports and modems of this machine, read from sysfs and udev without opening a port.

>>> from modemagent.discovery.sysfs import scan
>>> candidates = scan()
"""
