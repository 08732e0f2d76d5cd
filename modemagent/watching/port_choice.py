"""The ports of one modem, and which of them to open: the best one that has not failed."""

from __future__ import annotations

from modemagent.report.message import PortPlace


class PortChoice:
    """The ports of a modem that exist now.

    :ivar places: the ports, best first; empty while the modem is absent
    """

    def __init__(self) -> None:
        self.places: tuple[PortPlace, ...] = ()
        #: paths that have failed and are not tried before the others have
        self._failed: set[str] = set()

    def update(self, places: tuple[PortPlace, ...]) -> bool:
        """Replace the ports; return True if there is a new one."""
        has_new_path = any(self.at(each.path) is None for each in places)
        self.places = places
        return has_new_path

    def at(self, path: str) -> PortPlace | None:
        return next((each for each in self.places if each.path == path), None)

    def best(self, current: str) -> PortPlace:
        """Return the current port if it exists and has not failed, else the best other one."""
        eligible = [each for each in self.places if each.path not in self._failed]
        eligible = eligible or list(self.places)
        return next((each for each in eligible if each.path == current), eligible[0])

    def fail(self, path: str) -> bool:
        """Note that a port has failed; return True if another one is to be tried at once."""
        self._failed.add(path)
        if any(each.path not in self._failed for each in self.places):
            return True
        self._failed = {path}
        return False

    def forget_failures(self) -> None:
        self._failed.clear()
