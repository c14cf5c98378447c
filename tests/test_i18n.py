"""The catalogues' commands, run as people run them, on a small tree of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "i18n.py"

FLOW = """\
flow: greeting
title: درود
about: برای آزمون
opens: {keywords: [کلیدواژه], codes: ["*1#"]}
start: first
states:
  first:
    menu: چه می‌خواهید؟
    options:
      - {label: یک, value: مقدار, keywords: [نخست], go: second}
      - {label: Two, go: third}
    invalid: این گزینه نیست.
  second:
    ask: |-
      نام شما؟
      دو سطر
    save: name
    go: said
  said:
    say: سلام {name}
    go: person
  person:
    handover: وصل می‌شوید
    topic: موضوع
    go: {else: third}
  third:
    end: ""
"""

CODE = """\
def _(text):
    return text

WORD = _("از کد {deadline:date}")
OTHER = "نشان‌نشده"
JOINED = _("دو " "پاره")
"""

TEXTS = [
    "درود", "برای آزمون", "چه می‌خواهید؟", "یک", "Two", "این گزینه نیست.", "نام شما؟\\nدو سطر", "سلام {name}",
    "وصل می‌شوید", "از کد {deadline:date}", "دو پاره",
]  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "flows" / "tests").mkdir(parents=True)
    (tmp_path / "flows" / "greeting.yaml").write_text(FLOW, "utf-8")
    (tmp_path / "flows" / "tests" / "greeting.yaml").write_text("title: آزمون\n", "utf-8")
    (tmp_path / "module.py").write_text(CODE, "utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_module.py").write_text('_("در آزمون")\n', "utf-8")
    return tmp_path


def run(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT), "--root", str(tree), *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


def catalogue(tree: Path, language: str = "en") -> Path:
    return tree / "locales" / language / "LC_MESSAGES" / "chapar.po"


def translate(tree: Path) -> str:
    """Every text gets a translation: itself, turned into something else, with its placeholders."""
    path = catalogue(tree)
    lines = path.read_text("utf-8").split("\n")
    for number, line in enumerate(lines):
        if line == 'msgstr ""' and number > 3:
            text = lines[number - 1]
            lines[number] = text.replace("msgid", "msgstr") if text.startswith("msgid") else 'msgstr "Name?"'
    path.write_text("\n".join(lines), "utf-8")
    return path.read_text("utf-8")


def test_update_finds_the_texts_that_people_read_and_no_others(tree: Path) -> None:
    result = run(tree, "update")
    assert result.returncode == 0, result.stderr
    written = catalogue(tree).read_text("utf-8")
    assert written.count("\nmsgid ") == len(TEXTS) + 1  # The header is one more.
    for text in TEXTS:
        assert text in written.replace('\\n"\n"', "\\n")
    for other in ("کلیدواژه", "مقدار", "نخست", "موضوع", "نشان‌نشده", "آزمون\n", "در آزمون"):
        assert other not in written
    assert "#: flows/greeting.yaml\n" in written
    assert "#: module.py\n" in written


def test_update_changes_nothing_twice_and_moved_lines_change_nothing(tree: Path) -> None:
    run(tree, "update")
    before = translate(tree)
    flow = tree / "flows" / "greeting.yaml"
    flow.write_text("# یادداشت\n\n" + FLOW, "utf-8")
    assert "unchanged, 0 to translate" in run(tree, "update").stdout
    assert catalogue(tree).read_text("utf-8") == before


def test_a_complete_catalogue_passes(tree: Path) -> None:
    run(tree, "update")
    translate(tree)
    result = run(tree, "check")
    assert (result.returncode, result.stdout) == (0, f"{len(TEXTS)} texts, complete in en\n")


def test_no_catalogue_fails(tree: Path) -> None:
    result = run(tree, "check")
    assert result.returncode == 1
    assert "no translation: «یک»" in result.stdout


def fails(tree: Path, problem: str) -> None:
    result = run(tree, "check")
    assert result.returncode == 1
    assert problem in result.stdout


def test_a_missing_translation_fails(tree: Path) -> None:
    run(tree, "update")
    complete = translate(tree)
    catalogue(tree).write_text(complete.replace('msgstr "یک"', 'msgstr ""'), "utf-8")
    fails(tree, "no translation: «یک» (flows/greeting.yaml)")


def test_a_new_text_fails_until_it_is_translated(tree: Path) -> None:
    run(tree, "update")
    translate(tree)
    (tree / "other.py").write_text('_("تازه")\n', "utf-8")
    fails(tree, "no translation: «تازه» (other.py)")


def test_a_fuzzy_translation_fails(tree: Path) -> None:
    run(tree, "update")
    complete = translate(tree)
    catalogue(tree).write_text(complete.replace('msgid "یک"', '#, fuzzy\nmsgid "یک"'), "utf-8")
    fails(tree, "fuzzy")


def test_a_stale_translation_fails_and_update_drops_it(tree: Path) -> None:
    run(tree, "update")
    complete = translate(tree)
    catalogue(tree).write_text(complete + '\nmsgid "کهنه و رفته"\nmsgstr "old"\n', "utf-8")
    fails(tree, "no longer used: «کهنه و رفته»")
    assert "dropped «کهنه و رفته», which was «old»" in run(tree, "update").stdout
    assert catalogue(tree).read_text("utf-8") == complete


def test_an_obsolete_entry_fails(tree: Path) -> None:
    run(tree, "update")
    complete = translate(tree)
    catalogue(tree).write_text(complete + '\n#~ msgid "کهنه"\n#~ msgstr "old"\n', "utf-8")
    fails(tree, "no longer used: «کهنه»")


def test_other_placeholders_fail(tree: Path) -> None:
    run(tree, "update")
    complete = translate(tree)
    catalogue(tree).write_text(complete.replace('msgstr "سلام {name}"', 'msgstr "Hi {nam}"'), "utf-8")
    fails(tree, "other placeholders than its text: «سلام {name}»")


def test_a_catalogue_that_update_would_change_fails(tree: Path) -> None:
    run(tree, "update")
    complete = translate(tree)
    catalogue(tree).write_text(complete.replace("#: module.py\n", ""), "utf-8")
    fails(tree, "out of date")


def test_a_changed_text_keeps_its_translation_for_review(tree: Path) -> None:
    run(tree, "update")
    translate(tree)
    flow = tree / "flows" / "greeting.yaml"
    flow.write_text(FLOW.replace("این گزینه نیست.", "این گزینه‌ای نیست."), "utf-8")
    run(tree, "update")
    written = catalogue(tree).read_text("utf-8")
    assert '#, fuzzy\nmsgid "این گزینه‌ای نیست."\nmsgstr "این گزینه نیست."' in written
    assert "unchanged, 1 to translate" in run(tree, "update").stdout
    fails(tree, "fuzzy")


def test_a_language_is_begun(tree: Path) -> None:
    assert run(tree, "update", "ckb").returncode == 0
    assert catalogue(tree, "ckb").read_text("utf-8").startswith("# کوردی")
    fails(tree, "locales/ckb/LC_MESSAGES/chapar.po")
    refused = run(tree, "update", "xx")
    assert refused.returncode == 2
    assert "no row for xx" in refused.stderr


def test_a_file_that_is_no_catalogue_fails(tree: Path) -> None:
    path = catalogue(tree)
    path.parent.mkdir(parents=True)
    path.write_bytes(b'msgid "a"\nnonsense\n')
    fails(tree, "not a catalogue")


def test_a_flow_that_is_not_yaml_is_named(tree: Path) -> None:
    (tree / "flows" / "broken.yaml").write_text("a: [", "utf-8")
    result = run(tree, "check")
    assert result.returncode == 1
    assert "broken.yaml" in result.stdout
    assert not result.stderr
