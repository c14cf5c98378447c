"""Numbers and chats that belong to the person who speaks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from conversation.needs.context import NeedContext, Needs, optional_text_of, text_of
from engine.needs import FAILED, NeedSpec
from engine.session import Value
from engine.turn import Met
from languages import _
from records.tables import moment
from services.linking import Held, LastAddress, UnknownAddress
from services.subscribers import NUMBER
from services.verification import e164

# How each kind of address is named to the person.
NAMES: Mapping[str, str] = {
    "msisdn": "{phone:phone}",
    "telegram": _("تلگرام"),
    "bale": _("پیام‌رسان بله"),
    "webchat": _("گفتگوی سایت"),
    "email": _("ایمیل"),
}
OTHER = _("نشانی دیگر")
HERE = _("{name} (همین‌جا)")

PLACES = ("first", "second", "third", "fourth", "fifth", "sixth")

LINK = NeedSpec(
    "addresses.link",
    fa="خط را به نام شخص می‌نویسد، تنها اگر در همین نشست کد آن خط درست وارد شده یا خودش آن را هم‌رسانی "
    "کرده باشد؛ وگرنه خروجی failed است. کسی که پیش‌تر از همین خط تماس گرفته همین شخص شمرده می‌شود و "
    "پرونده‌ها یکی می‌شود، مگر آنکه خط دست دیگری افتاده باشد. national_id همان است که identity.match "
    "تازه درست دانسته است.",
    en="Makes the number one of this person's, only after its code was right or it was shared as their "
    "own contact in this session; else `failed`. Whoever dialled from it before is taken for this "
    "person, and what both have becomes one, unless the number has changed hands. `national_id` is what "
    "identity.match has just found right.",
    arguments={"number": True, "national_id": False},
    outcomes={"ok": ()},
    writes=True,
)


async def link_address(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    if turn.person.kind == NUMBER and not turn.session.verified:
        return Met(FAILED)  # Nobody vouches for the number that speaks: it may be anybody's.
    number = e164(text_of(arguments, "number"))
    by = "contact" if number == turn.session.contact else "code"
    proved = by == "contact" or await turn.services.verification.proved(
        turn.unit, number=number, asker=turn.party, since=min(began(turn.session.id), turn.now)
    )
    if not proved:
        return Met(FAILED)
    turn.session.subscriber = await turn.services.linking.link(
        turn.unit,
        turn.person,
        now=turn.now,
        number=number,
        by=by,
        national_id=optional_text_of(arguments, "national_id") or "",
    )
    return Met("ok")


LIST = NeedSpec(
    "addresses.list",
    fa="خط‌ها و گفتگوهای شخص را می‌شمارد: first تا sixth نام آن‌هاست (آنچه نیست خالی است) و first همانی "
    "است که اکنون با آن حرف می‌زند. list را به addresses.unlink بدهید. unproved یعنی این گفتگو باید اول "
    "شماره را تأیید کند.",
    en="The person's numbers and chats: `first` to `sixth` name them (empty where there is none), and "
    "`first` is the one they speak from. Give `list` to addresses.unlink. `unproved`: a number must be "
    "proved from this chat first.",
    outcomes={"ok": ("count", "list", *PLACES), "unproved": ()},
)


async def list_addresses(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    held = await turn.services.linking.held(turn.unit, turn.person)
    if not turn.person.fresh and any(not each.here for each in held):
        return Met("unproved")
    shown = held[: len(PLACES)]
    names: dict[str, Value] = dict.fromkeys(PLACES)
    names |= {place: _name(turn, each) for place, each in zip(PLACES, shown, strict=False)}
    references = " ".join(each.reference for each in shown)
    return Met("ok", {"count": len(shown), "list": references, **names})


UNLINK = NeedSpec(
    "addresses.unlink",
    fa="یکی از خط‌ها یا گفتگوهای شخص را جدا می‌کند: place جای آن در list است، از 1. دیگر چیزی به آن "
    "فرستاده نمی‌شود و پرونده‌ها نزد خود شخص می‌ماند. تنها نشانی‌اش را نمی‌شود جدا کرد: last. اگر دیگر "
    "از آن او نباشد: unknown.",
    en="Lets one of the person's numbers or chats go: `place` is its place in `list`, from 1. Nothing "
    "more is sent there, and what came by it stays with the person. Their only one cannot go: `last`. "
    "`unknown` when it is not theirs any more.",
    arguments={"list": True, "place": True},
    outcomes={"ok": (), "last": (), "unknown": ()},
    writes=True,
)


async def unlink_address(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    references = text_of(arguments, "list").split()
    place = int(text_of(arguments, "place"))
    if not 1 <= place <= len(references):
        return Met("unknown")
    if not turn.person.fresh:
        return Met(FAILED)
    try:
        await turn.services.linking.unlink(
            turn.unit, turn.person, now=turn.now, reference=references[place - 1]
        )
    except UnknownAddress:
        return Met("unknown")
    except LastAddress:
        return Met("last")
    return Met("ok")


def _name(turn: NeedContext, held: Held) -> str:
    words = turn.services.notices.words
    name = words(turn.language, NAMES.get(held.kind, OTHER), {"phone": held.number})
    return words(turn.language, HERE, {"name": name}) if held.here else name


def began(session: bytes) -> datetime:
    """When a session began: its id is a UUID of version 7, whose first 48 bits are milliseconds since
    1970."""
    return moment(int.from_bytes(session[:6]) * 1_000)


NEEDS: Needs = ((LINK, link_address), (LIST, list_addresses), (UNLINK, unlink_address))
