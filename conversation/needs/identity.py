"""Whose a number is: asked of Shahkar or the like, or vouched for by the messenger."""

from __future__ import annotations

from collections.abc import Mapping

from conversation.needs.context import NeedContext, Needs, text_of
from engine.needs import NeedSpec
from engine.session import Value
from engine.turn import Met
from services.verification import e164

REQUIRED = NeedSpec(
    "identity.required",
    fa="می‌گوید آیا استعلام مالکیت خط (شاهکار) روشن است و باید کد ملی پرسید.",
    en="Whether the look-up of a number's owner (Shahkar) is on, so that the national ID is to be asked.",
    outcomes={"yes": (), "no": ()},
)


async def is_required(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    return Met("yes" if turn.services.identity.required else "no")


MATCH = NeedSpec(
    "identity.match",
    fa="می‌پرسد آیا خط به نام دارنده این کد ملی است. اگر پاسخی نرسد خروجی failed است، نه mismatch.",
    en="Asks whether the number is registered to this national ID. No answer is `failed`, never `mismatch`.",
    arguments={"national_id": True, "number": True},
    outcomes={"ok": (), "mismatch": ()},
)


async def match_identity(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    matched = await turn.services.identity.match(
        text_of(arguments, "national_id"), text_of(arguments, "number")
    )
    return Met("ok" if matched else "mismatch")


CONTACT = NeedSpec(
    "identity.contact",
    fa="می‌گوید آیا شخص همین خط را در همین نشست به نام خودش هم‌رسانی کرده است (دکمه «فرستادن شماره من» "
    "در تلگرام و بله)؛ پیام‌رسان درستی آن را می‌داند و کدی لازم نیست.",
    en="Whether the person shared this number as their own contact in this session (the button of "
    "Telegram and Bale). The messenger vouches for it, and no code is needed.",
    arguments={"number": True},
    outcomes={"yes": (), "no": ()},
)


async def is_contact(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    return Met("yes" if e164(text_of(arguments, "number")) == turn.session.contact else "no")


NEEDS: Needs = ((REQUIRED, is_required), (MATCH, match_identity), (CONTACT, is_contact))
