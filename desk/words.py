"""What the desk says and the commands it takes, in Persian and from the catalogues."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from engine import template
from engine.fold import key
from engine.session import Value
from engine.turn import Language
from languages import _
from services.handover_words import REASONS as CLOSING

HELLO = _("میز {name}. برای فرمان‌ها «/راهنما» را بنویسید.")
NOBODY = _("کسی در صف نیست.")
QUEUE = _("در صف: {count:number}")
MINE = _("گفتگوهای شما")
WAITING = _("در صف")
CHOOSE = _("برای پذیرفتن یا ادامه دادن، شماره را بنویسید.")
NO_SUCH = _("چنین شماره‌ای در فهرست نیست.")
NO_THREAD = _("گفتگویی باز نیست؛ نخست یکی را از فهرست بردارید.")
OPENED = _("گفتگو در {channel}، از {day:date} ساعت {day:time}")
EARLIER = _("گفتگوهای پیشین این شخص: {count:number}")
NEW_POSTS = _("پیام تازه در گفتگوی {number:number}")
GONE_BACK = _("این گفتگو دیگر با شما نیست.")
IS_OVER = _("گفتگو بسته شد: {reason}")
CLOSED = _("گفتگو را بستید. نظرسنجی برای شخص رفت.")
UNREAD = _("پیش از بستن، آنچه را تازه نوشته است بخوانید و دوباره ببندید.")
TAKEN = _("{operator} زودتر آن را پذیرفت.")
NOT_YOURS = _("این گفتگو با شما نیست.")
OVER = _("این گفتگو بسته شده است.")
UNKNOWN = _("چنین گفتگویی نیست.")
ABSENT = _("کارشناسی با این نام پشت میز نیست. پشت میزند: {names}")
PRESENT = _("پشت میزند: {names}")
TRANSFERRED = _("گفتگو به {operator} سپرده شد.")
RETURNED = _("گفتگو به صف برگشت.")
NOTED = _("یادداشت ماند؛ شخص آن را نمی‌بیند.")
JOINED = _("گفتگو به شکایت {number:digits} پیوست.")
COMPLAINT_OPENED = _("شکایت {number:digits} ثبت شد. پاسخ تا {deadline:date}")
TOO_MANY = _("این شخص بیش از این شکایت باز نمی‌تواند داشته باشد.")
NO_COMPLAINT = _("این شخص شکایتی با این شماره ندارد.")
AWAY = _("پایگاه داده پاسخ نمی‌دهد؛ دوباره تلاش می‌شود.")
NOT_SENT = _("فرستاده نشد: {text}")
NOT_DELIVERED = _("به شخص نرسید ({status}): {text}")
NOT_DONE = _("انجام نشد؛ دوباره تلاش کنید.")
TYPES = _("در حال نوشتن است…")
IS_HERE = _("در صفحه گفتگوست.")
IS_AWAY = _("صفحه گفتگو را بسته است.")
UNKNOWN_COMMAND = _("این فرمان نیست. «/راهنما» فرمان‌ها را می‌گوید.")
HOW = _("این‌گونه بنویسید: {usage}")
GOODBYE = _("میز بسته شد. گفتگوهایی که به صف برگشت: {count:number}")
PERSON = _("شخص")
SYSTEM = _("سامانه")
FILE = _("[فایل {number:number}: {name}، {kind}، {size:number} کیلوبایت]")
FILE_GONE = _("[فایلی که دیگر نیست]")
SAVED = _("فایل در {path} نوشته شد.")
NO_FILE = _("در این گفتگو فایلی با این شماره نیست.")
UNSUITABLE = _("نشد: {why}")
FILE_SENT = _("فایل فرستاده شد.")
KINDS: Mapping[str, str] = {
    "image": _("تصویر"),
    "audio": _("صدا"),
    "document": _("سند"),
}

REASONS: Mapping[str, str] = {
    "resolved": _("حل شد"),
    "unresolved": _("حل نشد"),
    "silent": _("پاسخ نداد"),
    "left": _("خودش تمام کرد"),
    "late": _("یک هفته خبری نشد"),
}
ACTS: Mapping[str, str] = {
    "requested": _("کارشناس خواست"),
    "accepted": _("پذیرفت"),
    "transferred": _("سپرد به"),
    "returned": _("به صف برگشت"),
    "joined": _("پیوست به شکایت"),
    "closed": _("بست"),
    "resumed": _("گفتگو با سامانه ادامه یافت"),
    "note": _("یادداشت"),
}
CHANNELS: Mapping[str, str] = {
    "telegram": _("تلگرام"),
    "bale": _("پیام‌رسان بله"),
    "webchat": _("وب"),
    "sms": _("پیامک"),
}

# What a command does, the words that name it, and what its help says.
COMMANDS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("queue", ("صف", "فهرست", "queue", "list"), _("/صف: فهرست گفتگوها")),
    ("close", ("بستن", "پایان", "close"), _("/بستن [حل شد | حل نشد | پاسخ نداد]: پایان گفتگو و نظرسنجی")),
    ("transfer", ("انتقال", "transfer"), _("/انتقال نام [یادداشت]: سپردن به کارشناس دیگر")),
    ("return", ("برگشت", "بازگشت", "return"), _("/برگشت [یادداشت]: برگرداندن به صف")),
    ("note", ("یادداشت", "note"), _("/یادداشت متن: تنها برای کارشناسان")),
    (
        "complaint",
        ("شکایت", "complaint"),
        _("/شکایت شماره: پیوستن به آن؛ /شکایت تازه متن: ثبت شکایت از این گفتگو"),
    ),
    ("save", ("ذخیره", "save"), _("/ذخیره شماره پوشه: نوشتن فایلی که رسیده در آن پوشه")),
    ("file", ("فایل", "file"), _("/فایل نشانی: فرستادن فایلی از این رایانه برای شخص")),
    ("who", ("کارشناسان", "who"), _("/کارشناسان: چه کسانی پشت میزند")),
    ("help", ("راهنما", "help"), _("/راهنما: همین فهرست")),
    ("quit", ("خروج", "quit", "exit"), _("/خروج: بستن میز؛ گفتگوهای باز به صف برمی‌گردد")),
)
NEW = ("تازه", "جدید", "new")

MINUTES = _("{count:number} دقیقه")
HOURS = _("{count:number} ساعت")
DAYS = _("{count:number} روز")


class Words:
    """The desk's words in one language."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def __call__(self, text: str, /, **values: Value) -> str:
        """A text in this language with its values filled in."""
        return template.parse(self._language.translate(text)).render(values, self._language)

    def waited(self, time: timedelta) -> str:
        """How long somebody has waited, in one unit."""
        minutes = int(time.total_seconds() // 60)
        if minutes < 60:
            return self(MINUTES, count=max(minutes, 0))
        if minutes < 48 * 60:
            return self(HOURS, count=minutes // 60)
        return self(DAYS, count=minutes // (24 * 60))

    def clock(self, at: datetime) -> str:
        return self._language.format(at, "time")

    def number(self, value: int) -> str:
        return self._language.format(value, "digits")

    @property
    def language(self) -> Language:
        return self._language

    def reason(self, typed: str) -> str | None:
        """The reason that somebody typed; ``resolved`` for nothing, None for anything else."""
        if not typed:
            return "resolved"
        for name in CLOSING:
            text = REASONS[name]
            if key(typed) in (name, key(text), key(self(text))):
                return name
        return None


def command(line: str) -> tuple[str, str]:
    """(what to do, the rest of the line) of a line that begins with a slash; "" for an unknown command."""
    word, _space, rest = line[1:].strip().partition(" ")
    for name, names, _help in COMMANDS:
        if key(word) in map(key, names):
            return name, rest.strip()
    return "", rest.strip()
