"""Every need as a flow calls it: outcomes and values as its signature says, on both databases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest

from conversation.needs import HANDLERS, SPECS
from conversation.needs.context import NeedContext
from engine.needs import FAILED, SLOW
from engine.session import Frame, Session, Value, read, serialise
from engine.turn import Met
from records.ids import IdMaker
from records.unit import Conflict, Unit
from services.calendar import TEHRAN
from services.complaint_rules import CATEGORIES
from services.files import Kept
from tests.services import conftest as services_tests
from tests.services.conftest import Desk
from tests.services.files import png

# The fixture stands beside the services' own tests; needs hand over to the same desk.
desk = services_tests.desk

NUMBER = "+989121234567"
OTHER = "+989351112233"


@dataclass
class Caller:
    """Somebody in a session. ``meet`` is one turn with one need, committed."""

    desk: Desk
    session: Session

    @classmethod
    async def dial(cls, desk: Desk, number: str = NUMBER) -> Caller:
        person = await desk.person(number)
        session = Session(
            # A maker of its own: the process's has seen the later hours of other tests and never goes back.
            id=IdMaker()(desk.now),
            language=person.language,
            subscriber=person.subscriber,
            verified=True,
            caller=number,
            channel="ussd",
            code="*733#",
        )
        return cls(desk, session)

    def context(self, unit: Unit) -> NeedContext:
        return NeedContext(
            now=self.desk.now,
            session=self.session,
            address=self.session.caller,
            party=self.desk.vault.index("msisdn", self.session.caller),
            channel=self.session.channel,
            code=self.session.code,
            language=self.session.language,
            unit=unit,
            services=self.desk.services,
        )

    async def meet(self, name: str, **arguments: Value) -> Met:
        return await self.desk.turn(lambda unit: self.join(unit, name, **arguments))

    async def join(self, unit: Unit, name: str, **arguments: Value) -> Met:
        """One need of a turn that may have several. Its answer must be what its signature says."""
        spec = SPECS[name]
        assert set(arguments) <= set(spec.arguments)
        assert {argument for argument, required in spec.arguments.items() if required} <= set(arguments)
        wrote = Unit.copy(unit)
        met = await HANDLERS[name](self.context(unit), arguments)
        if met.outcome != FAILED:
            assert set(met.values) == set(spec.outcomes[met.outcome])
        if not spec.writes:
            assert unit == wrote
        return met

    async def code(self, to: str = OTHER) -> str:
        """The code in the last SMS to a number."""
        found = re.search(r"#(\d{6})$", (await self.desk.messages(to))[-1].body)
        assert found is not None
        return found[1]


def plain(values: Mapping[str, Value]) -> Mapping[str, Value]:
    """The values as a flow finds them in its next turn: after the session was stored and read again."""
    session = Session(id=b"x" * 16, language="fa", frames=[Frame("f", "v", "s", dict(values))])
    return read(serialise(session)).frames[0].variables


async def test_a_complaint(desk: Desk) -> None:
    caller = await Caller.dial(desk)
    opened = await caller.meet(
        "complaints.open", subject="unwanted", text="پیام مزاحم می‌آید.", tracking="1234567890"
    )
    number, deadline = opened.values["number"], opened.values["deadline"]
    assert isinstance(number, str)
    assert re.fullmatch(r"\d{4}-\d{4}", number)
    assert deadline == desk.now.astimezone(TEHRAN).replace(day=25, hour=16, minute=0)

    found = await caller.meet("complaints.find", number=number)
    assert plain(found.values) == {
        "number": number, "subject": "پیام مزاحم", "status": "open",
        "deadline": deadline, "answer": None, "answered": None,
    }  # fmt: skip
    assert await caller.meet("complaints.add", number=number.replace("-", ""), text="هنوز هم.") == Met("ok")

    desk.after(3_600)
    digits = number.replace("-", "")
    await desk.services.complaints.answer(digits, operator="sara", text="بسته شد.", revision=2, now=desk.now)
    found = await caller.meet("complaints.find", number=number)
    assert (found.values["status"], found.values["answer"]) == ("answered", "بسته شد.")
    assert found.values["answered"] == desk.now

    await desk.services.complaints.close(digits, operator="sara", revision=3, now=desk.now)
    assert (await caller.meet("complaints.find", number=number)).values["status"] == "closed"
    assert await caller.meet("complaints.add", number=number, text="هنوز هم.") == Met("closed")

    stranger = await Caller.dial(desk, OTHER)
    assert await stranger.meet("complaints.find", number=number) == Met("unknown")
    assert await stranger.meet("complaints.add", number=number, text="هنوز هم.") == Met("unknown")


async def test_a_merged_complaint_names_the_other_one(desk: Desk) -> None:
    caller = await Caller.dial(desk)
    first, second = [
        str((await caller.meet("complaints.open", subject="other", text="متن شکایت")).values["number"])
        for _ in range(2)
    ]
    await desk.services.complaints.merge(second, into=first, operator="sara", revision=1, now=desk.now)
    found = await caller.meet("complaints.find", number=second)
    assert (found.values["status"], found.values["number"]) == ("merged", first)


async def test_too_many_complaints(desk: Desk) -> None:
    caller = await Caller.dial(desk)
    outcomes = [
        (await caller.meet("complaints.open", subject="other", text="متن شکایت")).outcome for _ in range(6)
    ]
    assert outcomes == ["ok"] * 5 + ["too_many"]


async def test_another_number_is_verified_and_linked(desk: Desk) -> None:
    caller = await Caller.dial(desk)
    desk.after(5)
    assert await caller.meet("addresses.link", number=OTHER) == Met(FAILED)
    assert await caller.meet("verification.send", number=OTHER, purpose="link") == Met("ok", {"by": "sms"})
    assert await caller.meet("verification.send", number=OTHER, purpose="link") == Met(
        "wait", {"seconds": 30}
    )
    code = await caller.code()
    wrong = f"{(int(code) + 7) % 10**6:06}"
    arguments = {"number": OTHER, "purpose": "link"}
    assert await caller.meet("verification.check", code=wrong, **arguments) == Met("wrong", {"left": 4})
    assert await caller.meet("addresses.link", number=OTHER) == Met(FAILED)
    # Check and link are two needs of one turn.
    unit = Unit()
    assert await caller.join(unit, "verification.check", code=code, **arguments) == Met("ok")
    assert await caller.join(unit, "identity.required") == Met("no")
    assert await caller.join(unit, "addresses.link", number=OTHER) == Met("ok")
    await desk.committer.commit(unit)
    assert (await desk.person(OTHER)).subscriber == caller.session.subscriber
    assert await caller.meet("verification.check", code=code, **arguments) == Met("expired")


async def test_a_proof_is_good_for_its_session_only(desk: Desk) -> None:
    caller = await Caller.dial(desk)
    await caller.meet("verification.send", number=OTHER, purpose="link")
    code = await caller.code()
    desk.after(20)
    assert (await caller.meet("verification.check", number=OTHER, purpose="link", code=code)).outcome == "ok"
    desk.after(20)
    assert await (await Caller.dial(desk)).meet("addresses.link", number=OTHER) == Met(FAILED)
    stranger = await Caller.dial(desk, "+989131111111")
    assert await stranger.meet("addresses.link", number=OTHER) == Met(FAILED)
    assert await caller.meet("addresses.link", number=OTHER) == Met("ok")


async def test_wrong_codes_end(desk: Desk) -> None:
    caller = await Caller.dial(desk)
    await caller.meet("verification.send", number=OTHER, purpose="link")
    outcomes = [
        (await caller.meet("verification.check", number=OTHER, purpose="link", code="no")).outcome
        for _ in range(6)
    ]
    assert outcomes == ["wrong"] * 4 + ["too_many"] * 2


async def test_codes_have_a_limit(desk: Desk) -> None:
    caller = await Caller.dial(desk)
    seen = []
    for pause in (30, 60, 120, 120, 120, 0):
        seen.append(await caller.meet("verification.send", number=OTHER, purpose="link"))
        desk.after(pause)
    assert [met.values.get("by") for met in seen] == ["sms", "sms", "voice", "voice", "voice", None]
    assert seen[-1].outcome == "too_many"


async def test_a_number_of_ones_own_needs_no_code(desk: Desk) -> None:
    caller = await Caller.dial(desk)
    assert await caller.meet("identity.contact", number=OTHER) == Met("no")
    assert await caller.meet("addresses.link", number=OTHER) == Met(FAILED)
    caller.session.contact = OTHER
    assert await caller.meet("identity.contact", number=OTHER.replace("+98", "0")) == Met("yes")
    assert await caller.meet("identity.contact", number=NUMBER) == Met("no")
    assert await caller.meet("addresses.link", number=OTHER, national_id="0013542419") == Met("ok")
    assert (await desk.person(OTHER)).subscriber == caller.session.subscriber


async def test_nobody_vouches_for_the_sender_of_an_sms(desk: Desk) -> None:
    """Whoever writes somebody's number there could make their own number that person's."""
    caller = await Caller.dial(desk)
    caller.session.verified = False
    caller.session.contact = OTHER
    assert await caller.meet("addresses.link", number=OTHER) == Met(FAILED)
    assert await desk.services.subscribers.find("msisdn", OTHER) is None


async def test_addresses(desk: Desk) -> None:
    caller = await Caller.dial(desk)
    listed = await caller.meet("addresses.list")
    assert listed.outcome == "ok"
    assert (listed.values["count"], listed.values["first"]) == (1, "۰۹۱۲\u00a0۱۲۳\u00a0۴۵۶۷ (همین‌جا)")
    assert await caller.meet("addresses.unlink", list=listed.values["list"], place=1) == Met("last")
    caller.session.contact = OTHER
    await caller.meet("addresses.link", number=OTHER)
    listed = await caller.meet("addresses.list")
    assert [listed.values[place] for place in ("second", "third")] == ["۰۹۳۵\u00a0۱۱۱\u00a0۲۲۳۳", None]
    for place in (0, 3, -1):
        assert await caller.meet("addresses.unlink", list=listed.values["list"], place=place) == Met(
            "unknown"
        )
    assert await caller.meet("addresses.unlink", list=listed.values["list"], place="2") == Met("ok")
    assert await caller.meet("addresses.unlink", list=listed.values["list"], place=2) == Met("unknown")


async def test_files_that_came(desk: Desk) -> None:
    caller = await Caller.dial(desk)
    parties = (desk.vault.index("msisdn", NUMBER), desk.vault.index("msisdn", OTHER))
    mine, theirs = [
        await desk.services.files.store(party, now=desk.now, name="", declared="", content=png())
        for party in parties
    ]
    assert isinstance(mine, Kept)
    assert isinstance(theirs, Kept)
    given = f"{theirs.id.hex()} x 00 {mine.id.hex()} {mine.id.hex()}"
    assert await caller.meet("files.take", files=given) == Met(
        "ok", {"files": mine.id.hex(), "kinds": "image"}
    )
    opened = await caller.meet("complaints.open", subject="other", text="متن شکایت", files=given)
    number = str(opened.values["number"]).replace("-", "")
    _found, words = await desk.services.complaints.read(number)
    assert [word.file for word in words] == [mine.id]


async def test_consent(desk: Desk) -> None:
    caller = await Caller.dial(desk)
    assert await caller.meet("consent.read", purpose="advertising") == Met("withheld")
    assert await caller.meet("consent.set", purpose="advertising", given=True) == Met("ok")
    assert await caller.meet("consent.read", purpose="advertising") == Met("given")
    assert await caller.meet("consent.set", purpose="advertising", given=False) == Met("ok")
    assert await caller.meet("consent.read", purpose="advertising") == Met("withheld")
    for word in ("yes", "true", 1, None):
        with pytest.raises(ValueError, match="given"):
            await caller.meet("consent.set", purpose="advertising", given=word)


async def test_language(desk: Desk) -> None:
    caller = await Caller.dial(desk)
    assert await caller.meet("language.set", language="en") == Met("ok", {"language": "en"})
    assert await caller.meet("language.set", language="xx") == Met("unknown")
    assert (await desk.person()).language == "en"


async def test_calls(desk: Desk) -> None:
    caller = await Caller.dial(desk)
    assert await caller.meet("callbacks.ask", topic="help", time_of_day="morning") == Met("ok")
    assert await caller.meet("callbacks.ask", topic="help", time_of_day="any") == Met("waiting")
    assert await caller.meet("handover.request", topic="help") == Met("accepted", {"place": None})
    assert await caller.meet("handover.request", topic="charging") == Met("accepted", {"place": None})
    assert await caller.meet("callbacks.ask", topic="charging", time_of_day="any") == Met("waiting")


async def test_message_status(desk: Desk) -> None:
    caller = await Caller.dial(desk)
    await caller.meet("complaints.open", subject="other", text="متن شکایت")
    [message] = await desk.messages(NUMBER)
    assert await caller.meet("messages.status", tracking=message.tracking) == Met(
        "ok", {"status": "queued", "at": desk.now, "by": "sms"}
    )
    stranger = await Caller.dial(desk, OTHER)
    assert await stranger.meet("messages.status", tracking=message.tracking) == Met("unknown")


async def test_no_registry_is_no_answer(desk: Desk) -> None:
    """The conversation makes ``failed`` of what a handler raises."""
    caller = await Caller.dial(desk)
    assert await caller.meet("identity.required") == Met("no")
    with pytest.raises(Exception, match="no registry"):
        await caller.meet("identity.match", national_id="0499370899", number=NUMBER)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("complaints.open", {"subject": "other", "text": ""}),
        ("complaints.open", {"subject": None, "text": "متن"}),
        ("complaints.open", {"subject": "other", "text": "متن", "tracking": "1" * 17}),
        ("verification.send", {"number": "110", "purpose": "link"}),
        ("verification.send", {"number": OTHER, "purpose": "x" * 33}),
        ("verification.check", {"number": OTHER, "purpose": "link", "code": None}),
        ("consent.read", {"purpose": "everything"}),
        ("callbacks.ask", {"topic": "help", "time_of_day": "midnight"}),
        ("handover.request", {"topic": ""}),
    ],
)
async def test_wrong_arguments_write_nothing(desk: Desk, name: str, arguments: dict[str, Value]) -> None:
    caller = await Caller.dial(desk)
    unit = Unit()
    with pytest.raises(ValueError, match=r"\S"):
        await caller.join(unit, name, **arguments)
    assert not unit


async def test_nothing_is_committed_by_a_need(desk: Desk) -> None:
    """All of them in one turn; then the turn conflicts, and nothing of it happened."""
    caller = await Caller.dial(desk)
    before = await desk.messages()
    unit = Unit()
    await caller.join(unit, "complaints.open", subject="other", text="متن شکایت")
    await caller.join(unit, "verification.send", number=OTHER, purpose="link")
    await caller.join(unit, "consent.set", purpose="advertising", given=True)
    await caller.join(unit, "language.set", language="en")
    await caller.join(unit, "callbacks.ask", topic="help", time_of_day="any")
    assert await desk.messages() == before
    await caller.meet("verification.send", number=OTHER, purpose="link")
    with pytest.raises(Conflict):
        await desk.committer.commit(unit)
    assert len(await desk.messages()) == 1
    assert (await desk.person()).language == "fa"
    assert await caller.meet("consent.read", purpose="advertising") == Met("withheld")
    assert await caller.meet("callbacks.ask", topic="help", time_of_day="any") == Met("ok")


def test_signatures() -> None:
    assert set(SPECS) == set(HANDLERS)
    for name, spec in SPECS.items():
        assert spec.name == name
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", name)
        assert spec.outcomes
        assert not {FAILED, SLOW} & set(spec.outcomes)
        # Both are sentences for operators.
        assert spec.fa.endswith((".", "است."))
        assert re.search("[آ-ی]", spec.fa)
        assert spec.en.endswith(".")
        assert "ي" not in spec.fa
        assert "ك" not in spec.fa


def test_subjects_fit_the_column() -> None:
    assert all(len(name) <= 32 for name in CATEGORIES)


async def test_a_session_of_two_days(desk: Desk) -> None:
    """A proof counts from when the session began, however long ago that is."""
    caller = await Caller.dial(desk)
    desk.now += timedelta(days=2)
    await caller.meet("verification.send", number=OTHER, purpose="link")
    code = await caller.code()
    assert (await caller.meet("verification.check", number=OTHER, purpose="link", code=code)).outcome == "ok"
    assert await caller.meet("addresses.link", number=OTHER) == Met("ok")
