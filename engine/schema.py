"""The flow format as data: which keys each place of a flow file takes, of which type, and what they mean.

The reader validates by it, and ``scripts/flow_reference.py`` makes the reference for operators from it. Every
type and key explains itself in Persian (``fa``) and English (``en``).
"""

from __future__ import annotations

from dataclasses import dataclass

from engine import limits


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. ``name`` says to the reader how to read it; ``fa`` and ``en`` complete "this must be …"."""

    name: str
    fa: str
    en: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of one type, with at least one and at most ``most`` elements."""

    of: Type
    most: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A list of exactly two values: the least and the most."""

    of: Scalar


@dataclass(frozen=True, slots=True)
class Named:
    """A mapping whose keys the author chooses."""

    keys: Scalar
    values: Type
    most: int


@dataclass(frozen=True, slots=True)
class Inside:
    """A mapping with the keys of the place of that name."""

    place: str


@dataclass(frozen=True, slots=True)
class State:
    """A mapping with the keys of the one kind of state whose own key it has."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition: variables with what is expected of them, and all, any, none."""


@dataclass(frozen=True, slots=True)
class Either:
    """One of several types, told apart by their form: a value, a list or a mapping."""

    types: tuple[Type, ...]


Type = Scalar | Listed | Pair | Named | Inside | State | Condition | Either


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a place."""

    name: str
    type: Type
    fa: str
    en: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A mapping of a flow file. With ``one`` it takes exactly one of its keys; with ``others`` it takes names
    of the author's own beside them, with values of that type."""

    name: str
    fa: str
    en: str
    keys: tuple[Key, ...]
    one: bool = False
    others: Scalar | None = None

    def key(self, name: str) -> Key | None:
        return next((key for key in self.keys if key.name == name), None)


CHANNELS = ("ussd", "telegram", "bale", "webchat", "sms", "voice", "push", "email")

TEXT = Scalar("text", "متنی که مردم می‌بینند", "a text that people see")
CLOSING = Scalar("closing", 'متنی که مردم می‌بینند، یا "" برای هیچ', 'a text that people see, or "" for none')
TITLE = Scalar("title", "یک متن کوتاه", "a short text")
NAME = Scalar("name", "یک نام با حروف a-z، رقم و _", "a name of letters a-z, digits and _")
STATE = Scalar("state", "نام یکی از حالت‌های همین جریان", "the name of a state of this flow")
VARIABLE = Scalar(
    "variable", "نام یک متغیر با حروف a-z، رقم و _", "a variable's name of letters a-z, digits and _"
)
FLOW = Scalar("flow", "نام یک جریان", "the name of a flow")
OUTCOME = Scalar(
    "outcome", "نام یک نتیجه با حروف a-z، رقم و _", "an outcome's name of letters a-z, digits and _"
)
NEED = Scalar("need", "نام یک نیاز، مانند complaints.open", "the name of a need, such as complaints.open")
CHANNEL = Scalar(
    "channel", f"یکی از کانال‌ها: {'، '.join(CHANNELS)}", f"one of the channels {', '.join(CHANNELS)}"
)
KEYWORD = Scalar("keyword", "یک کلمه یا عبارت کوتاه", "a word or a short phrase")
CODE = Scalar("code", 'یک کد در گیومه، مانند "*733*2#"', 'a code in quotes, such as "*733*2#"')
DURATION = Scalar("duration", "یک مدت، مانند 90s، 10m یا 24h", "a duration, such as 90s, 10m or 24h")
FLAG = Scalar("flag", "true یا false", "true or false")
TRUE = Scalar("true", "true", "true")
COUNT = Scalar("count", "یک عدد صحیح از 1 با رقم‌های 0-9", "a whole number from 1, in digits 0-9")
NUMBER = Scalar("number", "یک عدد با رقم‌های 0-9", "a number in digits 0-9")
WHOLE = Scalar("whole", "یک عدد صحیح با رقم‌های 0-9", "a whole number in digits 0-9")
DATE = Scalar("date", "یک تاریخ شمسی، مانند 1405/09/02", "a Jalali date, such as 1405/09/02")
KIND_OF_FILE = Scalar("file_kind", "image یا audio یا document", "image, audio or document")
WHEN = Scalar("when", "true یا past یا future", "true, past or future")
PATTERN = Scalar("pattern", "یک الگوی RE2 در گیومه", "an RE2 pattern in quotes")
LITERAL = Scalar("literal", "یک مقدار: متن، عدد، true یا false", "a value: a text, a number, true or false")
ARGUMENT = Scalar("argument", "یک مقدار، یا $ و نام یک متغیر", "a value, or $ and a variable's name")


# Of flow tests.
ANSWER = Scalar("answer", "آنچه شخص می‌نویسد", "what the person types")
MOMENT = Scalar("moment", "یک زمان، مانند 2026-11-23T09:00:00Z", "a time, such as 2026-11-23T09:00:00Z")
SCREEN = Scalar("screen", "متن روی گوشی، زیر |", "the text on the phone, below |")
VALUE = Scalar("value", "یک مقدار، یک زمان، یا null", "a value, a time, or null")
LANGUAGE = Scalar("language", "کد یک زبان، مانند fa", "the code of a language, such as fa")
CALLER = Scalar(
    "caller", 'یک شماره در گیومه، مانند "+989121234567"', 'a number in quotes, such as "+989121234567"'
)

# What a condition expects of a variable.
EXPECTED = Either((LITERAL, Inside("comparison")))

_WAYS = Named(OUTCOME, STATE, most=50)
_ARGUMENTS = Named(NAME, ARGUMENT, most=50)

_GO = Key("go", STATE, "حالت بعدی", "The next state.", required=True)
_WAITING = (
    Key(
        "invalid",
        TEXT,
        "پیامی که پس از پاسخ نادرست پیش از پرسش دوباره می‌آید",
        "What is said after an answer that does not fit, before asking again.",
    ),
    Key(
        "attempts",
        Inside("attempts"),
        "چند پاسخ نادرست پذیرفته می‌شود و سپس به کجا می‌رود",
        "How many answers may not fit, and where to go then.",
    ),
    Key(
        "timeout",
        Inside("timeout"),
        "اگر پاسخی نرسید پس از چه مدت به کجا می‌رود",
        "Where to go when no answer comes for some time.",
    ),
)

KINDS = (
    Place(
        "menu",
        "فهرستی از گزینه‌ها نشان می‌دهد و منتظر انتخاب می‌ماند.",
        "Shows options and waits for one to be chosen.",
        (
            Key("menu", TEXT, "متن بالای گزینه‌ها", "The text above the options.", required=True),
            Key(
                "options",
                Listed(Inside("option"), limits.OPTIONS_PER_MENU),
                "گزینه‌ها به ترتیب؛ شماره هر گزینه جای آن در فهرست است",
                "The options in order; an option's number is its place.",
                required=True,
            ),
            Key("save", VARIABLE, "متغیری که انتخاب در آن می‌ماند", "The variable that keeps the choice."),
            Key(
                "go",
                STATE,
                "حالت بعدی برای گزینه‌هایی که go ندارند",
                "The next state for options without their own go.",
            ),
            Key(
                "files",
                Listed(KIND_OF_FILE, 3),
                "فایلی که به جای گزینه هم پذیرفته است: عکس (image)، صدا (audio)، سند PDF (document). در save "
                "می‌ماند (گزینه‌ها نمی‌مانند) و به go می‌رود؛ اگر دوباره به همین متغیر برسد به فایل‌های پیش "
                "افزوده می‌شود",
                "Files that are taken in place of an option: image, audio, document. They are kept in save "
                "(options are not) and lead to go; others that come for the same variable later are added.",
            ),
            *_WAITING,
        ),
    ),
    Place(
        "ask",
        "پرسشی نشان می‌دهد و منتظر یک پاسخ آزاد می‌ماند.",
        "Shows a question and waits for a free answer.",
        (
            Key("ask", TEXT, "متن پرسش", "The question.", required=True),
            Key(
                "save",
                VARIABLE,
                "متغیری که پاسخ در آن می‌ماند",
                "The variable that keeps the answer.",
                required=True,
            ),
            Key(
                "check",
                Inside("check"),
                "پاسخ باید چگونه باشد؛ بدون آن هر پاسخی پذیرفته است",
                "What the answer must be like; without it any answer fits.",
            ),
            Key(
                "secret",
                FLAG,
                "true یعنی پاسخ محرمانه است (رمز یک‌بارمصرف) و در پرونده‌ها پوشیده می‌ماند",
                "true: the answer is confidential (a one-time code) and stays hidden in what is recorded.",
            ),
            _GO,
            *_WAITING,
        ),
    ),
    Place(
        "say",
        "متنی می‌گوید و بی‌درنگ پیش می‌رود؛ متن بالای صفحه بعدی می‌آید.",
        "Says a text and goes on at once; the text leads the next screen.",
        (Key("say", TEXT, "متن", "The text.", required=True), _GO),
    ),
    Place(
        "call",
        "کاری از بیرون می‌خواهد، مانند ثبت شکایت، و با نتیجه آن پیش می‌رود.",
        "Asks the outside for something, such as filing a complaint, and goes on by its outcome.",
        (
            Key("call", NEED, "نام نیاز", "The name of the need.", required=True),
            Key("with", _ARGUMENTS, "آنچه به نیاز داده می‌شود", "What the need is given."),
            Key(
                "go",
                _WAYS,
                "هر نتیجه به کدام حالت می‌رود: نتیجه‌های نیاز، failed و slow؛ else یعنی بقیه",
                "Where each outcome leads: the need's own, failed and slow; else means the rest.",
                required=True,
            ),
        ),
    ),
    Place(
        "branch",
        "بی آنکه چیزی نشان دهد از روی شرط‌ها راه را برمی‌گزیند.",
        "Chooses the way by conditions, showing nothing.",
        (
            Key(
                "branch",
                Listed(Inside("case"), 50),
                "شرط‌ها به ترتیب؛ نخستین شرط برقرار راه را تعیین می‌کند و آخرین مورد بدون if است",
                "The cases in order; the first whose condition holds decides, the last has no if.",
                required=True,
            ),
        ),
    ),
    Place(
        "run",
        "جریان دیگری را اجرا می‌کند و پس از پایان آن پیش می‌رود.",
        "Runs another flow and goes on after its end.",
        (
            Key("run", FLOW, "نام جریان", "The name of the flow.", required=True),
            Key("with", _ARGUMENTS, "آنچه جریان در takes می‌خواهد", "What the flow asks for in its takes."),
            Key(
                "save",
                Named(VARIABLE, VARIABLE, most=50),
                "متغیر این جریان: متغیر آن جریان",
                "This flow's variable: the other flow's variable.",
            ),
            Key(
                "go",
                Either((STATE, _WAYS)),
                "حالت بعدی، یا برای هر نتیجه پایان آن جریان یک حالت؛ else یعنی بقیه",
                "The next state, or one for each outcome of the other flow's ends; else means the rest.",
                required=True,
            ),
        ),
    ),
    Place(
        "handover",
        "گفتگو را به یک کارشناس می‌سپارد: نوشته‌های شخص به او می‌رسد تا گفتگو بسته شود. در USSD و پیامک، که کسی "
        "نمی‌تواند منتظر بماند، درخواست تماس می‌شود و گفتگو همان‌جا تمام است.",
        "Hands the conversation over to an operator, who gets what the person writes until it is closed. "
        "On USSD and SMS, where nobody can wait, it becomes a call-back and ends the session.",
        (
            Key(
                "handover",
                TEXT,
                "متنی که پس از پذیرفته شدن نشان داده می‌شود",
                "The text shown when it is accepted.",
                required=True,
            ),
            Key(
                "callback",
                TEXT,
                "همان در کانالی که درخواست تماس می‌شود؛ بدون آن متن handover",
                "The same where it becomes a call-back; the text of handover where it is not said.",
            ),
            Key("topic", NAME, "موضوع، برای کارشناس", "The topic, for the operator.", required=True),
            Key(
                "leave",
                Listed(KEYWORD, 10),
                "کلمه‌هایی که شخص با آن‌ها گفتگو با کارشناس را تمام می‌کند",
                "Words by which the person ends the talk with the operator.",
            ),
            Key(
                "go",
                _WAYS,
                "هر نتیجه به کدام حالت می‌رود: failed و slow اگر نشد، closed وقتی کارشناس تمام کرد، "
                "left وقتی شخص تمام کرد، late وقتی یک هفته چیزی گفته نشد؛ else یعنی بقیه. "
                "closed و left و late اگر نوشته نشوند گفتگو را بی‌صدا می‌بندند.",
                "Where each outcome leads: failed and slow when it cannot be done, closed when the operator "
                "ended it, left when the person did, late when nothing was said for a week; else means the "
                "rest. Where closed, left or late is not said it ends the session without a word.",
                required=True,
            ),
        ),
    ),
    Place(
        "end",
        "گفتگو را با آخرین متن می‌بندد؛ در جریانی که run شده به جریان نخست برمی‌گردد.",
        "Ends the session with a last text; in a flow that was run it returns to the flow that ran it.",
        (
            Key("end", CLOSING, "آخرین متن", "The last text.", required=True),
            Key(
                "outcome",
                OUTCOME,
                "نام نتیجه؛ بدون آن done",
                "The outcome's name; done where it is not said.",
            ),
        ),
    ),
)

CHECKS = Place(
    "check",
    "پاسخ باید چگونه باشد: درست یکی از این کلیدها.",
    "What an answer must be like: exactly one of these keys.",
    (
        Key(
            "digits",
            Either((COUNT, Pair(COUNT))),
            "این تعداد رقم، یا از کمترین تا بیشترین",
            "This many digits, or from least to most.",
        ),
        Key(
            "length",
            Pair(COUNT),
            "تعداد نویسه‌ها از کمترین تا بیشترین",
            "Length in characters, least and most.",
        ),
        Key("pattern", PATTERN, "همه پاسخ باید با الگو بخواند", "The whole answer must match the pattern."),
        Key(
            "mobile", TRUE, "شماره همراه ایران؛ به شکل +98… می‌ماند", "An Iranian mobile number, kept as +98…"
        ),
        Key("national_id", TRUE, "کد ملی با رقم کنترل درست", "A national ID with a right check digit."),
        Key("number", Pair(WHOLE), "عدد صحیح از کمترین تا بیشترین", "A whole number, least and most."),
        Key(
            "date",
            Either((WHEN, Pair(DATE))),
            "تاریخ شمسی: هر تاریخ، گذشته، آینده، یا میان دو تاریخ؛ به شکل 2026-11-23 می‌ماند",
            "A Jalali date: any, in the past, in the future, or between two; kept as 2026-11-23.",
        ),
        Key("choice", Listed(KEYWORD, 50), "یکی از این‌ها", "One of these."),
        Key("email", TRUE, "نشانی ایمیل", "An e-mail address."),
        Key(
            "file",
            Either((TRUE, Listed(KIND_OF_FILE, 3))),
            "فایلی از این نوع‌ها: image، audio، document؛ true یعنی هر کدام. "
            "تنها در کانال‌هایی که می‌شود فایل فرستاد",
            "A file of these kinds: image, audio, document; true for any. "
            "Only on channels where files can be sent.",
        ),
    ),
    one=True,
)

PLACES: dict[str, Place] = {
    place.name: place
    for place in (
        Place(
            "flow",
            "بالاترین سطح فایل: یک جریان.",
            "The top level of the file: one flow.",
            (
                Key(
                    "flow",
                    NAME,
                    "نام جریان؛ در همه فایل‌ها یکتا",
                    "The flow's name, unique in all files.",
                    required=True,
                ),
                Key("title", TITLE, "عنوان، برای کارشناس‌ها", "The title, for operators.", required=True),
                Key("about", TITLE, "این جریان برای چیست", "What the flow is for."),
                Key("opens", Inside("opens"), "چه چیزهایی جریان را باز می‌کند", "What opens the flow."),
                Key(
                    "channels",
                    Listed(CHANNEL, len(CHANNELS)),
                    "در کدام کانال‌ها؛ بدون آن در همه",
                    "On which channels; on all where it is not said.",
                ),
                Key(
                    "expires",
                    DURATION,
                    "عمر گفتگو بدون پاسخ؛ بدون آن عمری که کانال می‌گوید",
                    "How long a session lives without an answer; else as long as its channel says.",
                ),
                Key(
                    "takes",
                    Listed(VARIABLE, 20),
                    "متغیرهایی که جریان‌های دیگر با run و with به آن می‌دهند",
                    "The variables that other flows give it by run and with.",
                ),
                Key("start", STATE, "نخستین حالت", "The first state.", required=True),
                Key(
                    "states",
                    Named(NAME, State(), most=limits.STATES_PER_FLOW),
                    "حالت‌ها: نام و آنچه حالت می‌کند",
                    "The states: a name, and what the state does.",
                    required=True,
                ),
            ),
        ),
        Place(
            "opens",
            "چه چیزهایی جریان را باز می‌کند.",
            "What opens the flow.",
            (
                Key("keywords", Listed(KEYWORD, 50), "کلمه‌هایی که نوشته می‌شود", "Words that people write."),
                Key("codes", Listed(CODE, 50), "کدهایی که گرفته می‌شود", "Codes that people dial."),
            ),
        ),
        *KINDS,
        Place(
            "option",
            "یک گزینه منو.",
            "One option of a menu.",
            (
                Key("label", TEXT, "متن گزینه", "What the option says.", required=True),
                Key(
                    "value",
                    LITERAL,
                    "آنچه می‌ماند؛ بدون آن متن گزینه",
                    "What is saved; the label where it is not said.",
                ),
                Key(
                    "keywords",
                    Listed(KEYWORD, 50),
                    "کلمه‌های دیگری که این گزینه را برمی‌گزینند",
                    "Other words that choose this option.",
                ),
                Key(
                    "if",
                    Condition(),
                    "گزینه تنها با این شرط نشان داده می‌شود",
                    "The option is shown only if this holds.",
                ),
                Key("go", STATE, "حالت بعدی", "The next state."),
            ),
        ),
        Place(
            "attempts",
            "پاسخ‌های نادرست.",
            "Answers that do not fit.",
            (
                Key("most", COUNT, "چند پاسخ نادرست", "How many answers may not fit.", required=True),
                Key("go", STATE, "سپس به کدام حالت", "The state after that.", required=True),
            ),
        ),
        Place(
            "timeout",
            "نرسیدن پاسخ.",
            "No answer.",
            (
                Key("after", DURATION, "پس از چه مدت", "After how long.", required=True),
                Key("go", STATE, "به کدام حالت", "To which state.", required=True),
            ),
        ),
        CHECKS,
        Place(
            "case",
            "یک مورد branch.",
            "One case of a branch.",
            (
                Key("if", Condition(), "شرط؛ آخرین مورد شرط ندارد", "The condition; the last case has none."),
                Key("go", STATE, "حالت بعدی", "The next state.", required=True),
            ),
        ),
        Place(
            "comparison",
            "آنچه از یک متغیر در شرط انتظار می‌رود؛ چند کلید با هم یعنی همه.",
            "What a condition expects of a variable; several keys together must all hold.",
            (
                Key("is", LITERAL, "برابر این مقدار", "Equals this value."),
                Key("not", LITERAL, "نابرابر با این مقدار", "Does not equal this value."),
                Key("in", Listed(LITERAL, 50), "یکی از این مقدارها", "Is one of these values."),
                Key("over", NUMBER, "بیشتر از این عدد", "Is more than this number."),
                Key("under", NUMBER, "کمتر از این عدد", "Is less than this number."),
                Key(
                    "set",
                    FLAG,
                    "true یعنی مقداری دارد، false یعنی ندارد",
                    "true: it has a value; false: it has none.",
                ),
            ),
        ),
    )
}

# The files of flow tests.
TESTS: dict[str, Place] = {
    place.name: place
    for place in (
        Place(
            "tests",
            "بالاترین سطح فایل آزمون.",
            "The top level of a file of tests.",
            (Key("tests", Listed(Inside("test"), 200), "آزمون‌ها", "The tests.", required=True),),
        ),
        Place(
            "test",
            "یک گفتگو.",
            "One conversation.",
            (
                Key("test", TITLE, "نام آزمون", "The test's name.", required=True),
                Key(
                    "language",
                    LANGUAGE,
                    "زبان شخص؛ بدون آن fa",
                    "The person's language; fa where it is not said.",
                ),
                Key("channel", CHANNEL, "کانال؛ بدون آن ussd", "The channel; ussd where it is not said."),
                Key(
                    "channels",
                    Listed(CHANNEL, len(CHANNELS)),
                    "به جای channel: همین گفتگو در هر یک از این کانال‌ها، با همین صفحه‌ها",
                    "In place of channel: the same conversation on each of these, with the same screens.",
                ),
                Key("caller", CALLER, "شماره یا نشانی شخص", "The person's number or address."),
                Key(
                    "verified",
                    FLAG,
                    "آیا کانال شماره را تأیید می‌کند؛ بدون آن در ussd و sms آری",
                    "Whether the channel vouches for the number; on ussd and sms where it is not said.",
                ),
                Key("now", MOMENT, "زمان آغاز گفتگو", "When the conversation begins."),
                Key(
                    "needs",
                    Listed(Named(NEED, Inside("met"), most=1), 100),
                    "پاسخ بیرون به هر نیاز، به ترتیبی که خواسته می‌شود",
                    "What the outside answers to each need, in the order asked.",
                ),
                Key("talk", Listed(Inside("step"), 200), "گام‌های گفتگو", "The steps.", required=True),
            ),
        ),
        Place(
            "met",
            "پاسخ بیرون به یک نیاز. کلیدهای دیگر مقدارهایی‌اند که نتیجه می‌آورد.",
            "What the outside answers to a need. Further keys are the values that the outcome brings.",
            (
                Key(
                    "with",
                    Named(NAME, VALUE, most=50),
                    "آنچه جریان باید به نیاز داده باشد؛ تنها همین‌ها سنجیده می‌شود",
                    "What the flow must have given; only these are compared.",
                ),
                Key("outcome", OUTCOME, "نتیجه", "The outcome.", required=True),
            ),
            others=VALUE,
        ),
        Place(
            "step",
            "یک گام: درست یکی از dial و start و say و phone و press و file و contact و wait و event، "
            "و آنچه سپس دیده می‌شود.",
            "One step: exactly one of dial, start, say, phone, press, file, contact, wait and event, "
            "and what is seen then.",
            (
                Key("dial", ANSWER, "کدی که گرفته می‌شود", "A code that is dialled."),
                Key(
                    "start",
                    ANSWER,
                    "فرمانی که هر چه باز است رها می‌کند و از نو می‌آغازد، مانند /start در تلگرام",
                    "A command that leaves whatever is open and begins anew, as /start on Telegram.",
                ),
                Key(
                    "say",
                    ANSWER,
                    "آنچه شخص می‌نویسد: اگر گفتگویی باز نباشد کلمه‌ای که بازش می‌کند، وگرنه پاسخ",
                    "What the person writes: the word that opens a conversation when none is open, else an "
                    "answer.",
                ),
                Key("phone", ANSWER, "پاسخی که فرستاده می‌شود", "An answer that is sent."),
                Key("press", ANSWER, "متن دکمه‌ای که فشرده می‌شود", "What the button says that is pressed."),
                Key(
                    "file",
                    NAME,
                    "فایلی که فرستاده می‌شود: image یا audio یا document؛ یا دلیل نپذیرفتن آن، مانند too_big",
                    "A file that is sent: image, audio or document; or why it was refused, such as too_big.",
                ),
                Key(
                    "contact",
                    CALLER,
                    "شماره خود شخص که هم‌رسانی می‌شود",
                    "The person's own number, shared as a contact.",
                ),
                Key("wait", DURATION, "مدتی که پاسخی نمی‌رسد", "A time without an answer."),
                Key(
                    "event",
                    OUTCOME,
                    "آنچه برای گفتگو با کارشناس رخ می‌دهد: closed یا late",
                    "What happens to the talk with an operator: closed or late.",
                ),
                Key(
                    "screen",
                    SCREEN,
                    "متن روی گوشی، حرف به حرف؛ دکمه‌ها هر کدام در […]",
                    "The text on the phone, letter by letter; buttons in […].",
                ),
                Key("ends", FLAG, "true یعنی گفتگو تمام شده است", "true: the conversation is over."),
                Key("outcome", OUTCOME, "نتیجه گفتگو", "The conversation's outcome."),
            ),
        ),
    )
}

# What joins conditions; none of these can be a variable's name.
COMBINING = {
    "all": ("همه این شرط‌ها", "All of these conditions."),
    "any": ("دست‌کم یکی از این شرط‌ها", "At least one of these conditions."),
    "none": ("هیچ‌کدام از این شرط‌ها", "None of these conditions."),
}

# Variables that every flow may read and none may save.
BUILT_IN = {
    "caller": ("شماره یا نشانی شخص", "The person's number or address."),
    "verified": (
        "آیا شماره تأیید شده است (true یا false)",
        "Whether the number is verified (true or false).",
    ),
    "channel": ("کانال، مانند ussd", "The channel, such as ussd."),
    "language": ("زبان شخص، مانند fa", "The person's language, such as fa."),
    "code": ("کدی که شخص گرفته است", "The code that the person dialled."),
    "attempts": ("شمار پاسخ‌های نادرست در حالت کنونی", "How many answers in the present state did not fit."),
}

# Placeholders that say how a person comes back; with a flow's name behind a colon, into that flow.
RETURNING = {
    "again": (
        "پایان جمله‌ای که می‌گوید چطور باز گردند: در USSD «بگیرید:» و کد در سطر بعد، در کانال‌های دیگر «شکایت» "
        "را بفرستید. همین جریان را باز می‌کند و {again:follow} آن یکی را.",
        'The end of a sentence that tells how to come back: on USSD "dial:" and the code on the next line, '
        'elsewhere send "complaint". It opens this flow, and {again:follow} that one.',
    ),
    "way": (
        "همان برای سطری جدا پس از دونقطه: در USSD تنها کد. نمونه: «پیگیری:» و در سطر بعد {way:follow}.",
        'The same for a line of its own behind a colon: on USSD the code alone. For example "Follow it:" and '
        "on the next line {way:follow}.",
    ),
}

# The formats of a placeholder, ``{deadline:date}``.
FORMATS = {
    "date": ("تاریخ", "A date."),
    "time": ("ساعت به وقت تهران", "The time of day in Tehran."),
    "number": ("عدد با جداکننده هزارگان", "A number with its thousands separated."),
    "digits": ("رقم‌ها بدون جداکننده", "Digits without separators."),
    "toman": ("مبلغ ریالی به تومان", "An amount in rial, told in toman."),
    "phone": ("شماره تلفن به شکل داخلی", "A phone number in its national form."),
}


def told(type: Type) -> tuple[str, str]:
    """What a value of this type must be, in Persian and English: it completes "this must be …"."""
    match type:
        case Scalar(_, fa, en):
            return fa, en
        case Listed(of):
            fa, en = told(of)
            return f"فهرستی در […] (هر عضو: {fa})", f"a list in […] (each element: {en})"
        case Pair(of):
            return f"[کمترین, بیشترین] (هر کدام: {of.fa})", f"[least, most] (each: {of.en})"
        case Named(keys, values):
            fa, en = told(values)
            return (
                f"یک یا چند «نام: مقدار» (نام: {keys.fa}؛ مقدار: {fa})",
                f'one or more "name: value" (the name: {keys.en}; the value: {en})',
            )
        case Inside(place):
            names = [key.name for key in (PLACES.get(place) or TESTS[place]).keys]
            return f"یک یا چند کلید از {'، '.join(names)}", f"one or more of the keys {', '.join(names)}"
        case State():
            return "یک حالت با کلیدهای خودش", "a state with its keys"
        case Condition():
            return "یک شرط، مانند {verified: true}", "a condition, such as {verified: true}"
        case Either(types):
            return " یا ".join(told(one)[0] for one in types), ", or ".join(told(one)[1] for one in types)
