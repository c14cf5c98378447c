"""One-time codes on both databases: what is sent, what is checked, and what a race cannot win."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from records.ids import new_id
from records.tables import outbox, verifications
from records.unit import Conflict, Unit
from services.notices import Notices
from services.sending_limits import Limits, TooMany, Wait
from services.verification import BadNumber, Expired, Right, Sent, Verification, Wrong
from tests.services.conftest import Desk

NUMBER = "+989121234567"
OTHER = "+989351112233"
ASKER = b"a" * 16


def asker(name: str) -> bytes:
    return name.encode().ljust(16, b".")


async def send(
    desk: Desk, number: str = NUMBER, purpose: str = "link", language: str = "fa", by: bytes = ASKER
) -> Sent | Wait | TooMany:
    return await desk.turn(
        lambda unit: desk.services.verification.send(
            unit, now=desk.now, number=number, purpose=purpose, language=language, asker=by
        )
    )


async def check(
    desk: Desk, code: str, number: str = NUMBER, purpose: str = "link", by: bytes = ASKER
) -> Right | Wrong | Expired | TooMany:
    return await desk.turn(
        lambda unit: desk.services.verification.check(
            unit, now=desk.now, number=number, purpose=purpose, code=code, asker=by
        )
    )


async def sent_code(desk: Desk, to: str = NUMBER) -> str:
    """The code that the phone got last."""
    last = (await desk.messages(to))[-1].body
    if (found := re.search(r"#(\d{6})$", last)) is not None:
        return found[1]
    digits = str.maketrans("۰۱۲۳۴۵۶۷۸۹", "0123456789")
    return "".join(re.findall(r"\d", last.translate(digits))[:6])


def wrong_for(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


async def test_a_code_goes_out_and_comes_back_once(desk: Desk) -> None:
    assert await send(desk) == Sent("sms")
    [message] = await desk.messages()
    assert (message.to, message.channel, message.klass) == (NUMBER, "sms", "otp")
    assert message.lifetime == timedelta(minutes=2)
    code = await sent_code(desk)
    assert re.fullmatch(r"\d{6}", code)
    assert message.body.splitlines()[-1] == f"@chapar.example #{code}"

    assert await check(desk, wrong_for(code)) == Wrong(4)
    assert await check(desk, code) == Right()
    assert await check(desk, code) == Expired()


async def test_the_code_is_nowhere_but_in_the_message(desk: Desk) -> None:
    with capture_logs() as logs:
        await send(desk)
        code = await sent_code(desk)
        await check(desk, wrong_for(code))
    [row] = await desk.database.read(select(verifications))
    assert code.encode() not in bytes(row.digest)
    assert code not in str(logs)
    assert NUMBER[1:] not in str(logs)
    assert NUMBER[-7:] not in str(logs)


async def test_five_checks_and_no_more(desk: Desk) -> None:
    await send(desk)
    code = await sent_code(desk)
    wrong = wrong_for(code)
    answers = [await check(desk, wrong) for _ in range(5)]
    assert answers == [Wrong(4), Wrong(3), Wrong(2), Wrong(1), TooMany("checks")]
    # Then not even the right one.
    assert await check(desk, code) == TooMany("checks")


async def test_two_minutes(desk: Desk) -> None:
    await send(desk)
    code = await sent_code(desk)
    desk.after(119.9)
    assert await check(desk, wrong_for(code)) == Wrong(4)
    desk.after(0.1)
    assert await check(desk, code) == Expired()


async def test_a_new_code_ends_the_one_before(desk: Desk) -> None:
    await send(desk)
    first = await sent_code(desk)
    desk.after(30)
    assert await send(desk) == Sent("sms")
    second = await sent_code(desk)
    if first != second:
        assert await check(desk, first) == Wrong(4)
    assert await check(desk, second) == Right()


async def test_pauses_then_a_call(desk: Desk) -> None:
    assert await send(desk) == Sent("sms")
    assert await send(desk) == Wait(30)
    desk.after(30)
    assert await send(desk) == Sent("sms")
    desk.after(59)
    assert await send(desk) == Wait(1)
    desk.after(1)
    assert await send(desk) == Sent("voice")
    message = (await desk.messages())[-1]
    assert (message.channel, message.klass, message.lifetime) == ("voice", "otp", timedelta(minutes=2))
    code = await sent_code(desk)
    assert await check(desk, code) == Right()
    # A success begins anew, by SMS and at once.
    assert await send(desk) == Sent("sms")


async def test_five_in_ten_minutes_whatever_the_purpose(desk: Desk) -> None:
    for purpose in ("a", "b", "c", "d", "e"):
        assert await send(desk, purpose=purpose) == Sent("sms")
    assert await send(desk, purpose="f") == TooMany("number, window")
    desk.after(600)
    assert await send(desk, purpose="f") == Sent("sms")


async def test_one_asker_and_many_numbers(desk: Desk) -> None:
    for n in range(10):
        assert await send(desk, number=f"+9891200000{n:02}") == Sent("sms")
    assert await send(desk, number="+989120000099") == TooMany("asker, window")
    assert await send(desk, number="+989120000099", by=asker("else")) == Sent("sms")


async def test_a_prefix(desk: Desk) -> None:
    verification = Verification(
        database=desk.database,
        vault=desk.vault,
        notices=Notices(vault=desk.vault, languages=desk.languages, dial="*733#"),
        domain="chapar.example",
        limits=Limits(prefix_sends=3),
    )

    async def send_to(number: str, by: str) -> Sent | Wait | TooMany:
        return await desk.turn(
            lambda unit: verification.send(
                unit, now=desk.now, number=number, purpose="link", language="fa", asker=asker(by)
            )
        )

    for n in range(3):
        assert await send_to(f"+9891200000{n:02}", f"{n}") == Sent("sms")
    assert await send_to("+989120000099", "x") == TooMany("prefix, window")
    assert await send_to("+989350000099", "x") == Sent("sms")


async def test_purposes_and_numbers_are_apart(desk: Desk) -> None:
    await send(desk)
    code = await sent_code(desk)
    await send(desk, number=OTHER)
    assert await check(desk, code, purpose="login") == Expired()
    other = await sent_code(desk, OTHER)
    if other != code:
        assert await check(desk, code, number=OTHER) == Wrong(4)
    assert await check(desk, code) == Right()


async def test_a_code_is_for_who_asked(desk: Desk) -> None:
    """Another person can neither use it nor use up its checks."""
    await send(desk)
    code = await sent_code(desk)
    for _ in range(6):
        assert await check(desk, wrong_for(code), by=asker("stranger")) == Expired()
    assert await check(desk, code, by=asker("stranger")) == Expired()
    assert await check(desk, code) == Right()


async def test_answers_do_not_tell_whether_a_number_is_known(desk: Desk) -> None:
    await desk.person(NUMBER)
    assert await send(desk, number=NUMBER) == await send(desk, number=OTHER) == Sent("sms")
    assert await send(desk, number=NUMBER) == await send(desk, number=OTHER) == Wait(30)
    texts = [re.sub(r"[۰-۹\d]", "0", message.body) for message in await desk.messages()]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("number", ["", "12345", "+0912", "+98912123456x", "02188776655", "+" + "9" * 20])
async def test_no_number(desk: Desk, number: str) -> None:
    with pytest.raises(BadNumber):
        await send(desk, number=number)
    with pytest.raises(BadNumber):
        await check(desk, "123456", number=number)


@pytest.mark.parametrize("number", ["09121234567", "۰۹۱۲ ۱۲۳ ۴۵۶۷", "9121234567", "00989121234567"])
async def test_one_number_however_it_is_written(desk: Desk, number: str) -> None:
    assert await send(desk, number=number) == Sent("sms")
    assert await send(desk) == Wait(30)
    assert await check(desk, await sent_code(desk), number=number) == Right()


@pytest.mark.parametrize("code", ["", "12345", "1234567", "۱۲۳۴۵۶", "x" * 5_000, "\ud800"])
async def test_what_is_no_code_is_wrong(desk: Desk, code: str) -> None:
    await send(desk)
    if code != await sent_code(desk):
        assert await check(desk, code) == Wrong(4)


async def test_two_checks_in_one_turn_count_twice(desk: Desk) -> None:
    """Codes dialled one after the other in one string see what the one before will write."""
    await send(desk)
    code = await sent_code(desk)
    unit = Unit()
    answers = [
        await desk.services.verification.check(
            unit, now=desk.now, number=NUMBER, purpose="link", code=each, asker=ASKER
        )
        for each in (wrong_for(code), wrong_for(code), code, code)
    ]
    assert answers == [Wrong(4), Wrong(3), Right(), Expired()]
    await desk.committer.commit(unit)
    [row] = await desk.database.read(select(verifications))
    assert row.checks == 3
    assert row.consumed_at == desk.now


async def test_send_and_guess_in_one_turn(desk: Desk) -> None:
    unit = Unit()
    verification = desk.services.verification
    await verification.send(unit, now=desk.now, number=NUMBER, purpose="link", language="fa", asker=ASKER)
    again = await verification.send(
        unit, now=desk.now, number=NUMBER, purpose="link", language="fa", asker=ASKER
    )
    assert again == Wait(30)
    guess = await verification.check(
        unit, now=desk.now, number=NUMBER, purpose="link", code="no", asker=ASKER
    )
    assert guess == Wrong(4)
    await desk.committer.commit(unit)
    assert await check(desk, "no") == Wrong(3)


# Races. Each of these runs its turns at the same time and commits them together.


async def test_of_two_right_checks_at_once_one_wins(desk: Desk) -> None:
    await send(desk)
    code = await sent_code(desk)
    answers = await asyncio.gather(*(check(desk, code) for _ in range(8)))
    assert answers.count(Right()) == 1
    assert answers.count(Expired()) == 7


async def test_guesses_at_once_are_five_at_most(desk: Desk) -> None:
    await send(desk)
    code = await sent_code(desk)
    wrong = wrong_for(code)
    seen: list[object] = []

    async def guess() -> None:
        unit = Unit()
        answer = await desk.services.verification.check(
            unit, now=desk.now, number=NUMBER, purpose="link", code=wrong, asker=ASKER
        )
        try:
            await desk.committer.commit(unit)
        except Conflict:
            return
        seen.append(answer)

    for _round in range(8):
        await asyncio.gather(*(guess() for _ in range(10)))
    # Only what was committed was answered: four times wrong, then no more.
    assert [answer for answer in seen if isinstance(answer, Wrong)] == [
        Wrong(4),
        Wrong(3),
        Wrong(2),
        Wrong(1),
    ]
    [row] = await desk.database.read(select(verifications))
    assert row.checks == 5
    assert await check(desk, code) == TooMany("checks")


async def test_a_right_check_among_wrong_ones(desk: Desk) -> None:
    await send(desk)
    code = await sent_code(desk)
    answers = await asyncio.gather(*(check(desk, each) for each in (wrong_for(code), code, wrong_for(code))))
    assert answers.count(Right()) == 1
    [row] = await desk.database.read(select(verifications))
    assert row.consumed_at is not None


async def test_sends_at_once_are_one(desk: Desk) -> None:
    answers = await asyncio.gather(*(send(desk) for _ in range(5)))
    assert answers.count(Sent("sms")) == 1
    assert answers.count(Wait(30)) == 4
    assert len(await desk.messages()) == 1


async def test_sends_for_many_purposes_at_once_stay_within_the_numbers_limit(desk: Desk) -> None:
    for _round in range(12):
        await asyncio.gather(
            *(send(desk, purpose=f"p{n}", by=asker(f"{n}")) for n in range(6)), return_exceptions=True
        )
    assert len(await desk.messages()) == 5


async def test_sends_to_many_numbers_at_once_stay_within_the_askers_limit(desk: Desk) -> None:
    for round in range(20):
        await asyncio.gather(
            *(send(desk, number=f"+989120{round:02}00{n:02}") for n in range(6)), return_exceptions=True
        )
    assert len(await desk.messages()) == 10


async def test_old_rows_may_be_purged(desk: Desk) -> None:
    """Retention deletes codes before messages; whoever asks again after that is not in anybody's way."""
    for _day in range(3):
        assert await send(desk) == Sent("sms")
        async with asyncio.timeout(20):
            await desk.database.transaction(lambda connection: connection.execute(verifications.delete()))
        desk.after(25 * 3_600)
    keys = await desk.database.read(select(outbox.c.idempotency_key))
    assert len({row[0] for row in keys}) == 3


async def test_the_alarm_of_pumping(desk: Desk) -> None:
    """20 codes to one prefix and none comes back; another prefix does well."""
    unit = Unit()
    for n in range(40):
        unit.insert(
            verifications,
            {
                "id": new_id(desk.now),
                "purpose": "link",
                "party": asker(f"{n}"),
                "prefix": "+99850" if n < 20 else "+98912",
                "requested_by": ASKER,
                "digest": bytes(32),
                "channel": "sms",
                "created_at": desk.now,
                "expires_at": desk.now + timedelta(minutes=2),
                "checks": 0,
                "consumed_at": None if n < 20 or n % 2 else desk.now,
                "replaced_at": None,
            },
        )
    await desk.committer.commit(unit)
    with capture_logs() as logs:
        # Codes that can still come back are not counted.
        assert await desk.services.verification.watch(desk.now + timedelta(minutes=1)) == []
        desk.after(180)
        found = await desk.services.verification.watch(desk.now)
    assert [(ratio.prefix, ratio.sent, ratio.verified) for ratio in found] == [
        ("+98912", 20, 10),
        ("+99850", 20, 0),
    ]
    assert [(entry["log_level"], entry["prefix"]) for entry in logs] == [("warning", "+99850")]


async def test_proof_in_this_session(desk: Desk) -> None:
    verification = desk.services.verification
    began = desk.now
    assert not await verification.proved(Unit(), number=NUMBER, asker=ASKER, since=began)
    await send(desk)
    assert not await verification.proved(Unit(), number=NUMBER, asker=ASKER, since=began)
    desk.after(10)
    unit = Unit()
    code = await sent_code(desk)
    await verification.check(unit, now=desk.now, number=NUMBER, purpose="link", code=code, asker=ASKER)
    # The same turn knows before anything is committed.
    assert await verification.proved(unit, number=NUMBER, asker=ASKER, since=began)
    await desk.committer.commit(unit)
    assert await verification.proved(Unit(), number=NUMBER, asker=ASKER, since=began)
    assert not await verification.proved(Unit(), number=NUMBER, asker=asker("else"), since=began)
    assert not await verification.proved(Unit(), number=OTHER, asker=ASKER, since=began)
    later = desk.now + timedelta(seconds=1)
    assert not await verification.proved(Unit(), number=NUMBER, asker=ASKER, since=later)


async def test_a_changed_row_does_not_verify(desk: Desk) -> None:
    """A digest is bound to its own row: one copied from another row proves nothing."""
    await send(desk)
    code = await sent_code(desk)
    await send(desk, number=OTHER)
    rows = {row.party: row for row in await desk.database.read(select(verifications))}
    own, other = (rows[desk.vault.index("msisdn", number)] for number in (NUMBER, OTHER))
    await desk.database.transaction(
        lambda connection: connection.execute(
            update(verifications).where(verifications.c.id == other.id).values(digest=own.digest)
        )
    )
    assert await check(desk, code, number=OTHER) == Wrong(4)
