"""The methods of the application's paths, and what a process imports for it."""

import subprocess
import sys
from pathlib import Path

from modemagent.registry.api.app import create_app
from modemagent.registry.api.routes import Api


def test_methods_of_each_path_are_those_of_the_openapi_document(tmp_path: Path) -> None:
    app = create_app(f"sqlite:///{tmp_path}/registry.db")
    api = Api(app.state)
    methods_at, paths = api.methods_at, api.fastapi.openapi()["paths"]
    described = {path: {*map(str.upper, found)} for path, found in paths.items()}
    app.state.database.close()
    for path, methods in {**described, "/openapi.json": {"GET"}}.items():
        allowed = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        assert methods_at(path.replace("{", "").replace("}", "")) >= allowed, path
    assert not methods_at("/api/v1/none")


def test_server_is_imported_without_fastapi() -> None:
    """Most workers of a fleet only store reports, for which FastAPI would take 25 MB."""
    program = (
        "import sys, modemagent.registry.server; print({'fastapi', 'pydantic'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
