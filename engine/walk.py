"""A turn under way: where the session stands, and the moves that everything else is made of."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import datetime

from transitions import MachineError

from engine.faults import BrokenFlow
from engine.flow import Ask, End, Flow, Handover, Menu, State
from engine.layout import Layout
from engine.library import Library
from engine.pages import Page
from engine.session import Frame, Session, Value
from engine.show import pages_of, render
from engine.turn import Language, Met, Need

MAIN = "main"  # The flow that a person comes home to.
Asking = Generator[Need, Met, None]


class Walk:
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

    def finish(self, text: str, outcome: str) -> None:
        """Ends the session with a text of the engine's own, or with none."""
        self.last = self.render(text) if text else ""
        self.outcome = outcome

    def pages(self) -> tuple[Page, ...]:
        """Of the screen of the state."""
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
