"""One turn: an input moves a session along its flow until it waits again or ends.

``advance`` is a generator. It yields each ``Need`` and is sent what ``Met`` it; what it returns is the
``Turn``. The session that it is given is changed: on any exception throw that object away.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import datetime

import msgspec
from transitions import MachineError

from engine import handing, history, limits
from engine.checks import MOBILE_NUMBER as MOBILE
from engine.choosing import chosen
from engine.faults import BrokenFlow, NotHandedOver
from engine.files import KEPT, NOTHING, TOO_MANY, WANTED, Attached, attached, together
from engine.flow import (
    ANSWERED,
    ELSE,
    GAVE_UP,
    SAID,
    TIMED_OUT,
    Argument,
    Ask,
    Branch,
    Call,
    End,
    Flow,
    Handover,
    Menu,
    Run,
    Say,
    State,
    Waiting,
)
from engine.fold import fold
from engine.layout import Layout
from engine.library import Library
from engine.needs import FAILED, HAND_OVER, SLOW
from engine.pages import Page
from engine.session import Frame, Session, Value
from engine.show import joined, look_up, pages_of, render
from engine.turn import Input, Language, Met, Need, Option, Screen, Turn
from engine.words import (
    GIVEN_UP,
    NOT_SAID,
    SEND_FILE,
    SHARE_NUMBER,
    TIME_IS_OVER,
    TOO_LONG,
    UNKNOWN_CODE,
    WRONG_ANSWER,
    WRONG_CHOICE,
)

MAIN = "main"
RESUME = "resume"
NUMBER = "number"
EXPIRED = "expired"
HANDED_OVER = "handover"


Asking = Generator[Need, Met, None]


def advance(
    library: Library,
    session: Session,
    input: Input,
    now: datetime,
    languages: Mapping[str, Language],
    layout: Layout,
) -> Generator[Need, Met, Turn]:
    """Takes one input. Raises a ``Fault`` when the turn cannot be taken."""
    walk = _Walk(library, session, now, languages, layout)
    session.sequence += 1
    session.due = None
    came = NOTHING
    if input.files or input.refused:
        came = yield from attached(input, walk.language)
    if input.kind == "start":
        walk.start(input)
        walk.note(came)
    elif session.handed:
        yield from walk.listen(input, came)
    elif input.kind == "text":
        if came is NOTHING and not input.contact:
            walk.answer(input.text)
        else:
            walk.receive(input, came)
    elif input.kind == "timeout":
        walk.time_out()
    else:
        raise NotHandedOver(input.text)
    yield from walk.on()
    return walk.turn()


class _Walk:
    """One turn under way. ``answers`` are still to be given, ``last`` is a final text without a state,
    ``aside`` one that is shown in place of the state's screen."""

    __slots__ = (
        "answers",
        "aside",
        "languages",
        "last",
        "layout",
        "library",
        "now",
        "outcome",
        "secret",
        "session",
        "trail",
    )

    def __init__(
        self,
        library: Library,
        session: Session,
        now: datetime,
        languages: Mapping[str, Language],
        layout: Layout,
    ) -> None:
        self.library = library
        self.session = session
        self.now = now
        self.languages = languages
        self.layout = layout
        self.answers: tuple[str, ...] = ()
        self.last: str | None = None
        self.aside: str | None = None
        self.outcome = ""
        self.secret = False
        self.trail: list[str] = []

    # Where the session stands.

    @property
    def language(self) -> Language:
        return self.languages.get(self.session.language) or self.languages["fa"]

    @property
    def flow(self) -> Flow:
        frame = self.session.frames[-1]
        return self.library.version(frame.flow, frame.version)

    @property
    def state(self) -> State:
        frame = self.session.frames[-1]
        return self.library.version(frame.flow, frame.version).states[frame.state]

    def render(self, text: str) -> str:
        """A text as the person reads it now."""
        return render(self.session, text, self.language, self.library, self.layout)

    # Ways in.

    def start(self, input: Input) -> None:
        """Opens the flow that a code or a word names."""
        session = self.session
        answers = input.answers
        opened: Flow | None = None
        if input.contact:
            opened, answers = self.library.find(NUMBER), (input.contact,)
        elif input.text.startswith("*"):
            dialled = self.library.dialled(fold(input.text), self.layout.channel)
            if dialled is not None:
                opened, answers = dialled[0], dialled[1] + answers
            elif not self.layout.again:
                self.finish(UNKNOWN_CODE, "unknown_code")
                return
        else:
            opened = self.library.named(fold(input.text), self.layout.channel)
        if opened is None:
            opened = self.library.live(MAIN)
        session.opened = opened.name
        self.answers = answers[: limits.DIALLED_ANSWERS]
        if session.parked and not self.answers and self.library.find(RESUME):
            self.open(self.library.live(RESUME))
        else:
            session.parked = []
            self.open(opened)

    def open(self, flow: Flow) -> None:
        """Begins a flow with nothing before it."""
        self.session.history = []
        self.session.frames = []
        self.push(flow, {})

    def push(self, flow: Flow, variables: dict[str, Value]) -> None:
        self.session.frames.append(Frame(flow.name, flow.version, flow.start, variables))
        self.entered()

    def entered(self) -> None:
        """A state was entered: what belonged to the one before is over."""
        session = self.session
        session.attempts = 0
        session.page = 0
        frame = session.frames[-1]
        self.trail.append(f"{frame.flow}:{frame.state}")

    def take(self, outcome: str) -> None:
        """Takes a transition of the flow that speaks now."""
        frame = self.session.frames[-1]
        try:
            self.library.version(frame.flow, frame.version).go(frame, outcome)
        except (KeyError, MachineError) as error:
            raise BrokenFlow(f"{frame.flow}:{frame.state}", f"no way for outcome {outcome}") from error
        self.entered()

    # What a person, or time, does.

    def time_out(self) -> None:
        state = self.state
        if isinstance(state, Waiting) and state.after is not None:
            self.session.lead = ""
            self.take(TIMED_OUT)
        else:
            self.finish("" if self.layout.silent else TIME_IS_OVER, EXPIRED)

    def receive(self, input: Input, came: Attached) -> None:
        """Takes what is more than words: files, a number of the person's own."""
        state = self.state
        if came.files and isinstance(state, Menu | Ask) and state.files:
            self.answer_files(state, came)
        elif input.contact:
            self.shared(state, input.contact)
        elif not isinstance(state, Waiting):
            self.answer(input.text)
        else:
            self.session.page = 0
            self.session.lead = ""
            if input.text and not came.said:
                self.answer(input.text)
            self.note(came)

    def note(self, came: Attached) -> None:
        """Says what became of files that nothing asked for."""
        if came is not NOTHING:
            said = came.said or self.language.translate(KEPT)
            self.session.lead = joined(said, self.session.lead)

    def answer_files(self, state: Menu | Ask, came: Attached) -> None:
        """Files in a state that takes some. One that does not fit is no failed answer: it is kept, and the
        person is told what is wanted."""
        session = self.session
        value = together(session.frames[-1].variables.get(state.save), came.files)
        if not set(came.kinds) <= state.files:
            session.lead = self.language.translate(WANTED[state.files])
        elif value is None:
            session.lead = self.language.translate(TOO_MANY)
        else:
            self.accept(state.save, value, ANSWERED)

    def shared(self, state: State, number: str) -> None:
        """A number of the person's own: an answer where one is asked for, and else they want it linked."""
        opened = self.library.find(NUMBER)
        wanted = isinstance(state, Ask) and state.check is not None and state.check.kind == MOBILE
        if opened is None or wanted or not isinstance(state, Waiting):
            self.answer(number)
            return
        history.remember(self.session, 0)
        self.session.lead = ""
        self.session.frames = []
        self.push(opened, {})
        self.answers = (number,)

    def answer(self, text: str) -> None:
        """Gives one answer to the state that waits."""
        session, state = self.session, self.state
        answer = fold(text) if len(text) <= 4 * limits.ANSWER_LENGTH else text
        if isinstance(state, End | Handover):
            session.page += 1  # The last words have several pages: whatever is typed shows the next.
            return
        if isinstance(state, Menu):
            choice = chosen(session, state, answer, self.language)
            if choice is not None:
                # Where files are taken they are what is kept, and an option only leads on.
                self.accept("" if state.files else state.save, choice.value, choice.outcome)
                return
        turning = self.layout.turning(answer)
        if turning == "more" and session.page + 1 < len(self.pages()):
            session.page += 1
        elif turning == "back":
            self.back()
        elif turning == "home" and (main := self.library.find(MAIN)) is not None:
            session.lead = ""
            self.open(main)
        elif isinstance(state, Ask):
            self.secret = self.secret or state.secret
            self.answer_ask(state, answer)
        elif (named := self.library.named(answer, self.layout.channel)) is not None:
            history.remember(session, 0)
            session.lead = ""
            session.frames = []
            self.push(named, {})
        else:
            self.refuse(state, WRONG_CHOICE)

    def listen(self, input: Input, came: Attached) -> Asking:
        """Takes an input while an operator talks with the person."""
        session, state = self.session, self.state
        assert isinstance(state, Handover)
        if came.said and not input.text:
            self.aside = came.said
            return
        if came is not NOTHING:
            input = msgspec.structs.replace(input, files=came.files)
        outcome = yield from handing.listen(state, input)
        if outcome in (handing.STAYS, handing.UNSAID):
            self.aside = self.language.translate(NOT_SAID) if outcome else came.said
            return
        session.handed = False
        session.lead = ""
        if outcome in state.outcomes or ELSE in state.outcomes:
            self.take(outcome if outcome in state.outcomes else ELSE)
        else:
            self.finish("", outcome)

    def answer_ask(self, state: Ask, answer: str) -> None:
        if len(answer) > limits.ANSWER_LENGTH:
            self.refuse(state, TOO_LONG)
            return
        value: Value = answer or None
        if value is not None and state.check is not None:
            value = state.check.apply(answer, self.now)
        if value is None:
            self.refuse(state, WRONG_ANSWER)
        else:
            self.accept(state.save, value, ANSWERED)

    def accept(self, save: str, value: Value, outcome: str) -> None:
        """A fitting answer: what was before it is kept for "back", then the flow goes on."""
        session = self.session
        history.remember(session, len(session.frames) - 1)
        if save:
            session.frames[-1].variables[save] = value
        session.lead = ""
        self.take(outcome)

    def refuse(self, state: State, reason: str) -> None:
        """An answer that does not fit: say why and ask again, but not for ever."""
        assert isinstance(state, Waiting)
        session = self.session
        self.answers = ()
        session.attempts += 1
        session.page = 0
        if session.attempts >= (state.most or limits.ATTEMPTS):
            session.lead = ""
            if state.most is None:
                self.finish(GIVEN_UP, GAVE_UP)
            else:
                self.take(GAVE_UP)
            return
        if state.invalid:
            session.lead = self.render(state.invalid)
        elif isinstance(state, Ask) and state.check is not None and reason is WRONG_ANSWER:
            session.lead = state.check.explain(self.language)
        else:
            session.lead = self.language.translate(reason)

    def back(self) -> None:
        """Undoes the last answer; on the first screen it shows that screen again."""
        self.session.lead = ""
        history.undo(self.session)
        self.entered()

    # On to the next state that waits.

    def on(self) -> Asking:
        for _step in range(limits.STEPS_PER_TURN):
            if self.last is not None:
                return
            state = self.state
            if isinstance(state, Waiting):
                if not self.answers:
                    return
                given, self.answers = self.answers[0], self.answers[1:]
                self.answer(given)
            elif isinstance(state, Say):
                self.session.lead = joined(self.session.lead, self.render(state.text))
                self.take(SAID)
            elif isinstance(state, Branch):
                self.take(self.case(state))
            elif isinstance(state, Call):
                yield from self.call(state)
            elif isinstance(state, Run):
                self.run(state)
            elif isinstance(state, Handover):
                if self.session.page or self.session.handed or (yield from self.hand_over(state)):
                    return
            elif isinstance(state, End) and not self.leave(state):
                return
        raise BrokenFlow(self.trail[-1], f"{limits.STEPS_PER_TURN} steps in one turn")

    def case(self, state: Branch) -> str:
        for condition, outcome in state.cases:
            if condition is None or condition(lambda name: look_up(self.session, name)):
                return outcome
        raise BrokenFlow(self.trail[-1], "no case of the branch holds")

    def call(self, state: Call) -> Asking:
        met = yield Need(state.need, self.arguments(state.arguments))
        session = self.session
        for name, value in met.values.items():
            session.frames[-1].variables[name] = value
        language = met.values.get("language")
        if isinstance(language, str) and language in self.languages:
            session.language = language
        spec = self.library.needs.get(state.need)
        if spec is not None and spec.writes and met.outcome not in (FAILED, SLOW):
            session.history = []  # What has been done outside cannot be undone by "back".
        self.take(met.outcome if met.outcome in state.outcomes else ELSE)

    def arguments(self, arguments: Mapping[str, Argument]) -> dict[str, Value]:
        return {
            name: look_up(self.session, argument.name) if argument.name else argument.literal
            for name, argument in arguments.items()
        }

    def run(self, state: Run) -> None:
        if len(self.session.frames) >= limits.RUN_DEPTH:
            raise BrokenFlow(self.trail[-1], f"more than {limits.RUN_DEPTH} flows wait for one another")
        self.push(self.library.live(state.flow), self.arguments(state.arguments))

    def hand_over(self, state: Handover) -> Generator[Need, Met, bool]:
        """True when an operator takes over: the handover's text is then the last screen, or on a channel
        where people can be talked to the last one of the flow until the handover goes on."""
        live = self.layout.live
        met = yield Need(HAND_OVER, {"topic": state.topic, "live": live})
        session = self.session
        session.frames[-1].variables |= met.values
        if met.outcome == handing.ACCEPTED:
            session.history = []
            session.handed = live
            return True
        self.take(met.outcome if met.outcome in state.outcomes else ELSE)
        return False

    def leave(self, state: End) -> bool:
        """Leaves an ``end`` for the flow that ran this one, or for a parked session. False: it is final."""
        session = self.session
        if len(session.frames) > 1:
            self.come_back(state)
            return True
        if session.parked and session.frames[0].flow == RESUME:
            parked, session.parked = session.parked, []
            if state.outcome == "continue":
                session.frames, session.history, session.lead = parked, [], ""
                self.entered()
            else:
                self.open(self.library.live(session.opened))
            return True
        return False

    def come_back(self, state: End) -> None:
        session = self.session
        session.lead = joined(session.lead, self.render(state.text))
        ended = session.frames.pop()
        caller = session.frames[-1]
        history.keep_caller(session)
        running = self.state
        assert isinstance(running, Run)
        for mine, theirs in running.save.items():
            caller.variables[mine] = ended.variables.get(theirs)
        self.take(state.outcome if state.outcome in running.outcomes else ELSE)

    # The end of the turn.

    def finish(self, text: str, outcome: str) -> None:
        """Ends the session with a text of the engine's own, or with none."""
        self.last = self.render(text) if text else ""
        self.outcome = outcome

    def pages(self) -> tuple[Page, ...]:
        session, state = self.session, self.state
        if isinstance(state, Menu | Ask):
            at_home = len(session.frames) == 1 and session.frames[0].flow == MAIN and not session.history
            menu = state if isinstance(state, Menu) else None
            home = not at_home and self.library.find(MAIN) is not None
            return pages_of(session, state.text, menu, self.language, self.library, self.layout, home=home)
        assert isinstance(state, End | Handover)
        session.history = []
        text = state.text if isinstance(state, End) or self.layout.live else state.callback
        return pages_of(session, text, None, self.language, self.library, self.layout, home=False)

    def turn(self) -> Turn:
        """The screen of where the session stands now."""
        session = self.session
        if self.last is not None:
            session.finished = True
            return Turn(Screen(self.last, self.last), False, tuple(self.trail), self.outcome, self.secret)
        if self.aside is not None:
            session.due = self.now.timestamp() + limits.HANDED_OVER
            return Turn(Screen(self.aside, self.aside), True, tuple(self.trail))
        pages = self.pages()
        session.page = min(session.page, len(pages) - 1)
        page = pages[session.page]
        ways = page.ways if self.layout.buttons else ()
        state = self.state
        asks = asked(state, self.language) if self.layout.buttons else None
        screen = Screen(page.text, page.body, page.options, session.page, len(pages), ways, asks)
        if isinstance(state, Waiting):
            expires = state.after or self.flow.expires or self.layout.expires or limits.EXPIRES
            self.session.due = self.now.timestamp() + expires
            return Turn(screen, True, tuple(self.trail), "", self.secret)
        if session.page + 1 < len(pages) or session.handed:
            session.due = self.now.timestamp() + (limits.HANDED_OVER if session.handed else limits.EXPIRES)
            return Turn(screen, True, tuple(self.trail), "", self.secret)
        session.finished = True
        outcome = state.outcome if isinstance(state, End) else HANDED_OVER
        return Turn(screen, False, tuple(self.trail), outcome, self.secret)


def asked(state: State, language: Language) -> Option | None:
    """What else than words and options a state takes (``Screen.asks``)."""
    if isinstance(state, Menu | Ask) and state.files:
        return Option("file", language.translate(SEND_FILE))
    if isinstance(state, Ask) and state.check is not None and state.check.kind == MOBILE:
        return Option("contact", language.translate(SHARE_NUMBER))
    return None
