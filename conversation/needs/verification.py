"""One-time codes: send one to a number, check what came back."""

from __future__ import annotations

from collections.abc import Mapping

from conversation.needs.context import NeedContext, Needs, text_of
from engine.needs import NeedSpec
from engine.session import Value
from engine.turn import Met
from services.sending_limits import TooMany, Wait
from services.verification import Expired, Wrong

SEND = NeedSpec(
    "verification.send",
    fa="کد یک‌بارمصرف می‌فرستد: دو بار پیامک، از بار سوم تماس صوتی. "
    "by می‌گوید با چه رفت: sms یا voice. اگر زود باشد seconds ثانیه تا کد بعدی مانده است.",
    en="Sends a one-time code: twice by SMS, from the third time by a call. "
    "`by` is sms or voice; `seconds` are left until the next code may be sent.",
    arguments={"number": True, "purpose": True},
    outcomes={"ok": ("by",), "wait": ("seconds",), "too_many": ()},
    writes=True,
)


async def send_code(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    sent = await turn.services.verification.send(
        turn.unit,
        now=turn.now,
        number=text_of(arguments, "number"),
        purpose=text_of(arguments, "purpose"),
        language=turn.language,
        asker=turn.party,
    )
    match sent:
        case Wait(seconds):
            return Met("wait", {"seconds": seconds})
        case TooMany():
            return Met("too_many")
    return Met("ok", {"by": sent.by})


CHECK = NeedSpec(
    "verification.check",
    fa="کدی را که همین شخص خواسته بود می‌سنجد. پس از پنج کد نادرست آن کد دیگر کار نمی‌کند؛ left بار مانده است.",
    en="Checks a code that this person asked for. After five wrong ones it works no more; `left` are left.",
    arguments={"number": True, "purpose": True, "code": True},
    outcomes={"ok": (), "wrong": ("left",), "expired": (), "too_many": ()},
    writes=True,
)


async def check_code(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    checked = await turn.services.verification.check(
        turn.unit,
        now=turn.now,
        number=text_of(arguments, "number"),
        purpose=text_of(arguments, "purpose"),
        code=text_of(arguments, "code"),
        asker=turn.party,
    )
    match checked:
        case Wrong(left):
            return Met("wrong", {"left": left})
        case Expired():
            return Met("expired")
        case TooMany():
            return Met("too_many")
    return Met("ok")


NEEDS: Needs = ((SEND, send_code), (CHECK, check_code))
