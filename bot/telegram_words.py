"""What the bots on Telegram and Bale say beside the conversation. ``_`` marks it for the catalogues."""

from __future__ import annotations


def _(text: str) -> str:
    return text


# Told to a group or channel before it is left.
PRIVATE_ONLY = _("این بات فقط در گفتگوی خصوصی کار می‌کند و از این گروه می‌رود. به خود بات پیام بدهید.")

OLD_MENU = _("این منو قدیمی است. به آخرین پیام پاسخ دهید یا بنویسید: شروع")
NOT_YOURS = _("این شماره از آن شما نیست یا پیام‌رسان آن را تأیید نکرد. شماره خودتان را به اشتراک بگذارید.")
WORDS_PLEASE = _("این نوع پیام را نمی‌خوانیم. لطفاً متن بفرستید.")
FILE_LATER = _("این بات هنوز فایل نمی‌پذیرد. لطفاً متن بفرستید.")
FILE_TOO_LARGE = _("این فایل بزرگ‌تر از اندازه مجاز است.")
