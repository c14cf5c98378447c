"""The part of an update that a text and a pressed button have, read from its bytes (decision 9).

Source: core.telegram.org/bots/api, "Update", "Message", "CallbackQuery"; docs.bale.ai. Fields that are not
named here are passed over.
"""

from __future__ import annotations

import msgspec


class User(msgspec.Struct):
    id: int
    is_bot: bool = False


class Chat(msgspec.Struct):
    id: int
    type: str = ""


class Button(msgspec.Struct):
    text: str = ""
    callback_data: str = ""


class Keyboard(msgspec.Struct):
    inline_keyboard: list[list[Button]] = []


class Message(msgspec.Struct):
    chat: Chat
    message_id: int = 0
    sender: User | None = msgspec.field(name="from", default=None)
    text: str | None = None
    reply_markup: Keyboard | None = None


class Query(msgspec.Struct):
    id: str
    sender: User = msgspec.field(name="from")
    data: str | None = None
    message: Message | None = None


class Shape(msgspec.Struct):
    update_id: int
    message: Message | None = None
    callback_query: Query | None = None


read = msgspec.json.Decoder(Shape).decode
"""The bytes of an update by this shape; ``msgspec.DecodeError`` and ``UnicodeDecodeError`` else."""
