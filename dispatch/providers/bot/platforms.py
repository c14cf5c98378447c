"""What differs between the messengers that speak Telegram's Bot API: data, one object for each.

Telegram: core.telegram.org/bots/api. Bale: docs.bale.ai, which takes over Telegram's methods and field names
for what it has. Bale publishes no limits; it answers 403 with the word HIT_LIMIT where Telegram says 429.
What else it says of limits, of tokens (400) and of chats that it does not know (404) is from the table of
errors of python-bale-bot 2.5, an independent client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Platform:
    """``name`` is its channel. ``base_url`` and ``base_file_url`` are followed by the bot's token.

    ``throttled`` are words in an error's description that mean "slower", whatever its code; ``no_token``
    likewise "there is no such bot (any more)".
    ``secret_header``: its webhook requests carry the secret in a header; elsewhere it is part of the path.
    ``webhook_answers``: it carries out a method that stands in the answer to a webhook request. ``marks``:
    the keyboard under a message can be changed. ``contacts``: a person can be asked for their own number by
    a button. ``members``: it tells when a person blocks the bot, in updates that are asked for by name.
    ``commands``: it shows a list of them.
    """

    name: str
    base_url: str
    base_file_url: str
    throttled: tuple[str, ...] = ()
    no_token: tuple[str, ...] = ()
    secret_header: bool = True
    webhook_answers: bool = True
    marks: bool = True
    contacts: bool = True
    members: bool = True
    commands: bool = True


TELEGRAM = Platform(
    name="telegram",
    base_url="https://api.telegram.org/bot",
    base_file_url="https://api.telegram.org/file/bot",
)

BALE = Platform(
    name="bale",
    base_url="https://tapi.bale.ai/bot",
    base_file_url="https://tapi.bale.ai/file/bot",
    throttled=("HIT_LIMIT", "Too Many Requests", "bot limit exceed", "local_rate_limited"),
    no_token=("token not found", "Token not found"),
    secret_header=False,
    webhook_answers=False,
    members=False,
    commands=False,
)

PLATFORMS: Mapping[str, Platform] = {platform.name: platform for platform in (TELEGRAM, BALE)}

# A message's text, counted in UTF-16 code units (core.telegram.org/bots/api, sendMessage).
MESSAGE_UNITS = 4_096
