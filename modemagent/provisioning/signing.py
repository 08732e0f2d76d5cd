"""Signatures of the totals, made and checked by OpenSSH (``ssh-keygen -Y``)."""

from __future__ import annotations

import subprocess  # ssh-keygen
from pathlib import Path

from modemagent.errors import ModemAgentError

NAMESPACE = "modemagent-provision"
_TIMEOUT_S = 30


class SignatureError(ModemAgentError):
    """A signature that cannot be made or is not valid."""

    code = "signature"


def sign(file: Path, key: str) -> Path:
    """Sign a file beside itself and return the signature.

    :raises SignatureError: ssh-keygen is missing or refuses the key
    """
    signature = file.with_name(f"{file.name}.sig")
    signature.unlink(missing_ok=True)
    _run(["ssh-keygen", "-Y", "sign", "-f", key, "-n", NAMESPACE, str(file)])
    return signature


def verify_signature(file: Path, signers: Path, identity: str) -> None:
    """Check the signature of a file.

    :param signers: keys that are accepted, see ALLOWED SIGNERS in ssh-keygen(1)
    :raises SignatureError: it is not valid
    """
    words = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", identity, "-n", NAMESPACE,
             "-s", f"{file}.sig"]  # fmt: skip
    _run(words, file.read_bytes())


def _run(words: list[str], stdin: bytes = b"") -> None:
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            words, input=stdin, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SignatureError(
            f"{words[0]} cannot be run: {error}", hint="Install OpenSSH."
        ) from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["refused"]
        raise SignatureError(f"the signature failed: {lines[-1]}", hint="Check the key.")
