"""Flow files come to life by themselves when they pass; what does not pass leaves everything as it was."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout
from structlog.testing import capture_logs

import settings
from composition.house import House, house
from records.tables import flow_versions
from records.unit import Unit
from services.publishing import Report
from tests.running import ROOT, Phone, Server, within

OLD, NEW = "تماس", "تماس بگیرید"
GIVEN_UP = "شکایتی ثبت نشد. هر وقت خواستید دوباره {again}"


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    """A copy of the flows, to change."""
    return Path(shutil.copytree(ROOT / "flows", tmp_path / "flows"))


@pytest.fixture
async def home(flows: Path, tmp_path: Path) -> AsyncIterator[House]:
    """A house with these flows live."""
    async with house(settings.load({"DATA_DIR": str(tmp_path / "var"), "FLOWS_DIR": str(flows)})) as home:
        report = await home.publisher.publish()
        assert report.held == []
        assert report.published == home.library.names() == sorted(path.stem for path in flows.glob("*.yaml"))
        yield home


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text, path
    path.write_text(text.replace(old, new), "utf-8")


def versions(home: House) -> dict[str, str]:
    return {name: home.library.live(name).version for name in home.library.names()}


async def published(home: House) -> tuple[Report, set[str]]:
    """The report of one more publication, and the names of what is live in another version than before."""
    before = versions(home)
    report = await home.publisher.publish()
    after = versions(home)
    assert before.keys() <= after.keys()
    moved = {name for name in after if after[name] != before.get(name)}
    assert moved == set(report.published)
    return report, moved


async def test_what_did_not_change_stays(home: House) -> None:
    report, moved = await published(home)
    assert (report, moved) == (Report(), set())


async def test_a_changed_file_goes_live(home: House, flows: Path) -> None:
    change(flows / "callback.yaml", "# ", "# تازه: ")
    report, moved = await published(home)
    assert (moved, report.held) == ({"callback"}, [])


def unknown_state(flows: Path) -> str:
    change(flows / "complaint.yaml", "start: subject", "start: nowhere")
    return "unknown-state"


def not_yaml(flows: Path) -> str:
    (flows / "complaint.yaml").write_text("flow: complaint\nstates: [", "utf-8")
    return "not-yaml"


def not_utf_8(flows: Path) -> str:
    (flows / "complaint.yaml").write_bytes("flow: شکایت".encode("utf-16"))
    return "not-utf-8"


def unsound(flows: Path) -> str:
    """It can be read, and is missing something."""
    change(flows / "complaint.yaml", "title: ثبت شکایت\n", "titel: ثبت شکایت\n")
    return "unknown-key"


def empty(flows: Path) -> str:
    (flows / "complaint.yaml").write_bytes(b"")
    return "no-flow"


def folder(flows: Path) -> str:
    (flows / "complaint.yaml").unlink()
    (flows / "complaint.yaml").mkdir()
    return "not-read"


def nowhere(flows: Path) -> str:
    (flows / "complaint.yaml").unlink()
    (flows / "complaint.yaml").symlink_to(flows / "away")
    return "not-read"


def failing_test(flows: Path) -> str:
    change(flows / "complaint.yaml", GIVEN_UP, "شکایتی ثبت نشده است. دوباره {again}")
    return "The screen is not the one that is written"


BREAKS: list[Callable[[Path], str]] = [
    unknown_state, not_yaml, not_utf_8, unsound, empty, folder, nowhere, failing_test
]  # fmt: skip


@pytest.mark.parametrize("spoil", BREAKS, ids=lambda spoil: spoil.__name__)
async def test_a_broken_file_leaves_the_old_version_live_and_says_why(
    home: House, flows: Path, spoil: Callable[[Path], str]
) -> None:
    file = flows / "complaint.yaml"
    good = file.read_bytes()
    why = spoil(flows)
    # Something else that changed at the same time goes live all the same.
    change(flows / "callback.yaml", "# ", "# تازه: ")
    report, moved = await published(home)
    assert moved == {"callback"}
    assert report.held == [str(file)]
    reasons = [str(finding) for finding in report.errors] + [each.difference for each in report.failures]
    assert any(why in reason for reason in reasons), reasons
    assert any(finding.fa for finding in report.errors) or any(each.fa for each in report.failures)
    # It is mended.
    if file.is_dir():
        file.rmdir()
    else:
        file.unlink()
    file.write_bytes(good + b"# mended\n")
    report, moved = await published(home)
    assert (moved, report.held) == ({"complaint"}, [])


async def test_a_change_that_breaks_a_file_that_did_not_change(home: House, flows: Path) -> None:
    change(
        flows / "complaint_text.yaml", "takes: [subject, tracking]", "takes: [subject, tracking, priority]"
    )
    for path in flows.glob("tests/complaint_text.yaml"):
        path.unlink()  # Nothing but lint can see it.
    report, moved = await published(home)
    assert moved == set()
    assert report.held == [str(flows / "complaint_text.yaml")]
    assert "missing-argument" in str(report.errors[0])


async def test_a_change_that_needs_another_goes_with_it_or_not_at_all(home: House, flows: Path) -> None:
    new = flows / "silence.yaml"
    text = 'flow: silence\ntitle: هیچ\nstart: end\nstates:\n  end:\n    end: ""\n'
    new.write_text(text.replace("start: end", "start: nowhere"), "utf-8")
    ran = "  done:\n    run: silence\n    go: {done: over}\n  over:\n    end: "
    change(flows / "callback.yaml", "  done:\n    end: ", ran)
    change(flows / "message.yaml", "# ", "# تازه: ")
    report, moved = await published(home)
    assert moved == {"message"}
    assert report.held == [str(flows / "callback.yaml"), str(new)]
    new.write_text(text, "utf-8")
    report, moved = await published(home)
    assert (moved, report.held) == ({"callback", "silence"}, [])


async def test_a_test_of_no_flow_that_fails_holds_everything_back(home: House, flows: Path) -> None:
    (flows / "tests" / "extra.yaml").write_text(
        'tests:\n  - test: x\n    talk:\n      - dial: "*733#"\n        screen: نه\n', "utf-8"
    )
    change(flows / "callback.yaml", "# ", "# تازه: ")
    report, moved = await published(home)
    assert moved == set()
    assert report.held == [str(flows / "callback.yaml")]
    assert [failure.path for failure in report.failures] == [str(flows / "tests" / "extra.yaml")]


@pytest.mark.parametrize("text", [b"tests: [", "tests: آ".encode("utf-16"), b"", b"tests: []"])
async def test_a_file_of_tests_that_cannot_be_read(home: House, flows: Path, text: bytes) -> None:
    (flows / "tests" / "callback.yaml").write_bytes(text)
    change(flows / "callback.yaml", "# ", "# تازه: ")
    change(flows / "message.yaml", "# ", "# تازه: ")
    report, moved = await published(home)
    assert moved == {"message"}
    assert report.held == [str(flows / "callback.yaml")]
    assert {failure.path for failure in report.failures} == {str(flows / "tests" / "callback.yaml")}


async def test_a_withdrawn_file_leaves_its_flow_as_it_was(home: House, flows: Path) -> None:
    """A deleted file closes nothing: others may run the flow, and people may be in it."""
    (flows / "callback.yaml").unlink()
    change(flows / "main.yaml", "# ", "# تازه: ")  # It runs the flow.
    report, moved = await published(home)
    assert (moved, report.held) == ({"main"}, [])
    assert home.library.find("callback") is not None


async def test_one_flow_in_two_files(home: House, flows: Path) -> None:
    shutil.copy(flows / "callback.yaml", flows / "copy.yaml")
    change(flows / "copy.yaml", "# ", "# تازه: ")
    report, moved = await published(home)
    assert moved == set()
    assert report.held == [str(flows / "copy.yaml")]


async def test_a_version_that_is_no_longer_read_stops_nothing(home: House, flows: Path) -> None:
    unit, row = Unit(), {"name": "callback", "version": "0" * 16, "source": "flow: callback\nold: format\n"}
    unit.insert(flow_versions, {**row, "published_at": 2**52})
    await home.committer.commit(unit)
    before = versions(home)
    with capture_logs() as logs:
        await home.publisher.load()
        await home.publisher.load()
    assert versions(home) == before
    assert [(each["event"], each["flow"]) for each in logs] == [("published flow left out", "callback")]


# While it serves.


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=15)) as session:
        yield session


async def until(happens: Callable[[], Awaitable[bool]]) -> None:
    while not await happens():
        await asyncio.sleep(0.1)


@within(60)
async def test_while_people_are_in_it(flows: Path, tmp_path: Path, http: ClientSession) -> None:
    calls = 0

    async def dialled() -> str:
        """What somebody sees who dials for the first time."""
        nonlocal calls
        calls += 1
        return await Phone(http, server.url, f"+98912000{calls:04d}", f"N{calls}").dial()

    async def logged(*texts: str) -> bool:
        log = server.log.read_text("utf-8")
        return all(text in log for text in texts)

    def write(name: str, text: str) -> None:
        """As an editor does it: a part, and then all."""
        path = flows / f"{name}.yaml"
        path.write_text(text[: len(text) // 2], "utf-8")
        path.write_text(text, "utf-8")

    async with Server(tmp_path, {"FLOWS_DIR": str(flows)}) as server:
        inside = Phone(http, server.url)
        first = await inside.dial()
        assert f"\n5 {OLD}\n" in first
        main = (flows / "main.yaml").read_text("utf-8")
        tests = (flows / "tests" / "main.yaml").read_text("utf-8")
        for path in (flows / "tests").glob("*.yaml"):
            path.unlink()

        # A good change.
        write("main", main.replace(f"label: {OLD},", f"label: {NEW},"))
        await until(lambda: logged('"flows": ["main"]'))
        assert f"\n5 {NEW}\n" in (changed := await dialled())
        assert "این گزینه نیست." in await inside.type("9")
        assert f"5 {OLD}\n" in await inside.type("98"), "it goes on as it began"

        # A bad one, and one whose test fails; each says why.
        write("main", main.replace("start: home", "start: nowhere"))
        await until(lambda: logged("main.yaml:", "unknown-state"))
        assert await dialled() == changed
        (flows / "tests" / "main.yaml").write_text(tests, "utf-8")
        write("main", main.replace(f"label: {OLD},", "label: زنگ,"))
        await until(lambda: logged("The screen is not the one that is written", "+ 5 زنگ"))
        assert await dialled() == changed
        assert (await inside.type("1")).startswith("CON")

        # The file is gone: what was published stays, also after a restart.
        (flows / "main.yaml").unlink()
        assert await server.stop() == 0
        await server.start()
        assert await dialled() == changed
        assert await inside.type("0") == first, "the older version is still known"

        # What was there first is good again.
        write("main", main)
        await until(lambda: _is(dialled, first))
        assert await server.stop() == 0


async def _is(asked: Callable[[], Awaitable[str]], wanted: str) -> bool:
    return await asked() == wanted
