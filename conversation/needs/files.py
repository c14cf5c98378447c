"""Files that come with what people say."""

from __future__ import annotations

from collections.abc import Mapping

from conversation.needs.context import NeedContext, Needs, text_of
from engine.needs import TAKE as NAME
from engine.needs import NeedSpec
from engine.session import Value
from engine.turn import Met

TAKE = NeedSpec(
    NAME,
    fa="فایل‌هایی را که با یک پیام آمده به گفتگو می‌سپارد و نوع هر کدام را می‌گوید؛ فایل دیگران کنار "
    "می‌ماند. موتور خودش هنگام رسیدن فایل می‌خواهد؛ جریان‌ها نیازی به آن ندارند.",
    en="Gives the files that came with a message to the session and tells the kind of each; others' are "
    "left out. The engine asks for it when files come; flows need not.",
    arguments={"files": True},
    outcomes={"ok": ("files", "kinds")},
    writes=True,
)


async def take_files(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    ids = ids_of(text_of(arguments, "files"))
    taken = await turn.services.files.take(turn.unit, turn.party, turn.session.id, ids)
    return Met(
        "ok",
        {
            "files": " ".join(each.id.hex() for each in taken),
            "kinds": " ".join(each.kind for each in taken),
        },
    )


def ids_of(text: str) -> list[bytes]:
    """Ids of files as flows hold them, without what is none."""
    found = []
    for word in text.split():
        try:
            found.append(bytes.fromhex(word))
        except ValueError:
            continue  # A client that makes up ids has none that is kept.
    return [id for id in dict.fromkeys(found) if len(id) == 16]


NEEDS: Needs = ((TAKE, take_files),)
