"""The connector for 1NCE, against a server made from its published description."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemagent.errors import OperatorApiError, SettingsError
from modemagent.registry.connectors.connector_file import read_connectors
from modemagent.registry.connectors.json_api import JsonApi
from modemagent.registry.connectors.one_nce import OneNce
from tests.registry.conftest import IMEI
from tests.registry.connectors.conftest import PASSWORD, USER, OperatorServer
from tests.registry.history.wire import iccid


class Account:
    """The connector of an account, which notes how long it waits."""

    def __init__(self, url: str, per_minute: int = 6000, password: str = PASSWORD) -> None:
        self.waits: list[float] = []
        api = JsonApi(url, per_minute, sleep=self.waits.append)
        self.connector = OneNce(api, USER, password)

    def sims(self) -> list[tuple[str, str | None, bool]]:
        return [(str(one.iccid), one.imei, one.is_locked) for one in self.connector.sims()]


@pytest.mark.parametrize("shows_pages", [True, False])
def test_all_pages_are_read(operator: OperatorServer, shows_pages: bool) -> None:
    operator.shows_pages = shows_pages
    for number in range(250):
        operator.add(iccid(f"sim {number}"), IMEI if number % 2 else None, imei_lock=number == 1)
    found = Account(operator.url).sims()
    assert [one for one, _, _ in found] == [iccid(f"sim {number}") for number in range(250)]
    assert found[0][1:] == (None, False)
    assert found[1][1:] == (IMEI[:14], True)
    assert operator.tokens == 1
    assert len(operator.requests) == 4


def test_numbers_that_identify_nothing_are_left_out(operator: OperatorServer) -> None:
    operator.add(iccid("one"), "0000000000000018")
    operator.add(iccid("two"), f"{IMEI[:14]}07")  # with a software version
    operator.add("1234567890123456789", IMEI)
    operator.sims.append({"iccid": iccid("three")[:-1], "imei": ""})
    assert [imei for _, imei, _ in Account(operator.url).sims()] == [None, IMEI[:14], None]


def test_token_is_renewed_before_and_after_its_end(operator: OperatorServer) -> None:
    operator.expires_in = 1
    for number in range(101):
        operator.add(iccid(f"sim {number}"), None)
    account = Account(operator.url)
    assert len(account.sims()) == 101
    assert operator.tokens == 2
    operator.expires_in = 3600
    account.sims()
    operator.valid = "another"
    assert len(account.sims()) == 101
    assert operator.tokens == 4


def test_rate_is_kept_and_a_busy_server_is_waited_for(operator: OperatorServer) -> None:
    operator.add(iccid("one"), IMEI)
    operator.faults = [(429, {"Retry-After": "7"}, b""), (503, {}, b""), (502, {}, b"")]
    account = Account(operator.url, per_minute=60)
    assert len(account.sims()) == 1
    paused = [one for one in account.waits if 0.5 < one <= 1.0]
    assert 7.0 in account.waits
    assert len(paused) == 4  # between five requests
    assert all(one <= 7.0 for one in account.waits)


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ((429, {"Retry-After": "3600"}, b""), "HTTP status 429, to be tried again in 3600 s"),
        ((200, {}, b"not json"), "no access token: HTTP status 200"),
        ((200, {}, b'{"access_token": "\xc3\xa4"}'), "no access token: it has other characters"),
        ((500, {}, b"{}"), "no access token: HTTP status 500"),
    ],
)
def test_failure_states_no_secret(
    operator: OperatorServer, fault: tuple[int, dict[str, str], bytes], problem: str
) -> None:
    operator.faults = [fault]
    with pytest.raises(OperatorApiError) as failed:
        Account(operator.url).sims()
    assert failed.value.message.startswith(problem)
    assert PASSWORD not in failed.value.message


def test_wrong_password_and_damaged_pages_are_failures(operator: OperatorServer) -> None:
    with pytest.raises(OperatorApiError, match="no access token: HTTP status 401"):
        Account(operator.url, password="wrong").sims()
    operator.sims = [{"imei": IMEI}]
    with pytest.raises(OperatorApiError, match="without an ICCID"):
        Account(operator.url).sims()
    operator.sims = [3]
    with pytest.raises(OperatorApiError, match="without an ICCID"):
        Account(operator.url).sims()
    with pytest.raises(OperatorApiError, match="no connection, or no HTTP, in 5 attempts"):
        Account("http://127.0.0.1:1").sims()


GOOD = '[connector.one]\nkind = "1nce"\nuser = "u"\npassword_file = "password"\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no table"),
        ("[connector\n", "is not TOML"),
        (GOOD.replace("1nce", "2nce"), "has no known kind"),
        (GOOD + "colour = 1\n", "unknown key colour"),
        (GOOD + "per_minute = 0\n", "per_minute"),
        (GOOD + 'url = "https://u:p@api.example.org"\n', "has a url"),
        (GOOD.replace("one]", '"a/b"]'), "letters, digits"),
        ('[connector.one]\nkind = "1nce"\n', "needs user and password_file"),
    ],
)
def test_file_with_a_mistake_is_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "connectors.toml"
    file.write_text(content)
    with pytest.raises(SettingsError, match=message):
        read_connectors(file)


def test_password_is_read_from_the_folder_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "connectors.toml"
    file.write_text(GOOD)
    (entry,) = read_connectors(file)
    assert entry.password_file == tmp_path / "password"
    with pytest.raises(SettingsError, match="cannot be read"):
        entry.opened()
    (tmp_path / "password").write_text("secret\n")
    entry.opened()
