"""Settings: each mistake with key, line and remedy; options take precedence over the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modemagent.channel.tty import open_tty
from modemagent.errors import SettingsError, UsageError
from modemagent.settings import (
    TABLE,
    FileRefused,
    Key,
    Origin,
    Settings,
    check,
    effective,
    load,
    with_overrides,
)
from modemagent.settings.validators import baud_rates


def test_every_setting_has_a_row() -> None:
    assert [key.name for key in TABLE] == list(Settings._fields)


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Settings().registry = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "key", "line", "words"),
    [
        ('registry = "http://x"\npoll_intervall = 5\n', "poll_intervall", 2, "poll_interval"),
        ("# first\n\nbaud = true\n", "baud", 3, "115200"),
        ("baud = 12345", "baud", 1, "115200"),
        ("baud = 0", "baud", 1, "115200"),
        ('state_dir = "~nobodyhere/x"', "state_dir", 1, '"~nobodyhere" has no home directory'),
        ("refresh_interval = 0.5", "refresh_interval", 1, "between 1 and 2592000, or 0"),
        ("poll_interval = 0", "poll_interval", 1, "between 0.1 and 86400"),
        ("# a line\u2028of its own\nbaud = 1", "baud", 2, "115200"),
        ("\ufeffbaud = 1", "baud", 1, "115200"),
        ('port = "/dev/ttyUSB2"', "port", 1, "a list of strings"),
        ("port = [1]", "port", 1, "a list of strings"),
        ('poll_interval = "60"', "poll_interval", 1, "number of seconds"),
        ("poll_interval = nan", "poll_interval", 1, "number of seconds"),
        ("discovery = 1", "discovery", 1, "true or false"),
        ('gateway_id = "a b"', "gateway_id", 1, "letters, digits"),
        ('[registry]\nurl = "x"', "registry", 1, "a string"),
        ('registry = ""', "registry", 1, "not empty"),
        ("a = 1\nregistry = http", "registry", 2, "not valid TOML"),
        ("a = 1\nhello", "", 2, "not valid TOML"),
        ("baud = 9600\nbaud = 9600", "baud", 2, "twice"),
        ("poll-interval = 5", "poll-interval", 1, "Did you mean poll_interval"),
        ('client_key_file = "/k"', "client_key_file", 1, "client_cert_file"),
        ('metrics_listen = "9470"', "metrics_listen", 1, "127.0.0.1:9470"),
    ],
)
def test_a_mistake_has_key_line_and_remedy(text: str, key: str, line: int, words: str) -> None:
    _, mistakes = check(text)
    found = next(mistake for mistake in mistakes if mistake.key == key)
    assert found.line == line
    assert words in found.message + found.remedy
    assert found.remedy


def test_all_mistakes_are_found_and_valid_values_kept() -> None:
    settings, mistakes = check('baud = 1\nregistry = "http://x"\ncompress = 1\n')
    assert [mistake.line for mistake in mistakes] == [1, 3]
    assert settings.registry == "http://x"


def test_syntax_errors_do_not_hide_later_mistakes() -> None:
    text = 'baud = \nregistry = http://x\n\npol_interval = 3\n"\ncompress = 1\nnetwork = false\n'
    settings, mistakes = check(text)
    assert [mistake.line for mistake in mistakes] == [1, 2, 4, 5, 6]
    assert settings.network is False


def test_the_baud_rates_are_those_a_terminal_accepts() -> None:
    assert {9600, 115200, 921600, 4_000_000} <= baud_rates() and 0 not in baud_rates()
    for baud in {*baud_rates(), *(speed + 1 for speed in baud_rates())}:
        mistakes = check(f"baud = {baud}")[1]
        far, near = os.openpty()
        try:
            open_tty(os.ttyname(near), baud=baud).close()
        except UsageError:
            assert mistakes
        else:
            assert not mistakes
        finally:
            os.close(far)
            os.close(near)


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("baud = 9600\n", "utf-8-sig")
    assert load(file).baud == 9600


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"baud = 9600\n# \xff\n", "line 2: not UTF-8: byte 0xff"),
        ("baud = 9600\n".encode("utf-16"), "line 1: not UTF-8: byte 0xff"),
    ],
)
def test_invalid_utf_8_is_reported_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "agent.toml"
    file.write_bytes(content)
    with pytest.raises(FileRefused, match=said):
        load(file)


@pytest.mark.parametrize("text", ["port = [", "x" * 10000, "\x00", '"""', "[" * 9000, "= \n" * 99])
def test_invalid_file_has_a_few_mistakes(text: str) -> None:
    _, mistakes = check(text)
    assert 1 <= len(mistakes) <= 11


@pytest.mark.parametrize("key", TABLE, ids=lambda key: key.name)
def test_every_example_is_valid(key: Key) -> None:
    settings, mistakes = check(f"{key.name} = {key.example}\n")
    assert [mistake for mistake in mistakes if "has no effect without" not in mistake.message] == []
    assert key.meaning.endswith(".")
    default = getattr(Settings(), key.name)
    if default not in (None, ()):
        assert getattr(settings, key.name) == default, "a default is shown as the example"


IN_THE_ENVIRONMENT = {
    "port": ("/dev/a /dev/b", ("/dev/a", "/dev/b")),
    "compress": ("no", False),
    "baud": ("9600", 9600),
    "poll_interval": ("7.5", 7.5),
    "heartbeat_interval": ("0", 0.0),
    "registry": ("http://x", "http://x"),
    "state_dir": ("/x", Path("/x")),
    "metrics_listen": ("[::1]:0", "[::1]:0"),
}


@pytest.mark.parametrize("key", IN_THE_ENVIRONMENT)
def test_precedence_of_options_environment_and_file(tmp_path: Path, key: str) -> None:
    words, value = IN_THE_ENVIRONMENT[key]
    file = tmp_path / "agent.toml"
    row = next(row for row in TABLE if row.name == key)
    file.write_text(f"{key} = {row.example}\n")
    variable = f"MODEMAGENT_RUN_{key.upper()}"
    found = effective(file, {}, {variable: words})
    assert getattr(found.settings, key) == value
    assert found.origins[key] == Origin("environment", variable)
    assert effective(file, {}, {variable: ""}).origins[key] == Origin("file", str(file))
    over = effective(file, {key: value}, {variable: words})
    assert over.origins[key] == Origin("option", f"--{key.replace('_', '-')}")


def test_an_invalid_variable_is_reported_by_name() -> None:
    with pytest.raises(SettingsError, match="MODEMAGENT_RUN_COMPRESS must be true or false"):
        load(None, {}, {"MODEMAGENT_RUN_COMPRESS": "perhaps"})


def test_the_systemd_credential_is_the_default_token_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    found = effective(None, {}, environ)
    assert found.settings.token_file == tmp_path / "token"
    assert found.origins["token_file"].kind == "credential"
    assert load(None, {"token_file": "/x"}, environ).token_file == Path("/x")
    (tmp_path / "token").write_text("\n")
    assert load(None, {}, environ).token_file is None


def test_options_override_the_file(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('registry = "http://file"\npoll_interval = 5\nport = ["/dev/a"]\n')
    settings = load(file, {"registry": "http://call", "port": ("/dev/b",), "baud": None})
    assert settings.registry == "http://call"
    assert settings.port == ("/dev/b",)
    assert settings.poll_interval == 5
    assert settings.baud == 115200


def test_a_missing_file_is_an_error_only_if_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path / "none.toml")
    assert "--config" in refused.value.hint


def test_an_invalid_option_is_reported_by_name() -> None:
    with pytest.raises(SettingsError, match="--poll-interval"):
        with_overrides(Settings(), {"poll_interval": -1.0})


def test_the_first_mistake_is_reported_with_the_number_of_others(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("\nbaud = 1\nx = 2\n")
    with pytest.raises(SettingsError, match=r"agent.toml, line 2: baud .* \(1 more\)"):
        load(file)
