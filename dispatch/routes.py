"""Who carries a message: routes by channel, class, line and range of numbers, each with its providers.

A file of routes is YAML, a list for each channel, and what is allowed of each provider::

    sms:
      - providers: {kavenegar: 3, smsir: 1}   # three messages in four by the first, while both are well
        receipt_within: 120                   # seconds; without a receipt by then the next provider gets it
      - classes: [otp]
        numbers: "+98912"
        providers: {magfa: 1, kavenegar: 0}   # 0: only when the others cannot
    providers:
      kavenegar: {rate: 80}                   # parts a second, of all processes together

Of the routes that fit the one with the longest range of numbers is taken, then one that names the line, then
one that names the class, then the first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

CHANNELS = ("sms", "voice", "email", "push", "ussd")
CLASSES = frozenset({"otp", "service", "bulk"})


class BadRoutes(ValueError):
    """The file of routes cannot be used; the message says what is wrong with it and where."""


@dataclass(frozen=True, slots=True)
class Route:
    """``providers``: weight by name; 0 is for those that get what the others could not carry. Empty
    ``classes``, ``numbers`` (what numbers in E.164 begin with) or ``lines`` fit whichever.
    ``receipt_within``: how long a receipt may take before another provider gets the message."""

    channel: str
    providers: Mapping[str, int]
    classes: frozenset[str] = frozenset()
    numbers: str = ""
    lines: frozenset[str] = frozenset()
    receipt_within: timedelta | None = None

    def fits(self, klass: str, to: str, line: str) -> bool:
        return (
            (not self.classes or klass in self.classes)
            and to.startswith(self.numbers)
            and (not self.lines or line in self.lines)
        )


@dataclass(frozen=True, slots=True)
class Routes:
    """``rates``: parts (of whatever is no SMS, messages) a second, by provider."""

    routes: Sequence[Route]
    rates: Mapping[str, float] = field(default_factory=dict)

    def of(self, channel: str, klass: str, to: str, line: str = "") -> Route | None:
        """The route of a message; ``line`` is the line that it must leave from, else empty."""
        fitting = [each for each in self.routes if each.channel == channel and each.fits(klass, to, line)]
        if len(fitting) == 1:
            return fitting[0]
        return max(
            fitting,
            key=lambda each: (len(each.numbers), bool(each.lines), bool(each.classes)),
            default=None,
        )

    def carriers(self, channel: str, klass: str) -> frozenset[str]:
        """Every provider that some message of the lane may go by."""
        return frozenset(
            name
            for each in self.routes
            if each.channel == channel and (not each.classes or klass in each.classes)
            for name in each.providers
        )

    def names(self, channel: str) -> Sequence[str]:
        """The providers of a channel, each once."""
        return sorted({name for each in self.routes if each.channel == channel for name in each.providers})

    def waits(self, channel: str) -> bool:
        """Whether some route of the channel has a time for receipts."""
        return any(each.channel == channel and each.receipt_within for each in self.routes)


def choose(route: Route, shares: Mapping[str, float], tried: Collection[str], draw: float) -> tuple[str, ...]:
    """The providers to try, in order: the first by weight and ``draw`` (from 0 to below 1), the others by
    weight. ``shares`` says of those that can be used at all how much of their weight they get, from their
    health. Those that were ``tried`` come last, and before them those of weight 0."""
    if len(route.providers) == 1:
        return tuple(name for name in route.providers if name in shares)
    weights = {name: weight * shares[name] for name, weight in route.providers.items() if name in shares}
    fresh = {name: weight for name, weight in weights.items() if weight > 0 and name not in tried}
    first = _drawn(fresh, draw)
    rest = sorted((name for name in fresh if name not in first), key=lambda name: -fresh[name])
    spare = [name for name, weight in weights.items() if weight <= 0 and name not in tried]
    again = sorted((name for name in weights if name in tried), key=lambda name: -weights[name])
    return (*first, *rest, *spare, *again)


def _drawn(weights: Mapping[str, float], draw: float) -> list[str]:
    mark = draw * sum(weights.values())
    for name, weight in weights.items():
        mark -= weight
        if mark < 0:
            return [name]
    return list(weights)[-1:]  # What rounding left over.


class _Route(msgspec.Struct, forbid_unknown_fields=True):
    providers: dict[str, int]
    classes: list[str] = []
    numbers: str = ""
    lines: list[str] = []
    receipt_within: float | None = None


class _Provider(msgspec.Struct, forbid_unknown_fields=True):
    rate: float = 0.0


class _File(msgspec.Struct, forbid_unknown_fields=True):
    sms: list[_Route] = []
    voice: list[_Route] = []
    email: list[_Route] = []
    push: list[_Route] = []
    ussd: list[_Route] = []
    providers: dict[str, _Provider] = {}


def read_routes(text: str) -> Routes:
    """The routes of a file. Raises ``BadRoutes``."""
    try:
        file = msgspec.yaml.decode(text.encode(), type=_File)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BadRoutes(str(error).splitlines()[0]) from None
    routes: list[Route] = []
    for channel in CHANNELS:
        for place, each in enumerate(getattr(file, channel), 1):
            where = f"{channel}, route {place}"
            if not each.providers or not any(weight > 0 for weight in each.providers.values()):
                raise BadRoutes(f"{where}: it needs a provider with a weight above 0")
            if any(weight < 0 for weight in each.providers.values()):
                raise BadRoutes(f"{where}: a weight is 0 or more")
            if unknown := set(each.classes) - CLASSES:
                raise BadRoutes(f"{where}: there is no class {', '.join(sorted(unknown))}")
            if each.numbers and not (each.numbers.startswith("+") and each.numbers[1:].isdecimal()):
                raise BadRoutes(f"{where}: numbers begin like +98912")
            if each.receipt_within is not None and each.receipt_within <= 0:
                raise BadRoutes(f"{where}: receipt_within is a number of seconds above 0")
            routes.append(
                Route(
                    channel,
                    each.providers,
                    frozenset(each.classes),
                    each.numbers,
                    frozenset(each.lines),
                    None if each.receipt_within is None else timedelta(seconds=each.receipt_within),
                )
            )
    return Routes(routes, {name: each.rate for name, each in file.providers.items() if each.rate > 0})


def plain(providers: Collection[tuple[str, str]]) -> Routes:
    """The routes where nothing is said: each (channel, provider) carries all of its channel."""
    return Routes([Route(channel, {name: 1}) for channel, name in providers])
