"""Plays a flow test: one person, one phone, and an outside that answers as the test says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from engine.advance import advance
from engine.compile import segments
from engine.durations import seconds
from engine.faults import Fault
from engine.files import KINDS as FILES
from engine.files import REFUSALS
from engine.findings import Both
from engine.fold import fold
from engine.layout import Layout
from engine.library import Library
from engine.needs import FAILED, SLOW, TAKE
from engine.session import Session, Value, read, serialise
from engine.talks import Answered, Step, Test
from engine.turn import Input, Language, Met, Need, Screen, Turn


class Stopped(Exception):
    """The test cannot go on; ``told`` says why, in Persian and English."""

    def __init__(self, fa: str, en: str) -> None:
        super().__init__(en)
        self.told: Both = (fa, en)


class Player:
    """Plays one test. Every step serialises the session and reads it again."""

    def __init__(
        self, library: Library, test: Test, languages: Mapping[str, Language], layouts: Mapping[str, Layout]
    ) -> None:
        self.library = library
        self.test = test
        self.languages = languages
        # A channel without a layout shows a screen of any length at once.
        self.layout = layouts.get(test.channel) or Layout(test.channel, septets=None, units=None)
        self.now = test.now
        self.session: Session | None = None
        self.turn: Turn | None = None
        self.left = list(test.needs)
        self.files = 0

    def take(self, step: Step) -> Turn:
        """What a step leads to; ``Stopped`` when it cannot be taken."""
        match step.act:
            case "dial":
                code = f"*{segments(step.text)[0]}#" if segments(step.text) else step.text
                return self.give(self.opened(code), Input("start", step.text))
            case "start":
                return self.give(self.opened(""), Input("start", step.text))
            case "say" if not (self.layout.again and self.open):
                return self.give(self.opened(""), Input("start", step.text))
            case "press":
                return self.give(self.going_on(), Input("text", self.button(step.text)))
            case "event":
                return self.give(self.going_on(), Input("event", step.text))
            case "file":
                return self.send(self.file(step.text))
            case "contact":
                return self.send(Input("text", step.text, contact=step.text))
            case "wait":
                return self.wait(seconds(step.text))
        return self.give(self.going_on(), Input("text", step.text))

    def send(self, given: Input) -> Turn:
        """What a message without words leads to, whether it opens a conversation or goes on with one."""
        if self.open:
            return self.give(self.going_on(), given)
        return self.give(self.opened(""), msgspec.structs.replace(given, kind="start", text=""))

    def file(self, kind: str) -> Input:
        """A file of this kind, or one that was refused for this reason."""
        if kind in FILES:
            self.files += 1
            return Input("text", files=(f"{kind}-{self.files}",))
        if kind in REFUSALS:
            return Input("text", refused=f"{kind}:5")
        kinds = ", ".join((*FILES, *REFUSALS))
        raise Stopped(f"فایل «{kind}» نیست؛ هست: {kinds}", f'There is no file "{kind}", but: {kinds}')

    def shown(self, turn: Turn) -> str:
        """The screen as the person sees it: buttons in brackets, a line for each option and one for the ways
        out."""
        screen = turn.screen
        if not self.layout.buttons:
            return screen.text
        lines = [screen.body, *(f"[{option.label}]" for option in screen.options)]
        lines.append(" ".join(f"[{way.label}]" for way in screen.ways))
        return "\n".join(line for line in lines if line)

    @property
    def open(self) -> bool:
        """Whether a session is there to go on with."""
        return self.session is not None and not self.session.finished

    def button(self, label: str) -> str:
        """What a button of the present screen sends."""
        screen = self.turn.screen if self.turn is not None else Screen("", "")
        buttons = (*screen.options, *screen.ways) if self.layout.buttons else ()
        found = next((each.key for each in buttons if fold(each.label) == fold(label)), None)
        if found is None:
            labels = "، ".join(each.label for each in buttons) or "–"
            raise Stopped(
                f"دکمه «{label}» روی صفحه نیست؛ دکمه‌ها: {labels}",
                f'There is no button "{label}" on the screen, but: {labels}',
            )
        return found

    def opened(self, code: str) -> Session:
        """A new session. It may go on with the one before, if that was cut off: as on a second dial."""
        test, before = self.test, self.session
        if test.language not in self.languages:
            known = ", ".join(self.languages)
            raise Stopped(
                f"زبان «{test.language}» نیست؛ زبان‌ها: {known}",
                f'There is no language "{test.language}", but: {known}',
            )
        session = Session(
            id=b"test",
            language=before.language if before is not None else test.language,
            verified=test.verified,
            caller=test.caller,
            channel=test.channel,
            code=code,
        )
        cut_off = before is not None and not before.finished and before.code == code
        if before is not None and cut_off and not self.layout.again:
            session.parked = before.parked or (before.frames if before.sequence > 1 else [])
        return session

    def going_on(self) -> Session:
        """The session as it stands."""
        if self.session is None or not self.open:
            raise Stopped(
                "گفتگو تمام شده است و این گام جایی ندارد", "The conversation is over before this step"
            )
        return self.session

    def wait(self, seconds: float) -> Turn:
        """Lets time pass, and every time-out of it happen."""
        until = self.now + timedelta(seconds=seconds)
        turn = None
        session = self.going_on()
        while session.due is not None and session.due <= until.timestamp() and not session.finished:
            self.now = datetime.fromtimestamp(session.due, self.now.tzinfo)
            turn = self.give(session, Input("timeout"))
            session = self.session or session
        if turn is None:
            left = session.due - self.now.timestamp() if session.due is not None else 0
            raise Stopped(
                f"در این مدت چیزی رخ نمی‌دهد؛ مهلت این صفحه {left:.0f} ثانیه است",
                f"Nothing happens in this time; this screen waits for {left:.0f} seconds",
            )
        self.now = until
        return turn

    def give(self, session: Session, given: Input) -> Turn:
        """One turn of the engine, its needs met by the test."""
        steps = advance(self.library, session, given, self.now, self.languages, self.layout)
        try:
            need = next(steps)
            while True:
                need = steps.send(self.meet(need))
        except StopIteration as stop:
            turn: Turn = stop.value
        except Fault as fault:
            raise Stopped(f"جریان درمانده است: {fault}", f"The flow is stuck: {fault}") from fault
        self.session = read(serialise(session))
        self.turn = turn
        return turn

    def meet(self, need: Need) -> Met:
        """Answers a need with the next of the test's; files that are sent are always kept."""
        if need.name == TAKE:
            ids = str(need.arguments["files"])
            kinds = " ".join(id.partition("-")[0] for id in ids.split())
            return Met("ok", {"files": ids, "kinds": kinds})
        asked = f"{need.name} {told(need.arguments)}"
        if not self.left:
            raise Stopped(
                f"جریان {asked} را خواست و در needs چیزی نمانده است",
                f"The flow asked for {asked} and needs has nothing left",
            )
        answered = self.left[0]
        if answered.need != need.name:
            raise Stopped(
                f"جریان {asked} را خواست و نوبت {answered.need} بود (سطر {answered.line})",
                f"The flow asked for {asked} and {answered.need} was next (line {answered.line})",
            )
        expected = told(answered.arguments)
        if any(
            _alike(need.arguments.get(name)) != _alike(value) for name, value in answered.arguments.items()
        ):
            raise Stopped(
                f"جریان {asked} را خواست و آزمون {expected} نوشته است (سطر {answered.line})",
                f"The flow asked for {asked} and the test says {expected} (line {answered.line})",
            )
        self.check_outcome(answered)
        del self.left[0]
        return Met(answered.outcome, answered.values)

    def check_outcome(self, answered: Answered) -> None:
        """The outside answers only as the need's signature says."""
        spec = self.library.needs.get(answered.need)
        if spec is None:
            return
        outcomes = {**spec.outcomes, FAILED: (), SLOW: ()}
        need, outcome, line = answered.need, answered.outcome, answered.line
        if outcome not in outcomes:
            names = ", ".join(outcomes)
            raise Stopped(
                f"نیاز {need} نتیجه {outcome} ندارد (سطر {line})؛ دارد: {names}",
                f"The need {need} has no outcome {outcome} (line {line}), but: {names}",
            )
        if set(outcomes[outcome]) != set(answered.values):
            names = ", ".join(outcomes[outcome]) or "–"
            raise Stopped(
                f"نتیجه {outcome} از {need} درست این مقدارها را می‌آورد: {names} (سطر {line})",
                f"The outcome {outcome} of {need} brings exactly these values: {names} (line {line})",
            )


def _alike(value: Value) -> Value:
    """A value as it is compared: what people type comes folded, what a test says need not be."""
    return fold(value) if isinstance(value, str) else value


def told(values: Mapping[str, Value]) -> str:
    """Values as a test would write them."""
    return "{" + ", ".join(f"{name}: {_value(value)}" for name, value in values.items()) + "}"


def _value(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value) or '""'
