"""Keeps the catalogues in step with the texts of code and flows.

    python scripts/i18n.py update        brings every locales/<language>/LC_MESSAGES/chapar.po up to date
    python scripts/i18n.py update ckb    the same, and begins a catalogue for Sorani
    python scripts/i18n.py check         fails when a translation is missing, fuzzy, stale or wrong

A catalogue is sorted by text and names files without line numbers, so that it changes only where texts do.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import PoFileError, read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # Run as a file, a script finds only its neighbours.

from languages import DOMAIN, SOURCE, WRITING, same_placeholders  # noqa: E402  (it needs the line above)

REQUIRED = ("en",)  # Languages that must be complete, whether or not somebody began them here.

# How alike a new text and a dropped one are when the old translation is offered, marked fuzzy, for review.
ALIKE = 0.75


def extracted(root: Path) -> Catalog:
    """All texts of the code and the flows under ``root``."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    texts = Catalog()
    for path, _line, text, _comments, _context in extract_from_dir(root, methods, options, {"_": None}):
        texts.add(text, locations=[(Path(path).as_posix(), 0)])
    return texts


def catalogues(root: Path) -> dict[str, Path]:
    """The catalogues that there are or must be, by language."""
    languages = {path.parent.parent.name for path in (root / "locales").glob(f"*/LC_MESSAGES/{DOMAIN}.po")}
    return {
        language: root / "locales" / language / "LC_MESSAGES" / f"{DOMAIN}.po"
        for language in sorted(languages | set(REQUIRED))
    }


def messages(catalogue: Catalog) -> Iterator[Message]:
    """The entries of a catalogue without its header."""
    return (message for message in catalogue if message.id)


def read(path: Path) -> Catalog:
    """The catalogue of a file, empty when there is none; ``PoFileError`` when it is not a catalogue."""
    return read_po(io.BytesIO(path.read_bytes() if path.exists() else b""), abort_invalid=True)


def updated(texts: Catalog, language: str, old: Catalog) -> str:
    """A catalogue of exactly these texts, as a file, with the translations of the old one."""
    new = Catalog()
    dropped = {message.id: message for message in messages(old) if message.string and message.id not in texts}
    for text in messages(texts):
        kept = old.get(text.id)
        fuzzy = kept is not None and kept.fuzzy
        if kept is None and (alike := get_close_matches(text.id, dropped, n=1, cutoff=ALIKE)):
            kept, fuzzy = dropped[alike[0]], True
        entry = new.add(text.id, kept.string if kept else "", locations=text.locations)
        entry.user_comments = kept.user_comments if kept else []
        # Babel's own flag (python-brace-format) would have other tools judge our placeholders by their rules.
        entry.flags = {"fuzzy"} if fuzzy else set()
    file = io.BytesIO()
    write_po(file, new, width=110, omit_header=True, sort_output=True, include_lineno=False)
    return header(language) + file.getvalue().decode()


def header(language: str) -> str:
    """The head of a catalogue, without dates and tools, which would change it for nothing."""
    return (
        f"# {WRITING[language].name}: the words of Chapar.\n"
        'msgid ""\n'
        'msgstr ""\n'
        f'"Language: {language}\\n"\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n'
        "\n"
    )


def problems(texts: Catalog, language: str, path: Path) -> Iterator[str]:
    """What is wrong with a catalogue, each with its place."""
    try:
        old = read(path)
    except (PoFileError, UnicodeDecodeError) as error:
        yield f"{path}: not a catalogue: {error}"
        return
    for text in messages(texts):
        entry = old.get(text.id)
        where = f"{path}:{entry.lineno}" if entry is not None else f"{path}"
        if entry is None or not entry.string:
            yield f"{where}: no translation: {shown(text.id)} (in {text.locations[0][0]})"
        elif entry.fuzzy:
            yield f"{where}: fuzzy, review it and take the mark away: {shown(text.id)}"
        elif not same_placeholders(text.id, entry.string):
            yield f"{where}: other placeholders than its text: {shown(text.id)} → {shown(entry.string)}"
    for entry in messages(old):
        if entry.id not in texts:
            yield f"{path}:{entry.lineno}: no longer used: {shown(entry.id)}"
    for entry in old.obsolete.values():
        yield f"{path}: no longer used: {shown(entry.id)}"
    if not path.exists() or path.read_text("utf-8") != updated(texts, language, old):
        yield f"{path}: out of date; run: python scripts/i18n.py update"


def shown(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ⏎ ".join(text.splitlines())
    return f"«{line[:79]}…»" if len(line) > 80 else f"«{line}»"


def update(root: Path, texts: Catalog, begun: list[str]) -> None:
    """Writes the catalogues that have to change, and says what is left to do."""
    paths = catalogues(root)
    for language in begun:
        paths.setdefault(language, root / "locales" / language / "LC_MESSAGES" / f"{DOMAIN}.po")
    for language, path in paths.items():
        old = read(path)
        for entry in messages(old):
            if entry.id not in texts:
                print(f"{path}: dropped {shown(entry.id)}, which was {shown(entry.string)}")
        present = path.read_text("utf-8") if path.exists() else None
        written = updated(texts, language, old)
        if written != present:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(written, "utf-8")
        left = sum(not entry.string or entry.fuzzy for entry in messages(read(path)))
        print(f"{path}: {'unchanged' if written == present else 'written'}, {left} to translate or review")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree to work on")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="fail when a catalogue is not complete and up to date")
    updating = commands.add_parser("update", help="bring the catalogues up to date")
    updating.add_argument(
        "language", nargs="*", choices=sorted(set(WRITING) - {SOURCE}), help="begin this one"
    )
    arguments = parser.parse_args()
    texts = extracted(arguments.root)
    if arguments.command == "update":
        update(arguments.root, texts, arguments.language)
        return 0
    found = [
        problem
        for language, path in catalogues(arguments.root).items()
        for problem in problems(texts, language, path)
    ]
    print("\n".join(found) or f"{len(texts)} texts are translated in every catalogue")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
