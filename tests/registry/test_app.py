"""The methods of the application's paths are those that its OpenAPI document describes."""

from pathlib import Path

from modemagent.registry.api.app import create_app


def test_methods_of_each_path_are_those_of_the_openapi_document(tmp_path: Path) -> None:
    app = create_app(f"sqlite:///{tmp_path}/registry.db")
    methods_at = app.state.gate.methods_at
    described = {path: {*map(str.upper, found)} for path, found in app.openapi()["paths"].items()}
    app.state.database.close()
    for path, methods in {**described, "/openapi.json": {"GET"}}.items():
        allowed = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        assert methods_at(path.replace("{", "").replace("}", "")) >= allowed, path
    assert not methods_at("/api/v1/none")
