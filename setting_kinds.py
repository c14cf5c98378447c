"""How the values of settings are read from text: one function for each kind of value. Each raises
``ValueError`` with what the value should have been, to go on from "… is not"."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from urllib.parse import urlsplit

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def text(value: str) -> str:
    return value


def whole(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        # No longer than its bounds need: Python refuses to read very long numbers, in words of its own.
        if not value.isascii() or not value.isdecimal() or len(value) > 15 or not least <= int(value) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(value)

    return parse


def seconds(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 < number <= 86_400:
        raise ValueError("a number of seconds above 0")
    return number


def switch(value: str) -> bool:
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("yes or no")


def choice(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return value

    return parse


def choices(*choices: str) -> Callable[[str], tuple[str, ...]]:
    def parse(value: str) -> tuple[str, ...]:
        chosen = tuple(part.strip() for part in value.split(",") if part.strip())
        if not chosen or not set(chosen) <= set(choices) or len(set(chosen)) < len(chosen):
            raise ValueError(f"one of {', '.join(choices)}, or several joined by commas, each once")
        if "sandbox" in chosen and len(chosen) > 1:
            raise ValueError("a list with others when the sandbox is in it")
        return chosen

    return parse


def url(*schemes: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        try:
            parts = urlsplit(value)
            known = parts.scheme in schemes and (parts.port or 0) >= 0
        except ValueError:  # A port that is no number, brackets that hold no address.
            known = False
        if not known:
            raise ValueError(f"a URL that begins with {' or '.join(scheme + '://' for scheme in schemes)}")
        return value

    return parse


def code(value: str) -> str:
    if not re.fullmatch(r"\*[0-9]{1,16}(?:\*[0-9]{1,16})*#", value):
        raise ValueError("a service code such as *733#")
    return value


def networks(value: str) -> Networks:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        raise ValueError("addresses or networks joined by commas, such as 10.0.0.7,192.0.2.0/24") from None


def lines(value: str) -> tuple[str, ...]:
    lines = tuple(part.strip() for part in value.split(",") if part.strip())
    if not all(re.fullmatch(r"\+?[0-9]{3,20}", line) for line in lines):
        raise ValueError("a list of lines such as 10004346,30002225")
    return lines


def bare_lines(value: str) -> tuple[str, ...]:
    lines = tuple(part.strip() for part in value.split(",") if part.strip())
    if not all(re.fullmatch("[0-9]{3,20}", line) for line in lines):
        raise ValueError("a list of lines in digits such as 30004505000017,10002166")
    return lines


def name(value: str) -> str:
    if not re.fullmatch("[A-Za-z0-9_-]{1,64}", value):
        raise ValueError("a name of letters, digits, _ and -")
    return value


def connectors(value: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in value.split(",") if part.strip())
    taken = {"sms", "ussd", "connectors"}  # Whose settings begin with the same words.
    if not all(re.fullmatch("[a-z][a-z0-9]{0,19}", name) for name in names) or set(names) & taken:
        raise ValueError("a list of names in small letters and digits, such as mci,irancell")
    if len(set(names)) < len(names):
        raise ValueError("a list of names, each once")
    return names


def endpoint(value: str) -> str:
    if "{number}" not in value:
        raise ValueError("an endpoint with {number} in it, such as PJSIP/{number}@trunk")
    return value


def options(value: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if not all(name.strip() and equals for name, equals, _text in pairs):
        raise ValueError("options joined by commas, such as charge=Y,amount=500")
    return tuple((name.strip(), text.strip()) for name, _equals, text in pairs)


def origins(value: str) -> tuple[str, ...]:
    origins = tuple(part.strip().lower().rstrip("/") for part in value.split(",") if part.strip())
    if not all(re.fullmatch(r"\*|https?://[a-z0-9.-]+(:[0-9]{1,5})?", origin) for origin in origins):
        raise ValueError("a list of origins such as https://shop.example.ir, or * for every page")
    return origins


def bots(value: str) -> tuple[tuple[str, str], ...]:
    pairs = [re.fullmatch("([a-z0-9-]{1,16})=(.+)", one.strip()) for one in value.split(",") if one.strip()]
    found = {pair[1]: token(pair[2]) for pair in pairs if pair}
    if len(found) < len(pairs):
        raise ValueError("a list of bots, such as shop=123:ABC,help=456:DEF, each name once")
    return tuple(found.items())


def token(value: str) -> str:
    # It becomes part of a path.
    if not re.fullmatch("[A-Za-z0-9:_-]{1,128}", value):
        raise ValueError("a token such as 123:ABC")
    return value


def rate(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100_000:
        raise ValueError("a number of messages a second, 0 for no limit")
    return number


def hours(value: str) -> str:
    if not re.fullmatch(r"[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]", value):
        raise ValueError("a range of hours such as 09:00-21:00")
    if not "00:00" <= value[:5] < value[6:] <= "24:00":
        raise ValueError("a range of hours such as 09:00-21:00, the first before the second")
    return value


def media_types(value: str) -> tuple[str, ...]:
    types = tuple(part.strip() for part in value.split(","))
    if not all(re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", each) for each in types):
        raise ValueError("a list of media types, such as image/jpeg,application/pdf")
    return types


def webhook_secret(value: str) -> str:
    # What Telegram allows in it; in a path nothing of this needs an escape.
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", value):
        raise ValueError("a secret of 16 to 256 letters, digits, _ or -")
    return value
