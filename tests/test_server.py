"""The command line, each command as a process of its own."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout
from structlog.testing import capture_logs

import settings
from composition.house import Refused, house, kept
from composition.serving import serving
from records.keyring import KeyringError
from settings import SettingError
from tests.running import KEYS, ROOT, Phone, Server, command, free_port, within

COMPLAINT = ("2", "2", "سه روز است قطع است", "1")


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=15)) as session:
        yield session


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    """A copy of the flows, to spoil."""
    return Path(shutil.copytree(ROOT / "flows", tmp_path / "flows"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_help_tells_all(tmp_path: Path) -> None:
    done = command("--help", folder=tmp_path)
    assert done.returncode == 0
    for name in ("serve", "dispatch", "migrate", "lint", "dial", "flows", "config", "keys"):
        assert f"\n    {name} " in done.stdout, name
    assert not (tmp_path / "var").exists(), "asking for help writes nothing"


def test_lint(tmp_path: Path, flows: Path) -> None:
    change(flows / "main.yaml", "go: callback}", "go: nowhere}")
    lines = (flows / "main.yaml").read_text("utf-8").splitlines()
    number = next(number for number, line in enumerate(lines, 1) if "go: nowhere}" in line)
    done = command("lint", str(flows), folder=tmp_path)
    assert done.returncode == 1
    found, explained, *_others, count = done.stdout.splitlines()
    assert found.startswith(f"{flows}/main.yaml:{number} error unknown-state (states.home.options.5.go): ")
    assert "«nowhere»" in explained
    assert not count.startswith("0 errors")
    done = command("lint", str(tmp_path / "nowhere"), folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"server.py: {tmp_path / 'nowhere'}: there is no flow file (*.yaml)\n"
    assert not (tmp_path / "var").exists(), "looking writes nothing"


def test_lint_of_the_flows_as_shipped(tmp_path: Path) -> None:
    done = command("lint", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "0 errors, 0 warnings\n")


def test_flow_tests_are_run_and_recorded(tmp_path: Path, flows: Path) -> None:
    given, old, new = {"FLOWS_DIR": str(flows)}, "شکایت شما ثبت شود؟", "شکایت ثبت شود؟"
    tests = flows / "tests" / "complaint_text.yaml"
    change(flows / "complaint_text.yaml", old, new)
    done = command("flows", "test", folder=tmp_path, settings=given)
    assert done.returncode == 1
    assert f"{tests}:" in done.stdout
    assert f"- {old}\n+ {new}\n" in done.stdout
    assert not done.stdout.splitlines()[-1].endswith(" 0 failed")

    before = tests.read_text("utf-8")
    done = command("flows", "test", "--record", folder=tmp_path, settings=given)
    assert done.returncode == 0
    assert done.stdout.startswith("Recorded: ")
    assert str(tests) in done.stdout
    recorded = tests.read_text("utf-8")
    assert recorded == before.replace(old, new), "nothing else is touched"

    done = command("flows", "test", folder=tmp_path, settings=given)
    assert done.returncode == 0
    assert done.stdout.endswith(" passed, 0 failed\n")

    change(flows / "complaint_text.yaml", "start: text", "start: nowhere")
    done = command("flows", "test", "--record", folder=tmp_path, settings=given)
    assert done.returncode == 1
    assert "unknown-state" in done.stdout
    assert "Traceback" not in done.stderr
    assert tests.read_text("utf-8") == recorded


def test_beyond_the_default_an_operator_migrates_and_publishes(tmp_path: Path, flows: Path) -> None:
    given = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/records/chapar.sqlite3",
        "KEYS": KEYS,
        "FLOWS_DIR": str(flows),
    }

    def run(*arguments: str) -> tuple[int, str]:
        done = command(*arguments, folder=tmp_path, settings=given)
        lines = done.stderr.splitlines()
        return done.returncode, done.stdout + "\n".join(line for line in lines if not line.startswith("{"))

    code, said = run("migrate")
    assert code == 0
    assert said.startswith("Migrated: 0001")
    assert run("serve") == (2, "server.py: no flow is published yet; run `server.py flows publish` first")
    code, told = run("flows", "publish")
    assert code == 0
    assert told.startswith("Published: addresses, advertising, callback, complaint, ")
    code, first = run("flows", "list")
    assert code == 0
    assert len(first.splitlines()) == len([*flows.glob("*.yaml")])
    assert "ثبت شکایت" in first

    # One file is changed well, another is spoilt: the well one goes, and it is said why the other does not.
    change(flows / "callback.yaml", "# ", "# دگرگون: ")
    change(flows / "resume.yaml", "start: ask", "start: nowhere")
    code, told = run("flows", "publish")
    assert code == 1
    assert f"{flows}/resume.yaml:" in told
    assert "unknown-state" in told
    assert told.endswith("Published: callback\n")
    code, second = run("flows", "list")
    changed = {line.split()[0] for line in set(second.splitlines()) - set(first.splitlines())}
    assert changed == {"callback"}


def test_config_tells_every_setting_and_masks_secrets(tmp_path: Path) -> None:
    given = {
        "DATABASE_URL": "postgresql://chapar:hidden@db/chapar",
        "KEYS": '"hidden"',
        "USSD_NALO_SECRET": "hidden",
        "USSD_NALO_ADDRESSES": "192.0.2.0/24",
    }
    done = command("config", folder=tmp_path, settings=given)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    values = dict(line.partition("=")[::2] for line in lines[::2])
    told = dict(zip(values, lines[1::2], strict=True))
    assert list(values) == [name for name, *_others in settings.describe(settings.load({}))]
    assert values["USSD_NALO_ADDRESSES"] == "192.0.2.0/24"
    assert values["DATABASE_URL"] == values["KEYS"] == values["USSD_NALO_SECRET"] == "••••"
    assert values["TURN_DEADLINE"] == "8.0"
    assert told["USSD_NALO_SECRET"].endswith(" (environment)")
    assert told["TURN_DEADLINE"].endswith("fallback screen (default)")
    assert "hidden" not in done.stdout + done.stderr


@within(90)
async def test_keys_are_rotated_and_old_records_are_still_read(tmp_path: Path, http: ClientSession) -> None:
    server = Server(tmp_path / "one")
    keys = server.data / "keys.json"
    async with server:
        before = Phone(http, server.url)
        filed = await before.walk(*COMPLAINT)
        assert "ثبت شد" in filed
        assert keys.stat().st_mode & 0o777 == 0o600
        assert server.data.stat().st_mode & 0o777 == 0o700
        # Rotated while it serves: the process goes on with its own key, and with the new one after a restart.
        done = command("keys", "rotate", folder=server.folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert "k2" in done.stdout
        assert keys.stat().st_mode & 0o777 == 0o600
        assert await before.post(before.text) == filed
        meanwhile = Phone(http, server.url, "+989351112233", "S2")
        assert "ثبت شد" in (last := await meanwhile.walk(*COMPLAINT))
        assert await server.stop() == 0
        await server.start()
        assert await before.post(before.text) == filed, "sealed with the first key"
        assert await meanwhile.post(meanwhile.text) == last
        assert "ثبت شد" in await Phone(http, server.url, "+989361112233", "S3").walk(*COMPLAINT)
        assert await server.stop() == 0
    done = command("keys", "rotate", folder=tmp_path, settings={"KEYS": KEYS})
    assert done.returncode == 2
    assert done.stderr.startswith("server.py: KEYS: the key ring comes from the environment")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"PORT": "eighty"}, "PORT: 'eighty' is not a whole number from 0 to 65535"),
        ({"KEYS": '"hidden"'}, "KEYS is not like "),
        (
            {"DATABASE_URL": "postgresql://u:hidden@127.0.0.1:9/x", "KEYS": KEYS},
            "no connection to the database",
        ),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_line(
    tmp_path: Path, given: dict[str, str], said: str
) -> None:
    done = command("serve", folder=tmp_path, settings=given)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith(f"server.py: {said}")
    assert "hidden" not in line


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"DATABASE_URL": "sqlite:///{tmp}/new"},
            "DATABASE_URL: its tables are not up to date; run `server.py ",
        ),
        ({"DATABASE_URL": "sqlite:///:memory:"}, "DATABASE_URL: "),
        ({"DATABASE_URL": "postgresql://db/x?flavour=hidden"}, "DATABASE_URL: "),
        ({"REDIS_URL": "redis://127.0.0.1/?flavour=hidden"}, "REDIS_URL: "),
        ({"REDIS_URL": "redis://127.0.0.1/?socket_timeout=hidden"}, "REDIS_URL: "),
        ({"USSD_NALO_OPTIONS": "charge=Y"}, "USSD_…_OPTIONS: the gateway nalo has no option charge"),
        (
            {"FILE_TYPES": "image/jpeg,image/svg+xml"},
            "FILE_TYPES: image/svg+xml cannot be told from other files; ",
        ),
        ({"DATA_DIR": "{tmp}/file/var"}, "DATA_DIR: {tmp}/file/var cannot be made: Not a directory"),
        ({"FLOWS_DIR": "{tmp}"}, "FLOWS_DIR: no flow of {tmp} can go live"),
        ({"KEY_FILE": "{tmp}/file"}, "{tmp}/file: the key file is open to others (mode 0644)"),
        ({"HOST": "192.0.2.1"}, "HOST, PORT: no way to listen there: "),
        ({"PORT": "{taken}"}, "HOST, PORT: no way to listen there: "),
        (
            {"EMAIL_PROVIDER": "smtp", "SMTP_URL": "smtp://localhost", "MAIL_FROM": "nobody"},
            "SMTP_URL, MAIL_FROM: ",
        ),
    ],
)
@within(30)
async def test_what_is_seen_only_when_it_is_used(tmp_path: Path, given: dict[str, str], said: str) -> None:
    """The same as above for what is built from the settings; ``server.py`` prints these errors alike."""
    file = tmp_path / "file"
    file.write_text("{}")
    file.chmod(0o644)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        names = {"tmp": tmp_path, "taken": taken.getsockname()[1]}
        own = {"DATA_DIR": str(tmp_path / "var"), "PORT": "0"}
        filled = own | {name: text.format(**names) for name, text in given.items()}
        with pytest.raises((SettingError, Refused, KeyringError)) as refused:
            async with house(settings.load(filled)) as home, serving(home):
                pass
    assert str(refused.value).startswith(said.format(**names))
    assert "\n" not in str(refused.value)
    assert "hidden" not in str(refused.value)


async def test_what_fails_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs, publishing and sending must not end without a word."""
    monkeypatch.setattr("composition.house.AGAIN", 0)
    left = [ValueError("a defect"), ValueError("another")]

    async def work() -> None:
        if left:
            raise left.pop()

    with capture_logs() as logs:
        await kept(work)
    assert [(each["event"], each["log_level"]) for each in logs] == [
        ("began again after a failure", "error")
    ] * 2


@within(60)
async def test_the_embedded_default_says_what_it_is(tmp_path: Path, http: ClientSession) -> None:
    async with Server(tmp_path) as server:
        log = server.log.read_text()
        assert '"records": "SQLite", "sessions": "in process"' in log
        async with http.get(f"{server.url}/readyz") as response:
            checks = {"database": "ok", "writing": "ok", "flows": "ok"}
            assert await response.json() == {"ready": True, "checks": checks}
        async with http.get(f"{server.url}/healthz") as response:
            assert await response.json() == {"status": "ok"}
        async with http.get(server.url) as response:
            assert "*733#" in await response.text()
        assert await server.stop() == 0
    assert {path.name for path in server.data.iterdir()} == {"chapar.sqlite3", "keys.json", "signals"}
    assert os.listdir(tmp_path).count("var") == 1


@within(60)
async def test_a_process_that_only_sends_is_watched_at_its_own_port(
    tmp_path: Path, http: ClientSession
) -> None:
    async with Server(tmp_path):
        port = free_port()
        sender = Server(tmp_path / "sender", {"DATABASE_URL": "", "DISPATCH_PORT": str(port)}, ("dispatch",))
        sender.settings["DATA_DIR"] = str(tmp_path / "var")
        async with sender:
            async with http.get(f"http://127.0.0.1:{port}/readyz") as response:
                assert response.status == 200
            async with http.get(f"http://127.0.0.1:{port}/metrics") as response:
                assert "chapar_queue_depth" in await response.text()
            async with http.get(f"http://127.0.0.1:{port}/ussd/nalo") as response:
                assert response.status == 404
            assert await sender.stop() == 0
