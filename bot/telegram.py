"""Telegram and Bale: an update becomes what it means, a reply becomes messages. Pure.

Most updates are a text or a pressed button; those are read here by their shape, in 2 to 7 µs. All others go
through python-telegram-bot's ``Update.de_json``, which takes 85 to 160 µs (decision 9). What differs between
the two messengers is data (``dispatch/providers/bot/platforms.py``).

A button carries the session, the turn and the option that it stands for: ``<tail of the session's id>.<turn>.
<option>`` in hexadecimal, so that a press on an old menu is not taken for an answer to the present one. The
menu that was answered is named by the session's note, ``<message> <label>``, until the next answer.

Source: core.telegram.org/bots/api, "Update", "CallbackQuery", "ChatMemberUpdated"; docs.bale.ai.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import telegram

from bot.telegram_shapes import Query, Shape, read
from conversation.incoming import Caller, Incoming, Reply
from conversation.numbers import e164
from conversation.outgoing import Parcel
from dispatch.providers.bot.line import Line
from dispatch.providers.bot.platforms import MESSAGE_UNITS, PLATFORMS
from dispatch.providers.bot.splitting import split
from engine.channels import CHANNELS
from engine.turn import Option

TAIL = 6  # Bytes of a session's id that a button carries.
DONE = "-"  # What the button of an answered menu carries.
RIGHT_TO_LEFT = ("fa", "ar", "ckb")
WIDE = 16  # Characters of a label from which on it has a row of its own.

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,64})(?:@\w+)?(?:\s+(.*))?", re.DOTALL)
_BUTTON = re.compile(r"([0-9a-f]{12})\.([0-9a-f]{1,8})\.([0-9]{1,3})")

_KINDS = frozenset({"message", "callback_query", "my_chat_member", "channel_post"})

Kind = Literal["photo", "document", "voice", "audio", "video"]


class Unreadable(Exception):
    """The update cannot be understood; it will not be understood better if it comes again."""


class Press(msgspec.Struct, frozen=True):
    """A pressed button. ``id`` is for ``answerCallbackQuery``; ``message`` has the menu."""

    incoming: Incoming
    id: str
    message: int


class Contact(msgspec.Struct, frozen=True):
    """A shared contact that is not the sender's own, or of which the messenger does not say whose it is: it
    proves nothing. One of the sender's own is an ``Incoming`` with its number."""

    incoming: Incoming


class FileSent(msgspec.Struct, frozen=True):
    """A photo, file or voice note. ``incoming`` has its caption as text. ``size`` is in bytes, 0 where it is
    not told; ``name`` and ``mime`` are the sender's word."""

    incoming: Incoming
    kind: Kind
    id: str
    name: str = ""
    mime: str = ""
    size: int = 0


class Other(msgspec.Struct, frozen=True):
    """A message that is neither words nor a file: a sticker, a place, a poll."""

    incoming: Incoming


class Elsewhere(msgspec.Struct, frozen=True):
    """We are in a group or a channel."""

    chat: str
    update: int


class Membership(msgspec.Struct, frozen=True):
    """The person closed the chat to us, or opened it again."""

    caller: Caller
    blocked: bool


class Ignored(msgspec.Struct, frozen=True):
    """Nothing follows. ``press`` is a button's id that waits for an answer all the same."""

    why: str
    press: str = ""


Update = Incoming | Press | Contact | FileSent | Other | Elsewhere | Membership | Ignored


def parse(raw: bytes, line: Line) -> Update:
    """What the update means. Raises ``Unreadable``."""
    try:
        update = read(raw)
    except (msgspec.ValidationError, UnicodeDecodeError):
        return _parse_other(raw, line, None)  # It may be readable otherwise.
    except (msgspec.DecodeError, RecursionError):
        raise Unreadable("not JSON") from None
    message, query = update.message, update.callback_query
    if message is not None and message.text is not None and message.chat.type == "private":
        sender = message.sender
        if sender is None or sender.is_bot:
            return Ignored("said by a bot")
        return _said(_caller(line, message.chat.id, sender.id), message.text, raw, update.update_id)
    if query is not None and query.data is not None:
        return _pressed(query, raw, update.update_id, line)
    return _parse_other(raw, line, update)


def _said(caller: Caller, text: str, raw: bytes, update: int) -> Incoming:
    command = _COMMAND.fullmatch(text.strip()) if text.startswith("/") else None
    begins = None
    if command is not None:
        begins = True
        text = (command[2] or "").strip() if command[1].lower() == "start" else command[1]
    return Incoming(caller, text, raw, begins=begins, key=str(update), note="", chat=True, order=update)


def _pressed(query: Query, raw: bytes, update: int, line: Line) -> Update:
    message = query.message
    button = _BUTTON.fullmatch(query.data or "")
    if message is None or message.chat.type != "private" or query.sender.is_bot or button is None:
        return Ignored("a button that means nothing now", press=query.id)
    label = ""
    if message.reply_markup is not None:
        for row in message.reply_markup.inline_keyboard:
            label = next((each.text for each in row if each.callback_data == query.data), label)
    incoming = Incoming(
        _caller(line, message.chat.id, query.sender.id),
        button[3],
        raw,
        key=str(update),
        note=f"{message.message_id} {label}",
        chat=True,
        order=update,
        answers=(bytes.fromhex(button[1]), int(button[2], 16)),
    )
    return Press(incoming, query.id, message.message_id)


def _caller(line: Line, chat: int, person: int) -> Caller:
    channel = line.platform.name
    return Caller(channel, line.route, str(chat), str(person), CHANNELS[channel])


def _parse_other(raw: bytes, line: Line, shape: Shape | None) -> Update:
    """What is neither a text nor a press. ``shape`` is as much of it as could be read."""
    try:
        data = msgspec.json.decode(raw)
        if type(data) is not dict or type(data.get("update_id")) is not int:
            raise Unreadable("not an update")
        if _KINDS.isdisjoint(data):
            return Ignored("a kind of update that we do not ask for")
        return _meaning(telegram.Update.de_json(data, line.bot), raw, line)
    except Unreadable:
        raise
    except Exception as error:
        # python-telegram-bot raises whatever a wrong type leads to, and wants fields that messengers of older
        # versions of the Bot API do not send. Who wrote something is told that it was not understood.
        message = shape.message if shape is not None else None
        if shape is None or message is None or message.sender is None or message.chat.type != "private":
            raise Unreadable(type(error).__name__) from None
        caller = _caller(line, message.chat.id, message.sender.id)
        return Other(_said(caller, "", raw, shape.update_id))


def _meaning(update: telegram.Update, raw: bytes, line: Line) -> Update:
    if update.my_chat_member is not None:
        return _member(update.my_chat_member, update.update_id, line)
    posted = update.message or update.channel_post
    if posted is None:
        if update.callback_query is not None:
            return Ignored("a button of ours no more", press=str(update.callback_query.id))
        return Ignored("nothing that we know")
    if posted.chat.type != telegram.Chat.PRIVATE:
        if posted.left_chat_member is not None:
            return Ignored("somebody left a group")
        return Elsewhere(str(int(posted.chat.id)), update.update_id)
    sender = posted.from_user
    if sender is None or sender.is_bot:
        return Ignored("said by a bot")
    caller = _caller(line, int(posted.chat.id), int(sender.id))
    if isinstance(posted.text, str):
        return _said(caller, posted.text, raw, int(update.update_id))
    incoming = _said(caller, posted.caption or "", raw, int(update.update_id))
    if (contact := posted.contact) is not None:
        number = e164(re.sub("[^0-9+]", "", str(contact.phone_number)))
        if number is None or contact.user_id is None or contact.user_id != sender.id:
            return Contact(incoming)
        return msgspec.structs.replace(incoming, text=number, contact=number)
    return _file(posted, incoming) or Other(incoming)


def _member(change: telegram.ChatMemberUpdated, update: int, line: Line) -> Update:
    status = change.new_chat_member.status
    inside = status in ("creator", "administrator", "member", "restricted")
    if change.chat.type == telegram.Chat.PRIVATE:
        return Membership(_caller(line, int(change.chat.id), int(change.from_user.id)), blocked=not inside)
    return Elsewhere(str(int(change.chat.id)), update) if inside else Ignored("out of a group")


def _file(posted: telegram.Message, incoming: Incoming) -> FileSent | None:
    if posted.photo:
        # Several sizes of one picture, the largest last.
        largest = posted.photo[-1]
        return FileSent(incoming, "photo", largest.file_id, "", "image/jpeg", int(largest.file_size or 0))
    kinds: tuple[Kind, ...] = ("document", "voice", "audio", "video")
    for kind in kinds:
        found: Any = getattr(posted, kind)
        if found is not None:
            name, mime = getattr(found, "file_name", None), found.mime_type
            return FileSent(
                incoming, kind, found.file_id, str(name or ""), str(mime or ""), int(found.file_size or 0)
            )
    return None


def render(reply: Reply, caller: Caller) -> Sequence[Parcel]:
    """The reply as messages: the menu that was answered is marked so, then the words, in as many messages as
    they need, with the options and the ways out as buttons under the last."""
    screen = reply.screen
    parcels: list[Parcel] = []
    if reply.note and PLATFORMS[caller.channel].marks:
        parcels.append(_mark(reply.note))
    buttons = reply.replies and (screen.options or screen.ways)
    contact = screen.asks if reply.replies and screen.asks and screen.asks.key == "contact" else None
    parts = split((buttons and screen.body) or screen.text, MESSAGE_UNITS)
    parcels += [Parcel(part) for part in parts[:-1]]
    if contact is not None:
        payload = msgspec.json.encode({"method": "sendMessage", "reply_markup": _sharing(reply, contact)})
        parcels.append(Parcel(parts[-1], payload))
    elif buttons:
        keyboard = {"inline_keyboard": _rows(reply)}
        payload = msgspec.json.encode({"method": "sendMessage", "reply_markup": keyboard})
        parcels.append(Parcel(parts[-1], payload))
    else:
        parcels.append(Parcel(parts[-1]))
    return parcels


def _sharing(reply: Reply, contact: Option) -> dict[str, Any]:
    """A keyboard in the place of the letters: only such a one can ask for the person's number. The ways out
    stand in it as words, which are understood as well."""
    order = -1 if reply.language in RIGHT_TO_LEFT else 1
    rows: list[list[dict[str, Any]]] = [[{"text": contact.label, "request_contact": True}]]
    if reply.screen.ways:
        rows.append([{"text": way.label} for way in reply.screen.ways][::order])
    return {"keyboard": rows, "one_time_keyboard": True, "resize_keyboard": True}


def _rows(reply: Reply) -> list[list[dict[str, str]]]:
    turn = f"{reply.session[-TAIL:].hex()}.{reply.sequence:x}."

    def button(option: Option) -> dict[str, str]:
        return {"text": option.label or option.key, "callback_data": turn + option.key}

    # A messenger lays a row's buttons out from the left; who reads from the right begins there.
    order = -1 if reply.language in RIGHT_TO_LEFT else 1
    options = reply.screen.options
    if len(options) > 4 and all(len(option.label) < WIDE for option in options):
        rows = [
            [button(option) for option in options[place : place + 2]][::order]
            for place in range(0, len(options), 2)
        ]
    else:
        rows = [[button(option)] for option in options]
    if reply.screen.ways:
        rows.append([button(way) for way in reply.screen.ways][::order])
    return rows


def _mark(note: str) -> Parcel:
    """The answered menu keeps one button, which says what was chosen and does nothing."""
    message, _space, label = note.partition(" ")
    keyboard = [[{"text": f"✓ {label}", "callback_data": DONE}]] if label else []
    request = {
        "method": "editMessageReplyMarkup",
        "message_id": int(message),
        "reply_markup": {"inline_keyboard": keyboard},
    }
    return Parcel("", msgspec.json.encode(request))
