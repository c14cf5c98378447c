"""Keeps the catalogues in step with the texts of code and flows.

    python scripts/i18n.py update        brings every locales/<language>/LC_MESSAGES/chapar.po up to date
    python scripts/i18n.py update ckb    the same, and begins a catalogue for Sorani
    python scripts/i18n.py check         fails when a translation is missing, fuzzy, stale or wrong

A catalogue is sorted by text and names files without line numbers, so that it changes only where texts do.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import yaml
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import PoFileError, read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # Run as a file, a script finds only its neighbours.

from languages import DOMAIN, SOURCE, WRITING, same_placeholders  # noqa: E402  (it needs the line above)

BEGINNABLE = sorted(set(WRITING) - {SOURCE})
REQUIRED = ("en",)  # Languages that must be complete, whether or not somebody began them here.

# How alike a new text and a dropped one are when the old translation is offered, marked fuzzy, for review.
ALIKE = 0.75


class Entry(NamedTuple):
    """One text of a catalogue. ``files`` are where it is used; ``line`` is the entry's in its own file."""

    translation: str
    fuzzy: bool
    line: int
    comments: tuple[str, ...]
    files: tuple[str, ...]


Entries = dict[str, Entry]  # By text.


def extracted(root: Path) -> Entries:
    """All texts of the code and the flows under ``root``, not translated."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    files: dict[str, set[str]] = {}
    for path, _line, text, _comments, _context in extract_from_dir(root, methods, options, {"_": None}):
        if isinstance(text, str):
            files.setdefault(text, set()).add(Path(path).as_posix())
    return {text: Entry("", False, 0, (), tuple(sorted(paths))) for text, paths in files.items()}


def catalogues(root: Path) -> dict[str, Path]:
    """The catalogues that there are or must be, by language."""
    present = {path.parent.parent.name for path in (root / "locales").glob(f"*/LC_MESSAGES/{DOMAIN}.po")}
    return {language: catalogue(root, language) for language in sorted(present | set(REQUIRED))}


def catalogue(root: Path, language: str) -> Path:
    return root / "locales" / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(path: Path) -> tuple[Entries, tuple[str, ...]]:
    """What a catalogue has, and its obsolete texts (``#~``); nothing when there is no file. ``PoFileError``
    when it is not a catalogue."""
    found = read_po(io.BytesIO(path.read_bytes() if path.exists() else b""), abort_invalid=True)
    entries = {
        message.id: Entry(
            message.string if isinstance(message.string, str) else "",
            message.fuzzy,
            message.lineno or 0,
            tuple(message.user_comments),
            (),
        )
        for message in found
        if isinstance(message.id, str) and message.id
    }
    return entries, tuple(str(message.id) for message in found.obsolete.values())


def updated(texts: Entries, language: str, old: Entries) -> str:
    """A catalogue of exactly these texts, as a file, with the translations of the old one."""
    new = Catalog()
    dropped = {text: entry for text, entry in old.items() if entry.translation and text not in texts}
    for text, found in texts.items():
        kept = old.get(text)
        if kept is None and (alike := get_close_matches(text, dropped, n=1, cutoff=ALIKE)):
            kept = dropped[alike[0]]._replace(fuzzy=True)
        message = new.add(
            text,
            kept.translation if kept else "",
            locations=[(path, 0) for path in found.files],
            user_comments=kept.comments if kept else (),
        )
        # Babel's own flag (python-brace-format) would have other tools judge our placeholders by their rules.
        message.flags = {"fuzzy"} if kept and kept.fuzzy else set()
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


def problems(texts: Entries, language: str, path: Path) -> Iterator[str]:
    """What is wrong with a catalogue, each with its place."""
    if language not in WRITING:
        yield f"{path}: no row for this language in languages.WRITING"
        return
    try:
        old, obsolete = read(path)
    except (PoFileError, UnicodeDecodeError) as error:
        yield f"{path}: not a catalogue: {error}"
        return
    for text, found in texts.items():
        entry = old.get(text)
        if entry is None or not entry.translation:
            yield f"{path}:{entry.line if entry else 0}: no translation: {shown(text)} ({found.files[0]})"
        elif entry.fuzzy:
            yield f"{path}:{entry.line}: fuzzy, review it and take the mark away: {shown(text)}"
        elif not same_placeholders(text, entry.translation):
            yield f"{path}:{entry.line}: other placeholders than its text: {shown(text)}"
    for text, entry in old.items():
        if text not in texts:
            yield f"{path}:{entry.line}: no longer used: {shown(text)}"
    for text in obsolete:
        yield f"{path}: no longer used: {shown(text)}"
    if not path.exists() or path.read_text("utf-8") != updated(texts, language, old):
        yield f"{path}: out of date; run: python scripts/i18n.py update"


def shown(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ⏎ ".join(text.splitlines())
    return f"«{line[:79]}…»" if len(line) > 80 else f"«{line}»"


def update(texts: Entries, language: str, path: Path) -> None:
    """Writes a catalogue if it has to change, and says what is left to do."""
    old, _obsolete = read(path)
    for text, entry in old.items():
        if text not in texts:
            print(f"{path}: dropped {shown(text)}, which was {shown(entry.translation)}")
    present = path.read_text("utf-8") if path.exists() else None
    written = updated(texts, language, old)
    if written != present:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written, "utf-8")
    left = sum(not entry.translation or entry.fuzzy for entry in read(path)[0].values())
    print(f"{path}: {'unchanged' if written == present else 'written'}, {left} to translate or review")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree to work on")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="fail when a catalogue is not complete and up to date")
    updating = commands.add_parser("update", help="bring the catalogues up to date")
    updating.add_argument("language", nargs="*", help=f"begin this one: {', '.join(BEGINNABLE)}")
    arguments = parser.parse_args()
    os.chdir(arguments.root)
    try:
        texts = extracted(Path())
    except yaml.YAMLError as error:
        print(f"a flow file is not YAML: {error}")
        return 1
    paths = catalogues(Path())
    if arguments.command == "update":
        for language in arguments.language:
            if language not in BEGINNABLE:
                parser.error(f"languages.WRITING has no row for {language}; it has {', '.join(BEGINNABLE)}")
            paths[language] = catalogue(Path(), language)
        for language, path in paths.items():
            update(texts, language, path)
        return 0
    found = [problem for language, path in paths.items() for problem in problems(texts, language, path)]
    print("\n".join(found) or f"{len(texts)} texts, complete in {', '.join(paths)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
