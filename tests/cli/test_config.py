"""config: every mistake with its line and remedy, and where each value in force comes from."""

import json

import pytest

WRONG = """\
registry = "gopher://me:secret@x"
token_file = "/nowhere/token"
pol_interval = 3
baud =
[port]
a = 1
"""


@pytest.fixture
def wrong(tmp_path):
    file = tmp_path / "agent.toml"
    file.write_text(WRONG)
    return str(file)


def test_mistakes_are_listed_by_line(call, wrong):
    done = call("config", "check", wrong)
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert [line.removeprefix(wrong).split(":")[1] for line in lines] == ["1", "2", "3", "4", "5"]
    assert "https://" in lines.pop(0) and "secret" not in done.stdout
    assert "/nowhere/token" in lines[0] and "check its permissions" in lines[0]
    assert "Did you mean poll_interval?" in lines[1]
    assert "baud = 115200" in lines[2]
    assert "port must be a list" in lines[3]


def test_json_lists_the_same_mistakes(call, wrong):
    document = json.loads(call("--config", wrong, "config", "check", "--json").stdout)
    keys = [mistake["key"] for mistake in document["mistakes"]]
    assert keys == ["registry", "token_file", "pol_interval", "baud", "port"]
    assert all(m["line"] and m["message"] and m["remedy"] for m in document["mistakes"])


@pytest.mark.parametrize("url", ["gopher://me:secret@x", "https://me:secret@x", "http://"])
def test_address_without_a_sink_is_a_mistake_without_password(call, tmp_path, url):
    file = tmp_path / "agent.toml"
    file.write_text(f'\nregistry = "{url}"\n')
    done = call("config", "check", str(file))
    assert done.returncode == 3
    assert done.stdout.startswith(f"{file}:2: ")
    assert "secret" not in done.stdout + done.stderr


def test_invalid_certificate_is_a_mistake_of_its_key(call, tmp_path):
    file, pem = tmp_path / "agent.toml", tmp_path / "ca.pem"
    pem.write_text("no certificate")
    file.write_text(f'registry = "https://x"\n\nca_file = "{pem}"\n')
    done = call("config", "check", str(file))
    assert (done.returncode, done.stdout.startswith(f"{file}:3: ")) == (3, True), done.stdout


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('state_dir = "{here}/file"', "{here}/file is not a directory"),
        ('state_dir = "{here}/file/state"', "{here}/file is not a directory"),
        ('registry = "file://{here}/no/out.jsonl"', "mkdir -p {here}/no"),
        ('registry = "file://{here}/file/out.jsonl"', "directory {here}/file does not exist"),
        ('registry = "file://{here}/folder"', "{here}/folder is a directory"),
        ('token_file = "{here}/folder"', "Is a directory"),
    ],
)
def test_missing_files_are_mistakes(call, tmp_path, line, said):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    file = tmp_path / "agent.toml"
    file.write_text(f"\n{line.format(here=tmp_path)}\n")
    done = call("config", "check", str(file))
    assert (done.returncode, done.stdout.count("\n")) == (3, 1), done.stdout
    assert done.stdout.startswith(f"{file}:2: ") and said.format(here=tmp_path) in done.stdout


def test_directories_that_are_created_later_are_not_mistakes(call, tmp_path):
    file = tmp_path / "agent.toml"
    file.write_text(
        f'state_dir = "{tmp_path}/a/b"\nregistry = "file://{tmp_path}/all%20of it.jsonl"\n'
    )
    done = call("config", "check", str(file))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_valid_file_is_0(call, tmp_path):
    file = tmp_path / "agent.toml"
    file.write_text('registry = "https://registry.example"\nport = ["/dev/ttyUSB2"]\n')
    done = call("config", "check", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(call("config", "check", str(file), "--json").stdout)["mistakes"] == []


def test_missing_file_is_one_line(call, tmp_path):
    file = tmp_path / "none.toml"
    for words, remedy in (
        (("config", "check", str(file)), "Check its name"),
        (("config", "check", str(file / "x")), "Check its name"),
        (("--config", str(file), "config", "check"), "config check FILE"),
        (("--config", str(file), "config", "show"), "--config"),
        (("--config", str(file), "list"), "--config"),
        (("--config", str(file), "identify", "--no-such-option"), "--config"),
    ):
        done = call(*words)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert remedy in done.stderr and "[Errno" not in done.stderr


def test_directory_instead_of_file_is_reported(call, tmp_path):
    done = call("config", "check", str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"{tmp_path} is a directory" in done.stderr and "[Errno" not in done.stderr


def test_invalid_utf_8_is_a_mistake_with_its_line(call, tmp_path):
    file = tmp_path / "agent.toml"
    file.write_bytes(b"baud = 9600\n# \xff\n")
    done = call("config", "check", str(file))
    assert (done.returncode, done.stdout.count("\n")) == (3, 1)
    assert done.stdout.startswith(f"{file}:2: not UTF-8")
    mistakes = json.loads(call("config", "check", str(file), "--json").stdout)["mistakes"]
    assert [mistake["line"] for mistake in mistakes] == [2]


def test_show_lists_values_and_origins(call, tmp_path):
    file = tmp_path / "agent.toml"
    file.write_text('proxy = "http://me:secret@p:3128"\nbaud = 9600\npoll_interval = 5\n')
    env = {"MODEMAGENT_RUN_BAUD": "19200", "MODEMAGENT_RUN_PORT": "/dev/a /dev/b"}
    done = call("--config", str(file), "config", "show", "--json", env=env)
    shown = json.loads(done.stdout)["settings"]
    assert shown["baud"] == {"value": 19200, "from": "environment", "where": "MODEMAGENT_RUN_BAUD"}
    assert shown["port"]["value"] == ["/dev/a", "/dev/b"]
    assert shown["poll_interval"] == {"value": 5, "from": "file", "where": str(file)}
    assert shown["compress"] == {"value": True, "from": "default", "where": None}
    assert shown["proxy"]["value"] == "http://me:***@p:3128"
    people = call("--config", str(file), "config", "show", env=env)
    assert "secret" not in people.stdout and "MODEMAGENT_RUN_BAUD" in people.stdout


def test_show_refers_to_check_if_settings_are_invalid(call, wrong):
    done = call("--config", wrong, "config", "show")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "modemagent config check" in done.stderr


def test_show_names_the_variable_of_no_discovery(call):
    words, variable = ("config", "show", "--json"), "MODEMAGENT_RUN_NO_DISCOVERY"
    for given, value in (("1", False), ("0", True), ("", True)):
        shown = json.loads(call(*words, env={variable: given}).stdout)["settings"]["discovery"]
        assert shown["value"] is value
        assert shown["where"] == (None if value else variable)
    done = call(*words, env={variable: "perhaps"})
    assert (done.returncode, f"{variable} must be true or false" in done.stdout) == (2, True)


def test_unknown_variables_are_reported(call):
    env = {"MODEMAGENT_RUN_POL_INTERVAL": "5", "MODEMAGENT_RUN_BOGUS": "1"}
    done = call("config", "show", "--json", env=env)
    assert done.returncode == 0 and json.loads(done.stdout)["schema"] == 1
    said = done.stderr.splitlines()
    assert len(said) == 2
    assert "unknown setting MODEMAGENT_RUN_BOGUS. See" in said[0]
    assert "Did you mean MODEMAGENT_RUN_POLL_INTERVAL?" in said[1]
    assert call("config", "show", env={"MODEMAGENT_RUN_NO_DISCOVERY": "1"}).stderr == ""


def test_exposed_settings_are_a_warning(call, tmp_path):
    file = tmp_path / "agent.toml"
    file.touch()
    file.chmod(0o666)
    done = call("config", "check", str(file))
    assert (done.returncode, done.stdout) == (0, f"{file}: no mistakes\n")
    assert f"chmod go-w {file}" in done.stderr


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://registry.example:8470", True),
        ("HTTP://192.0.2.1", True),
        ("http://[::1]:8470", False),
        ("http://localhost:8470", False),
        ("https://registry.example", False),
    ],
)
def test_unencrypted_registry_is_a_warning(call, tmp_path, url, warned):
    file = tmp_path / "agent.toml"
    file.write_text(f'registry = "{url}"\n')
    done = call("config", "check", str(file))
    assert (done.returncode, done.stdout) == (0, f"{file}: no mistakes\n")
    assert (f"identifiers are sent unencrypted to {url}. Use" in done.stderr) is warned
    assert bool(done.stderr) is warned
