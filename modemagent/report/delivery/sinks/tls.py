"""TLS trust of the HTTP sink: as strict as Python's default, with less memory.

A system has its certificates twice: as one bundle, and as a directory with one file each, named by
the hash of its subject (``openssl rehash``). OpenSSL loads all 140 certificates of a bundle, which
stay in memory (0.8 MiB), but only the needed one from a directory. Both are trusted by default.
Here the directory is tried first, and the bundle is added if that was not enough, so exactly the
same certificates are accepted.
"""

from __future__ import annotations

import os
import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from modemagent.errors import SettingsError
from modemagent.report.delivery.sinks.contract import SinkOptions

_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")

# Results of a verification: X509_V_ERR_... in x509_vfy.h of OpenSSL.
_NOT_YET_VALID, _EXPIRED, _SELF_SIGNED = 9, 10, 18
#: An authority is missing: the root (2, 19), or the one that signed the certificate (20, 21).
_AUTHORITY_MISSING: Final = (2, 19, 20, 21)
_OTHER_NAME: Final = (62, 64)  # a host name, an IP address


class TlsTrust:
    """TLS context for one registry.

    :raises SettingsError: the certificates in the settings cannot be loaded
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
                f"cannot load certificates from {', '.join(named) or 'the system'}: {error}",
                hint="Set ca_file and client_cert_file to PEM files that this user can read.",
            ) from None

    def widen(self, error: Exception) -> bool:
        """Add the system's bundle after an error; return True if a retry may now succeed."""
        if not self._has_more or "CERTIFICATE_VERIFY_FAILED" not in str(error):
            return False
        self.context.load_default_certs()
        self._has_more = False
        return True


def hashed_directory() -> str | None:
    """Return the system's certificate directory, None unless its files are named by hash."""
    directory = ssl.get_default_verify_paths().capath
    if not directory:
        return None
    try:
        with os.scandir(directory) as entries:
            found = any(_HASHED.fullmatch(entry.name) for entry in entries)
    except OSError:
        return None
    return directory if found else None


def tls_failure(error: BaseException, ca_file: Path | None) -> tuple[str, str]:
    """Return the cause of a failed handshake, and the hint.

    :param error: the error of ``ssl``
    :param ca_file: certificates that are trusted instead of the system's
    """
    if not isinstance(error, ssl.SSLCertVerificationError):
        if getattr(error, "reason", "") == "WRONG_VERSION_NUMBER":
            return "TLS failed: the server answers without TLS", "Check the port of the address."
        return f"TLS failed: {error}", "Check that the address is the registry's."
    code, detail = error.verify_code, error.verify_message.rstrip(".")
    if code in (_NOT_YET_VALID, _EXPIRED):
        problem = "is not yet valid" if code == _NOT_YET_VALID else "has expired"
        return (
            f"its certificate {problem}; this gateway's clock shows {datetime.now(UTC):%F}",
            "Renew the registry's certificate, or set this gateway's clock if its date is wrong.",
        )
    trusted = ca_file or "the system's certificates"
    if code == _SELF_SIGNED:
        return (
            f"its certificate is self-signed and not in {trusted} ({detail})",
            "Set ca_file to a file with this certificate (PEM).",
        )
    if code in _AUTHORITY_MISSING:
        return (
            f"its certificate is signed by an authority that is not in {trusted} ({detail})",
            "Set ca_file to a file with the certificate of this authority (PEM). If the registry "
            "has an intermediate certificate, it must send that too.",
        )
    if code in _OTHER_NAME:
        return (
            f"its certificate is for another name ({detail})",
            "Set registry to a name in the certificate, or issue one with this name.",
        )
    return f"its certificate is not accepted ({detail})", "Replace the registry's certificate."
