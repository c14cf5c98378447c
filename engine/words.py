"""The engine's own words, each within one page of a USSD screen. ``_`` marks them for the catalogues."""

from __future__ import annotations


def _(text: str) -> str:
    return text


BACK = _("بازگشت")
HOME = _("منو")
MORE = _("ادامه")

# What buttons say for answers that are no words.
SHARE_NUMBER = _("فرستادن شماره من")
SEND_FILE = _("فرستادن فایل")

WRONG_CHOICE = _("این گزینه نیست. شماره یکی از گزینه‌ها را بفرستید.")
WRONG_ANSWER = _("این پاسخ پذیرفته نشد. دوباره بنویسید.")
TOO_LONG = _("پاسخ بلندتر از اندازه است. کوتاه‌تر بنویسید.")
# How a person comes back (``engine.returning``), as the end of a sentence.
DIAL = _("بگیرید:\n{code}")
SEND = _("«{word}» را بفرستید.")

GIVEN_UP = _("پاسخ درستی نرسید. برای شروع دوباره {again:main}")
UNKNOWN_CODE = _("این کد شناخته نشد. کد را درست بگیرید.")
NOT_SAID = _("این نوشته به کارشناس نرسید. دوباره بفرستید.")
TIME_IS_OVER = _("زمان این گفتگو تمام شد. برای شروع دوباره {again:main}")
