"""What people get by SMS and by voice: the words, and how they go into the outbox.

The Persian texts here are the source; other languages come from the catalogues. A number of ours is shown in
groups that keep their order on every screen, and a dialled code keeps its star in front (UAX #9).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine import template
from engine.numbers import grouped
from engine.session import Value
from engine.turn import Language
from languages import _
from records.outbox import queue, templated
from records.unit import Unit
from records.vault import Vault

CODE_SMS = _("کد تأیید چاپار: {code:digits}\nآن را به کسی ندهید.")
CODE_VOICE = _("سلام. کد تأیید چاپار: {code:digits}. تکرار می‌کنم: {code:digits}. آن را به کسی ندهید.")

COMPLAINT_OPENED = _("شکایت شما ثبت شد.\nشماره: {number:digits}\nپاسخ تا {deadline:date}\nپیگیری: {dial}")
COMPLAINT_ADDED = _("نوشته شما به شکایت {number:digits} افزوده شد.\nپاسخ تا {deadline:date}")
COMPLAINT_ANSWERED = _("پاسخ شکایت {number:digits}:\n{answer}")
COMPLAINT_ANSWERED_LONG = _("به شکایت {number:digits} پاسخ داده شد. برای خواندن آن {dial} را بگیرید.")
COMPLAINT_CLOSED = _("شکایت {number:digits} بسته شد.\nمشکل مانده است؟ شکایت تازه: {dial}")
COMPLAINT_REOPENED = _("شکایت {number:digits} دوباره باز شد.\nپاسخ تا {deadline:date}")
COMPLAINT_ASSIGNED = _("شکایت {number:digits} به کارشناس سپرده شد.\nپاسخ تا {deadline:date}")
COMPLAINT_MERGED = _("شکایت {number:digits} با شکایت دیگر شما یکی شد.\nشماره پیگیری: {into:digits}")

# The same where people chat: nothing is dialled there, and a long answer has room.
IN_CHAT: Mapping[str, str] = {
    COMPLAINT_OPENED: _(
        "شکایت شما ثبت شد.\nشماره: {number:digits}\nپاسخ تا {deadline:date}\nبرای پیگیری «پیگیری» را بفرستید."
    ),
    COMPLAINT_ANSWERED_LONG: COMPLAINT_ANSWERED,
    COMPLAINT_CLOSED: _("شکایت {number:digits} بسته شد.\nمشکل مانده است؟ «شکایت» را بفرستید."),
}

# UAX #9: a no-break space between digits keeps both groups one number (rule W4), a plain one lets them change
# places in a right-to-left line. A mark (LRM) at each end keeps the signs of a dialled code where they
# belong.
_NO_BREAK = "\u00a0"
_LRM = "\u200e"

# An answer of more UTF-16 units (with its heading three parts in Persian) is read on the phone instead.
ANSWER_BY_SMS = 175

SERVICE_LIFE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets a notice: an msisdn in E.164, and the language to write in."""

    address: str
    language: str


class Notices:
    """Writes notices into the outbox. ``dial`` is the code that people dial to follow things up."""

    def __init__(self, *, vault: Vault, languages: Mapping[str, Language], dial: str) -> None:
        self._vault = vault
        self._languages = languages
        self._dial = dial

    def sms(self, unit: Unit, now: datetime, to: Recipient, text: str, values: Mapping[str, Value]) -> str:
        """Queues one of the texts above; its tracking number."""
        return queue(
            unit, self._vault, now=now, channel="sms", klass="service", kind="msisdn", to=to.address,
            body=self.words(to.language, text, values), lifetime=SERVICE_LIFE,
        )  # fmt: skip

    def chat(
        self,
        unit: Unit,
        now: datetime,
        channel: str,
        route: str,
        to: str,
        language: str,
        text: str,
        values: Mapping[str, Value],
    ) -> str:
        """The same as a message of a chat, by the bot that ``route`` names."""
        return queue(
            unit, self._vault, now=now, channel=channel, klass="service", kind=channel, to=to, route=route,
            body=self.chat_words(language, text, values), lifetime=SERVICE_LIFE,
        )  # fmt: skip

    def chat_words(self, language: str, text: str, values: Mapping[str, Value]) -> str:
        """A text as it is said in a chat."""
        return self.words(language, IN_CHAT.get(text, text), values)

    def code(
        self,
        unit: Unit,
        now: datetime,
        to: Recipient,
        by: str,
        code: str,
        domain: str,
        life: timedelta,
        key: str,
    ) -> None:
        """Queues a one-time code, in words and as what fills a provider's template. It expires with the
        code; ``key`` makes it once."""
        body = self.code_sms(to.language, code, domain) if by == "sms" else self.code_voice(to.language, code)
        queue(
            unit, self._vault, now=now, channel=by, klass="otp", kind="msisdn", to=to.address,
            body=body, payload=templated("code", code=code), lifetime=life, idempotency_key=key,
        )  # fmt: skip

    def code_sms(self, language: str, code: str, domain: str) -> str:
        """The text of a code's SMS. Its last line is for the browser: the origin-bound format of WebOTP
        (https://wicg.github.io/sms-one-time-codes/), which is always in Latin digits."""
        return f"{self.words(language, CODE_SMS, {'code': code})}\n@{domain} #{code}"

    def code_voice(self, language: str, code: str) -> str:
        """What a voice reads: the digits one by one, twice."""
        comma = "، " if right_to_left(self._spoken(language).translate(CODE_VOICE)) else ", "
        return self.words(language, CODE_VOICE, {"code": comma.join(code)})

    def words(self, language: str, text: str, values: Mapping[str, Value]) -> str:
        """A text in the person's language with its values filled in."""
        spoken = self._spoken(language)
        translated = spoken.translate(text)
        rtl = right_to_left(translated)
        shown = {"dial": f"{_LRM}{self._dial}{_LRM}" if rtl else self._dial, **values}
        for name in ("number", "into"):
            if isinstance(number := shown.get(name), str):
                shown[name] = grouped(number).replace("-", _NO_BREAK if rtl else " ")
        return template.parse(translated).render(shown, spoken)

    def _spoken(self, language: str) -> Language:
        return self._languages.get(language) or self._languages["fa"]


def right_to_left(text: str) -> bool:
    """Whether a text is written from right to left: it has a letter that is."""
    return any(unicodedata.bidirectional(character) in ("R", "AL") for character in text)
