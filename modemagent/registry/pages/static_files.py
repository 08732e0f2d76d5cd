"""Style, script and symbols, under names with a hash, which browsers may keep for a year."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'",
    "Vary": "Accept-Encoding",
}


class _File(NamedTuple):
    content: bytes
    zipped: bytes
    media_type: str


class StaticFiles:
    """The files in memory, plain and compressed."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        #: Addresses by the name of the file.
        self.urls: dict[str, str] = {}
        for path in sorted(_FOLDER.iterdir()):
            if path.suffix not in _TYPES:
                continue
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:12]
            name = f"{path.stem}.{digest}{path.suffix}"
            self.urls[path.name] = f"/static/{name}"
            zipped = gzip.compress(content, 9, mtime=0)
            self._files[name] = _File(content, zipped, _TYPES[path.suffix])

    def response(self, request: Request, name: str) -> Response | None:
        """Return a file; None: there is no such file."""
        found = self._files.get(name)
        if found is None:
            return None
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers = {**_HEADERS, "Content-Encoding": "gzip"}
            return Response(found.zipped, 200, headers, found.media_type)
        return Response(found.content, 200, _HEADERS, found.media_type)
