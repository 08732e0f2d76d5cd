"""Whom a registry is believed to be: TLS as strict as by default, in less memory.

The system's certificates come twice, as one bundle and as a directory of one file each, named by
the hash of its subject (``openssl rehash``). OpenSSL reads a bundle whole, 140 certificates that
stay in memory for 0.8 MiB, and of a directory the one that is asked for. Both are trusted by
default; here the directory is asked first, and the bundle is added when that was not enough. So
nothing is believed that would not be by default, and nothing refused that would not be.
"""

from __future__ import annotations

import os
import re
import ssl

from modemagent.errors import SettingsError
from modemagent.report.delivery.sinks.catalogue import SinkOptions

_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")


class TlsTrust:
    """The TLS context of one registry.

    :raises SettingsError: certificates that the settings name can not be loaded
    """

    def __init__(self, options: SinkOptions) -> None:
        directory = None if options.ca_file else hashed_directory()
        self._has_more = directory is not None
        try:
            self.context = ssl.create_default_context(
                cafile=str(options.ca_file) if options.ca_file else None, capath=directory
            )
            if options.client_cert_file:
                self.context.load_cert_chain(options.client_cert_file, options.client_key_file)
        except (OSError, ssl.SSLError) as error:
            named = [str(f) for f in (options.ca_file, options.client_cert_file) if f]
            raise SettingsError(
                f"certificates can not be loaded from {', '.join(named) or 'the system'}: {error}",
                hint="ca_file and client_cert_file name PEM files this user can read.",
            ) from None

    def widen(self, error: Exception) -> bool:
        """Add the system's bundle after a refusal; tell whether another try may end otherwise."""
        if not self._has_more or "CERTIFICATE_VERIFY_FAILED" not in str(error):
            return False
        self.context.load_default_certs()
        self._has_more = False
        return True


def hashed_directory() -> str | None:
    """Return the directory that the system trusts, None unless its files are named by hash."""
    directory = ssl.get_default_verify_paths().capath
    if not directory:  # there need not be one
        return None
    try:
        with os.scandir(directory) as entries:
            found = any(_HASHED.fullmatch(entry.name) for entry in entries)
    except OSError:
        return None
    return directory if found else None
