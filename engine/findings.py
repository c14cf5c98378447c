"""What the reader and lint find in flow files: every kind of finding, with its words, at one place."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
Path = tuple[str | int, ...]  # Keys, and places in lists from 0.
Both = tuple[str, str]  # The same in Persian and in English.

# The reader and lint stop telling after so many in one file: beyond them the first ones want mending.
MOST = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """``place`` is a path such as ``states.file.go``, elements of lists counted from 1; ``line`` counts from
    1. ``fa`` and ``en`` say what is wrong and what to do. Errors block a publication, warnings do not."""

    severity: Severity
    code: str
    file: str
    line: int
    place: str
    fa: str
    en: str

    def __str__(self) -> str:
        place = f" ({self.place})" if self.place else ""
        return f"{self.file}:{self.line} {self.severity} {self.code}{place}: {self.en}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of finding; its texts have ``{slots}``."""

    severity: Severity
    fa: str
    en: str


def _error(fa: str, en: str) -> Kind:
    return Kind("error", fa, en)


def _warning(fa: str, en: str) -> Kind:
    return Kind("warning", fa, en)


KINDS: dict[str, Kind] = {
    # The file.
    "not-utf-8": _error(
        "فایل UTF-8 نیست. آن را با رمزگذاری UTF-8 ذخیره کنید.",
        "The file is not UTF-8. Save it in the encoding UTF-8.",
    ),
    "bad-character": _error(
        "نویسه {character} در فایل پذیرفته نیست. آن را پاک کنید.",
        "The character {character} is not allowed in a flow file. Remove it.",
    ),
    "too-big": _error(
        "فایل بزرگ‌تر از {most} بایت است. جریان را به چند جریان بشکنید و با run به هم وصل کنید.",
        "The file is larger than {most} bytes. Split the flow into several and join them by run.",
    ),
    "too-deep": _error(
        "بیش از {most} سطح تودرتو است. ساختار را ساده‌تر کنید.",
        "There are more than {most} levels, one inside another. Make it simpler.",
    ),
    "not-yaml": _error(
        "این سطر YAML درستی نیست ({problem}).{advice}",
        "This line is not correct YAML ({problem}).{advice}",
    ),
    "no-flow": _error(
        "فایل باید با کلیدهایی مانند flow و title و states آغاز شود.",
        "The file must begin with keys such as flow, title and states.",
    ),
    "several-documents": _error(
        "فایل بیش از یک سند دارد. سطر --- را پاک کنید؛ هر جریان یک فایل است.",
        "The file holds more than one document. Remove the line ---; each flow is a file of its own.",
    ),
    "alias": _error(
        "& و * (نام مستعار YAML) پذیرفته نیست. متن را کامل بنویسید، و کدها را در گیومه.",
        "& and * (YAML aliases) are not allowed. Write the text in full, and put codes in quotes.",
    ),
    "tag": _error(
        "! (برچسب YAML) پذیرفته نیست. متنی را که با ! آغاز می‌شود در گیومه بگذارید.",
        "! (a YAML tag) is not allowed. Put a text that begins with ! in quotes.",
    ),
    "odd-key": _error(
        "کلید باید یک کلمه باشد. متنی را که با {{ یا [ آغاز می‌شود در گیومه بنویسید.",
        "A key must be a word. Put a text that begins with {{ or [ in quotes.",
    ),
    # The shape.
    "duplicate-key": _error(
        "کلید «{key}» دو بار آمده است؛ بار نخست در سطر {first}. یکی را پاک کنید.",
        'The key "{key}" is there twice, first in line {first}. Remove one.',
    ),
    "unknown-key": _error(
        "کلید «{key}» شناخته نیست.{nearest} کلیدهای اینجا: {keys}.",
        'The key "{key}" is not known.{nearest} The keys here are: {keys}.',
    ),
    "missing-key": _error(
        "کلید «{key}» لازم است: {meaning}.",
        'The key "{key}" is needed: {meaning}',
    ),
    "wrong-value": _error(
        "«{value}» درست نیست؛ باید {wanted} باشد.{advice}",
        '"{value}" does not fit; this must be {wanted}.{advice}',
    ),
    "empty-value": _error(
        "چیزی نوشته نشده است. {wanted} بنویسید، یا کلید را پاک کنید.",
        "Nothing is written here. Write {wanted}, or remove the key.",
    ),
    "state-kind": _error(
        "هر حالت باید درست یکی از این کلیدها را داشته باشد: {kinds}. این حالت {found}.",
        "A state must have exactly one of the keys {kinds}. This one has {found}.",
    ),
    "check-kind": _error(
        "check باید درست یکی از این کلیدها را داشته باشد: {kinds}. "
        "برای چند شرط، چند پرسش بسازید یا pattern بنویسید.",
        "A check must have exactly one of the keys {kinds}. Use pattern, or several questions, for more.",
    ),
    "step-kind": _error(
        "هر گام باید درست یکی از این کلیدها را داشته باشد: {kinds}؛ گام نخست dial یا say.",
        "Each step must have exactly one of the keys {kinds}; the first has dial or say.",
    ),
    "no-tests": _error(
        "فایل باید با کلید tests و فهرست آزمون‌ها آغاز شود.",
        "The file must begin with the key tests and a list of tests.",
    ),
    "too-many": _error(
        "اینجا {count} عضو هست و بیشترین اندازه {most} است. بخشی را به جای دیگری ببرید.",
        "There are {count} elements here and at most {most} are allowed. Move some elsewhere.",
    ),
    "text-too-long": _error(
        "متن {length} نویسه است و بیشترین اندازه {most} است. کوتاهش کنید.",
        "The text has {length} characters and at most {most} are allowed. Shorten it.",
    ),
    "reserved-name": _error(
        "نام «{name}» برای خود سامانه است. نام دیگری برای متغیر بگذارید.",
        'The name "{name}" belongs to the system. Give the variable another name.',
    ),
    "branch-order": _error(
        "آخرین مورد branch باید بدون if باشد و هر مورد پیش از آن با if.",
        "The last case of a branch must have no if, and every case before it must have one.",
    ),
    # The way through the states.
    "duplicate-flow": _error(
        "جریان «{flow}» در {other} هم هست. نام یکی را عوض کنید.",
        'The flow "{flow}" is in {other} too. Rename one of them.',
    ),
    "unknown-state": _error(
        "حالت «{state}» در این جریان نیست.{nearest}",
        'There is no state "{state}" in this flow.{nearest}',
    ),
    "unreachable-state": _error(
        "هیچ راهی به حالت «{state}» نمی‌رسد. از حالتی با go به آن برسید، یا آن را پاک کنید.",
        'No way leads to the state "{state}". Let some go lead to it, or remove it.',
    ),
    "no-way-to-end": _error(
        "از این حالت‌ها هیچ راهی به end یا handover نیست: {states}. راهی به پایان باز کنید.",
        "From these states no way leads to an end or a handover: {states}. Open a way to an end.",
    ),
    "loop-without-wait": _error(
        "این حالت‌ها در یک حلقه‌اند و هیچ‌کدام منتظر پاسخ نمی‌ماند: {states}. "
        "در حلقه یک menu یا ask بگذارید یا آن را بشکنید.",
        "These states go in a circle without waiting for an answer: {states}. "
        "Put a menu or ask in it, or break it.",
    ),
    "option-without-go": _error(
        "این گزینه go ندارد و خود منو هم ندارد. به یکی go بدهید.",
        "This option has no go and its menu has none either. Give one of them a go.",
    ),
    "files-without-key": _error(
        "منویی که فایل می‌پذیرد این‌ها را هم می‌خواهد: {keys}",
        "A menu that takes files needs these too: {keys}",
    ),
    # Variables and placeholders.
    "unknown-variable": _error(
        "هیچ حالتی در این جریان به متغیر «{variable}» مقدار نمی‌دهد.{nearest}",
        'No state of this flow sets the variable "{variable}".{nearest}',
    ),
    "unknown-run-variable": _error(
        "جریان «{flow}» به متغیر «{variable}» مقدار نمی‌دهد.{nearest}",
        'The flow "{flow}" sets no variable "{variable}".{nearest}',
    ),
    "unset-variable": _error(
        "در برخی از راه‌هایی که به اینجا می‌رسد متغیر «{variable}» هنوز مقداری ندارد؛ برای نمونه: {way}. "
        "پیش‌تر به آن مقدار بدهید، یا با {{{variable}: {{set: true}}}} راه را جدا کنید.",
        'The variable "{variable}" is not set on every way that leads here; for example: {way}. '
        "Set it before, or part the ways by {{{variable}: {{set: true}}}}.",
    ),
    "unused-save": _warning(
        "متغیر «{variable}» جایی به کار نمی‌رود. save را پاک کنید یا متغیر را به کار ببرید.",
        'The variable "{variable}" is never used. Remove the save, or use the variable.',
    ),
    "bad-placeholder": _error(
        "جای‌نگهدار درست نیست: {problem}. بنویسید {{name}} یا {{name:date}}؛ برای خود آکولاد {{{{ بنویسید.",
        "A placeholder is not correct: {problem}. "
        "Write {{name}} or {{name:date}}; for a brace itself write {{{{.",
    ),
    "unknown-format": _error(
        "قالب «{format}» در {{{variable}:{format}}} شناخته نیست.{nearest} قالب‌ها: {formats}.",
        'The format "{format}" in {{{variable}:{format}}} is not known.{nearest} The formats are: {formats}.',
    ),
    # Needs and other flows.
    "unknown-need": _error(
        "نیاز «{need}» شناخته نیست.{nearest}",
        'The need "{need}" is not known.{nearest}',
    ),
    "unknown-argument": _error(
        "«{called}» چیزی به نام «{argument}» نمی‌گیرد.{nearest} می‌گیرد: {arguments}.",
        '"{called}" takes nothing called "{argument}".{nearest} It takes: {arguments}.',
    ),
    "missing-argument": _error(
        "«{called}» به «{argument}» نیاز دارد. آن را در with بنویسید.",
        '"{called}" needs "{argument}". Write it in with.',
    ),
    "missing-outcome": _error(
        "برای نتیجه «{outcome}» راهی نیست. آن را، یا else را، در go بنویسید.",
        'There is no way for the outcome "{outcome}". Write it, or else, in go.',
    ),
    "unknown-outcome": _error(
        "«{called}» نتیجه‌ای به نام «{outcome}» ندارد.{nearest} نتیجه‌ها: {outcomes}.",
        '"{called}" has no outcome "{outcome}".{nearest} Its outcomes are: {outcomes}.',
    ),
    "unknown-flow": _error(
        "جریانی به نام «{flow}» نیست.{nearest}",
        'There is no flow "{flow}".{nearest}',
    ),
    "run-recursion": _error(
        "این جریان‌ها در یک حلقه یکدیگر را اجرا می‌کنند: {flows}. یکی از این runها را بردارید.",
        "These flows run one another in a circle: {flows}. Remove one of these runs.",
    ),
    "run-too-deep": _error(
        "بیش از {most} جریان در پی هم اجرا می‌شوند: {flows}. زنجیره را کوتاه کنید.",
        "More than {most} flows wait for one another: {flows}. Shorten the chain.",
    ),
    "opens-and-takes": _error(
        "جریانی که takes دارد از بیرون باز نمی‌شود، چون کسی آن مقدارها را نمی‌دهد. opens یا takes را بردارید.",
        "A flow that takes arguments cannot be opened from outside, where nobody gives them. "
        "Remove opens or takes.",
    ),
    # Channels.
    "run-elsewhere": _error(
        "جریان «{flow}» در این کانال‌ها باز نیست ولی این جریان هست: {channels}. channels یکی را عوض کنید.",
        'The flow "{flow}" is not open on channels on which this one is: {channels}. '
        "Change the channels of one of them.",
    ),
    "no-way-back": _error(
        "{{{name}}} چیزی برای گفتن ندارد، چون در این کانال‌ها راهی به «{flow}» نیست: {channels}. "
        "در opens آن {key} بنویسید یا جریان دیگری را نام ببرید: {{again:main}}.",
        '{{{name}}} has nothing to say: there is no way into "{flow}" on {channels}. '
        "Write {key} in its opens, or name another flow: {{again:main}}.",
    ),
    "written-code": _warning(
        "در کانال‌هایی که مردم می‌نویسند کد «{code}» کار نمی‌کند. به جای آن {{way:{flow}}} بنویسید، "
        "یا در پایان جمله {{again:{flow}}}.",
        'Where people write, the code "{code}" is of no use. Write {{way:{flow}}} in its place, or '
        "{{again:{flow}}} as the end of a sentence.",
    ),
    "no-files-there": _error(
        "در این کانال‌ها نمی‌شود فایل فرستاد: {channels}. پیش از این حالت با branch روی channel راه دیگری "
        "بگذارید، یا منویی با files بنویسید که گزینه هم دارد.",
        "No file can be sent on {channels}. Lead those channels elsewhere before this state by a branch on "
        "channel, or write a menu with files, which has options too.",
    ),
    "handover-without-callback": _warning(
        "این جریان در کانال‌هایی هم باز است که کسی نمی‌تواند منتظر کارشناس بماند و درخواست تماس می‌شود. "
        "متن آن را در callback بنویسید.",
        "The flow is open on channels too where nobody can wait for an operator, and it becomes a call-back. "
        "Write the text for that in callback.",
    ),
    "useless-key": _warning(
        "کلید «{key}» در کانال‌های این جریان به کار نمی‌آید. آن را پاک کنید یا channels را عوض کنید.",
        'The key "{key}" is of no use on the channels of this flow. Remove it, or change the channels.',
    ),
    # Menus and answers.
    "duplicate-option": _error(
        "«{word}» هم گزینه {first} را برمی‌گزیند و هم گزینه {second}. یکی را عوض کنید.",
        '"{word}" chooses both option {first} and option {second}. Change one of them.',
    ),
    "duplicate-value": _error(
        "گزینه‌های {first} و {second} هر دو مقدار «{word}» را می‌گذارند. value یکی را عوض کنید.",
        'Options {first} and {second} both save the value "{word}". Change the value of one.',
    ),
    "navigation-word": _error(
        "«{word}» در هر صفحه کلید {use} است. کلمه دیگری بگذارید.",
        '"{word}" is the key for {use} on every screen. Choose another word.',
    ),
    "navigation-answer": _warning(
        "پاسخ «{word}» به این پرسش نمی‌رسد، چون کلید {use} است. پرسش را menu کنید یا پاسخ را عوض کنید.",
        'The answer "{word}" never reaches this question: it is the key for {use}. '
        "Use a menu, or another answer.",
    ),
    "label-begins-with-digit": _warning(
        "متن گزینه با رقم آغاز می‌شود و کنار شماره گزینه به هم می‌ریزد. با یک حرف آغاز کنید.",
        "The label begins with a digit and gets mixed up with the option's number. Begin it with a letter.",
    ),
    "code-in-line": _warning(
        "کد «{code}» در میان سطر فارسی روی گوشی به هم می‌ریزد. آن را در سطر خودش بنویسید.",
        'The code "{code}" inside a Persian line is shown garbled on handsets. Give it a line of its own.',
    ),
    "bad-check": _error(
        "پارامترهای check درست نیست: {problem}.",
        "The parameters of the check are not correct: {problem}.",
    ),
    "bad-pattern": _error(
        "الگوی RE2 درست نیست ({problem}). \\1 و (?=…) در RE2 نیست؛ رقم‌ها 0-9 و حرف‌ها ی و ک فارسی‌اند.",
        "The RE2 pattern is not correct: {problem}. RE2 has no \\1 and no (?=…).",
    ),
    # Screens and languages.
    "screen-does-not-fit": _error(
        "این صفحه با {layout} به زبان {language} به صفحه‌های کوچک‌تر شکسته نمی‌شود: {problem}. "
        "متن یا گزینه را کوتاه کنید.",
        "On {layout}, in {language}, this screen cannot be split into pages that fit: {problem}. "
        "Shorten the text or the option.",
    ),
    "missing-translation": _warning(
        "ترجمه {language} ندارد: «{text}». آن را در locales/{language} بنویسید.",
        'The text has no translation into {language}: "{text}". Write it in locales/{language}.',
    ),
    "translation-placeholders": _error(
        "جای‌نگهدارهای ترجمه {language} ({theirs}) با متن ({ours}) یکی نیست: «{text}». ترجمه را درست کنید.",
        "The placeholders of the {language} translation ({theirs}) differ from the text's ({ours}): "
        '"{text}". Mend the translation.',
    ),
    # What opens flows.
    "ambiguous-keyword": _error(
        "کلمه «{word}» جریان «{other}» را هم باز می‌کند ({file}). یکی را عوض کنید.",
        'The word "{word}" opens the flow "{other}" too ({file}). Change one of them.',
    ),
    "ambiguous-code": _error(
        "کد «{word}» جریان «{other}» را هم باز می‌کند ({file}). یکی را عوض کنید.",
        'The code "{word}" opens the flow "{other}" too ({file}). Change one of them.',
    ),
}


class Report:
    """Gathers the findings of one file. ``line`` gives the line of a path."""

    def __init__(self, file: str, line: Callable[..., int]) -> None:
        self.file = file
        self.line = line
        self.findings: list[Finding] = []

    @property
    def full(self) -> bool:
        """Whether there are as many as one file may have."""
        return len(self.findings) >= MOST

    def add(self, code: str, path: Path, /, **values: str | int | Both) -> None:
        """Adds a finding at ``path``; each value is for both languages, or a pair for the two."""
        if not self.full:
            self.add_at(self.line(*path), code, path, **values)

    def add_at(self, line: int, code: str, path: Path, /, **values: str | int | Both) -> None:
        """Adds a finding at a line."""
        if not self.full:
            self.findings.append(finding(code, self.file, line, path, **values))

    def nearest(self, name: str, names: Iterable[str]) -> Both:
        """A sentence that suggests the most similar of ``names``, or nothing."""
        near = [] if self.full or len(name) > 100 else difflib.get_close_matches(name, list(names), n=1)
        return (f" شاید «{near[0]}»؟", f' Perhaps "{near[0]}"?') if near else ("", "")


def finding(code: str, file: str, line: int, path: Path, /, **values: str | int | Both) -> Finding:
    """A finding of a known kind, its texts filled in."""
    kind = KINDS[code]
    fa, en = (
        {name: value[side] if isinstance(value, tuple) else value for name, value in values.items()}
        for side in (0, 1)
    )
    return Finding(kind.severity, code, file, line, told(path), kind.fa.format(**fa), kind.en.format(**en))


def told(path: Path) -> str:
    """``("states", "x", "options", 0)`` → ``states.x.options.1``."""
    return ".".join(str(step + 1) if isinstance(step, int) else step for step in path)
