"""The certificate of the registry, which is loaded again when its files change."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from modemagent.errors import SettingsError

log = logging.getLogger(__name__)

_Version = tuple[int, int, int]


class ServerCertificate:
    """A certificate chain and its key, in PEM files, as a TLS context of a server.

    New connections use the files as they were when last loaded.

    :raises SettingsError: the files cannot be used
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = certificate, key
        self.context = _context()
        self._loaded = self._versions()
        try:
            self._load()
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"the certificate {certificate} with the key {key} cannot be used: {_text(error)}",
                hint="Give PEM files: certificate with its chain, and key without password.",
            ) from error

    def reload_if_changed(self) -> None:
        """Load the files if they have changed, such as by a renewal."""
        if self._versions() != self._loaded:
            self.reload()

    def reload(self) -> None:
        """Load the files; if they cannot be used, the previous certificate stays in use."""
        self._loaded = self._versions()
        try:
            self._load()
        except (OSError, ssl.SSLError) as error:
            log.error(
                "the certificate was not reloaded, the previous one is used: %s", _text(error)
            )
        else:
            log.info("the certificate was reloaded")

    def _load(self) -> None:
        # a context of its own first: a failure would leave the other with half of the new pair
        _context().load_cert_chain(*self._files, password=_no_password)
        self.context.load_cert_chain(*self._files, password=_no_password)

    def _versions(self) -> tuple[_Version | None, ...]:
        return tuple(map(_version, self._files))


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_password() -> str:
    """Return an empty password instead of asking for one on the terminal."""
    return ""


def _version(path: Path) -> _Version | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _text(error: OSError) -> str:
    return error.strerror or str(error)
