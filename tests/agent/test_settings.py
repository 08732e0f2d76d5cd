"""Settings: every mistake with its key, its line and a remedy; the call goes before the file."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from modemagent.errors import SettingsError
from modemagent.settings import _CHECKS, Settings, check, load, overlaid


def test_every_setting_has_a_check_and_a_word_in_the_docstring_or_its_name() -> None:
    assert set(_CHECKS) == {field.name for field in fields(Settings)}


def test_settings_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().registry = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "key", "line", "words"),
    [
        ('registry = "http://x"\npoll_intervall = 5\n', "poll_intervall", 2, "poll_interval"),
        ("# first\n\nbaud = true\n", "baud", 3, "between 300"),
        ('port = "/dev/ttyUSB2"', "port", 1, "a list of texts"),
        ("port = [1]", "port", 1, "a list of texts"),
        ('poll_interval = "60"', "poll_interval", 1, "number of seconds"),
        ("poll_interval = nan", "poll_interval", 1, "number of seconds"),
        ("discovery = 1", "discovery", 1, "true or false"),
        ('gateway_id = "a b"', "gateway_id", 1, "letters, digits"),
        ('[registry]\nurl = "x"', "registry", 1, "a text"),
        ('registry = ""', "registry", 1, "not empty"),
        ("a = 1\nregistry = http", "", 2, "no TOML"),
    ],
)
def test_a_mistake_is_named(text: str, key: str, line: int, words: str) -> None:
    _, mistakes = check(text)
    found = next(mistake for mistake in mistakes if mistake.key == key)
    assert found.line == line
    assert words in found.message + found.remedy
    assert found.remedy


def test_all_mistakes_are_found_and_what_is_right_is_kept() -> None:
    settings, mistakes = check('baud = 1\nregistry = "http://x"\ncompress = 1\n')
    assert [mistake.line for mistake in mistakes] == [1, 3]
    assert settings.registry == "http://x"


def test_what_is_given_goes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('registry = "http://file"\npoll_interval = 5\nport = ["/dev/a"]\n')
    settings = load(file, {"registry": "http://call", "port": ("/dev/b",), "baud": None})
    assert settings.registry == "http://call"
    assert settings.port == ("/dev/b",)
    assert settings.poll_interval == 5
    assert settings.baud == 115200


def test_a_missing_file_matters_only_when_it_was_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path / "none.toml")
    assert "--config" in refused.value.hint


def test_a_wrong_option_is_named_as_it_was_written() -> None:
    with pytest.raises(SettingsError, match="--poll-interval"):
        overlaid(Settings(), {"poll_interval": -1.0})


def test_the_first_mistake_ends_the_start_with_line_and_remedy(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("\nbaud = 1\nx = 2\n")
    with pytest.raises(SettingsError, match=r"agent.toml, line 2: baud .* \(1 more\)"):
        load(file)
