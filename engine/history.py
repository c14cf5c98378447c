"""What "back" returns to: before each answer the frames that it may change are kept."""

from __future__ import annotations

import msgspec

from engine import limits
from engine.session import Frame, Session, Step


def remember(session: Session, depth: int) -> None:
    """Keeps the frames from ``depth`` up as they are; the oldest step falls away beyond the limit."""
    session.history.append(Step(depth, [copy(frame) for frame in session.frames[depth:]]))
    if len(session.history) > limits.HISTORY:
        del session.history[0]


def undo(session: Session) -> None:
    """Takes the last step back; without one nothing changes."""
    if session.history:
        step = session.history.pop()
        session.frames = session.frames[: step.depth] + [copy(frame) for frame in step.frames]


def keep_caller(session: Session) -> None:
    """The flow above ``frames[-1]`` has ended: steps taken inside it must bring its caller back with it."""
    for step in session.history:
        if step.depth >= len(session.frames):
            step.depth -= 1
            step.frames.insert(0, copy(session.frames[-1]))


def copy(frame: Frame) -> Frame:
    """A frame that can change on its own."""
    return msgspec.structs.replace(frame, variables=dict(frame.variables))
