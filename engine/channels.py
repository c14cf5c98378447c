"""The channels that conversations are held on, as data: one layout each, by channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.layout import USSD, Layout

_DAY = 24 * 3_600

# On a chat a session simply stays open: nobody is cut off there, and nobody is told that a day went by.
_CHAT = Layout(
    channel="webchat",
    septets=None,
    units=None,
    back_words=("بازگشت", "برگشت", "back"),
    home_words=("منو", "منوی اصلی", "menu"),
    more_words=("بیشتر", "ادامه", "more"),
    buttons=True,
    again="شروع",
    live=True,
    expires=_DAY,
    silent=True,
    files=True,
)

CHANNELS: Mapping[str, Layout] = {
    layout.channel: layout
    for layout in (
        USSD,
        # A message of the Bot API holds 4,096 characters after entities are parsed
        # (core.telegram.org/bots/api, sendMessage); Bale takes over the same bound.
        replace(_CHAT, channel="telegram", septets=4_096, units=4_096),
        replace(_CHAT, channel="bale", septets=4_096, units=4_096),
        _CHAT,
        # Two parts of a joined SMS: 153 septets or 67 units each beside the header that joins them, less one,
        # since no character is cut between them (3GPP TS 23.040 §9.2.3.24.1). Who writes by SMS is called
        # back, not talked to.
        replace(_CHAT, channel="sms", septets=305, units=133, buttons=False, live=False, files=False),
    )
}
