"""What holds on some of the channels that a flow is open on: how people come back, flows that it runs,
handovers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from engine.compile import segments
from engine.findings import Path, Report
from engine.layout import Layout
from engine.lint.placeholders import returning
from engine.lint.scope import Scope
from engine.reader import Source, texts

# By name, the layouts of the channels on which people come to a state.
Layouts = Mapping[str, Layout]

_CODE = re.compile(r"\*[0-9]+(?:\*[0-9]+)*#")


def check(scope: Scope, source: Source, report: Report) -> None:
    for text, place in texts(source):
        layouts = dict(scope.layouts_of(source, str(place[1])))
        for name in dict.fromkeys(returning(text)):
            _check_way(scope, source, name, place, layouts, report)
        writing = any(layout.again for layout in layouts.values())
        for code in dict.fromkeys(_CODE.findall(text)) if writing else ():
            opened = scope.opened.get(("codes", segments(code)))
            if opened is not None:
                report.add("written-code", place, code=code, flow=opened.name)
    for name, state in source.data["states"].items():
        layouts = dict(scope.layouts_of(source, name))
        if "run" in state:
            _check_run(scope, state["run"], ("states", name, "run"), layouts, report)
        elif "handover" in state and layouts:
            live = [layout.live for layout in layouts.values()]
            _check_handover(report, ("states", name), set(state), live)
        elif "file" in state.get("check", {}):
            without = [channel for channel, layout in layouts.items() if not layout.files]
            if without:
                report.add("no-files-there", ("states", name, "check"), channels=", ".join(without))


def _check_way(
    scope: Scope, source: Source, name: str, place: Path, layouts: Layouts, report: Report
) -> None:
    """The flow that ``{again}`` names can be opened on every channel on which this is said."""
    flow = name.partition(":")[2] or source.name
    target = scope.by_name.get(flow)
    if target is None:
        report.add("unknown-flow", place, flow=flow, nearest=report.nearest(flow, scope.by_name))
        return
    missing = [channel for channel, layout in layouts.items() if not _opens(target, layout)]
    if missing:
        key = "keywords" if layouts[missing[0]].again else "codes"
        report.add("no-way-back", place, name=name, flow=flow, channels=", ".join(missing), key=key)


def _opens(target: Source, layout: Layout) -> bool:
    """Whether people can come into a flow on a channel by what they dial or write there."""
    opens = target.data.get("opens", {})
    return open_on(target, layout) and bool(opens.get("keywords" if layout.again else "codes"))


def open_on(source: Source, layout: Layout) -> bool:
    channels = source.data.get("channels")
    return channels is None or layout.channel in channels


def _check_run(scope: Scope, flow: str, place: Path, layouts: Layouts, report: Report) -> None:
    target = scope.by_name.get(flow)
    if target is None:
        return  # Told elsewhere.
    missing = [channel for channel, layout in layouts.items() if not open_on(target, layout)]
    if missing:
        report.add("run-elsewhere", place, flow=flow, channels=", ".join(missing))


def _check_handover(report: Report, place: Path, keys: set[str], live: list[bool]) -> None:
    """``live``: for each channel, whether an operator can talk with people there."""
    if "callback" not in keys and any(live) and not all(live):
        report.add("handover-without-callback", place)
    for key in _useless(live):
        if key in keys:
            report.add("useless-key", (*place, key), key=key)


def _useless(live: list[bool]) -> Iterator[str]:
    if all(live):
        yield "callback"
    elif not any(live):
        yield "leave"
