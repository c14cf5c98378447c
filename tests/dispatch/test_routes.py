"""Who carries a message, and how health moves it: data in, data out."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from dispatch.errors import Rejected, Throttled, Unreachable
from dispatch.health import ENOUGH, LEAST, Counts, Health, deserved, moved
from dispatch.provider import Accepted
from dispatch.routes import BadRoutes, Route, choose, read_routes
from tests.dispatch.outbox import START

FILE = """
sms:
  - providers: {kavenegar: 3, smsir: 1}
    receipt_within: 120
  - classes: [otp]
    providers: {magfa: 1, kavenegar: 0}
  - numbers: "+98912"
    providers: {smsir: 1}
providers:
  kavenegar: {rate: 80}
"""


def test_the_longest_range_then_the_class_then_the_first() -> None:
    routes = read_routes(FILE)

    def names(klass: str, to: str) -> list[str]:
        route = routes.of("sms", klass, to)
        return [] if route is None else list(route.providers)

    assert names("service", "+989351234567") == ["kavenegar", "smsir"]
    assert names("otp", "+989351234567") == ["magfa", "kavenegar"]
    assert names("otp", "+989121234567") == ["smsir"]
    assert routes.of("voice", "otp", "+989121234567") is None
    assert routes.carriers("sms", "bulk") == {"kavenegar", "smsir"}
    assert routes.rates == {"kavenegar": 80.0}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sms: [{providers: {}}]", "sms, route 1"),
        ("sms: [{providers: {a: 0}}]", "above 0"),
        ("sms: [{providers: {a: 1, b: -1}}]", "0 or more"),
        ("sms: [{providers: {a: 1}, classes: [urgent]}]", "urgent"),
        ("sms: [{providers: {a: 1}, numbers: '0912'}]", "+98912"),
        ("sms: [{providers: {a: 1}, receipt_within: 0}]", "receipt_within"),
        ("sms: [{provider: {a: 1}}]", "provider"),
        ("fax: []", "fax"),
        ("sms: [", ""),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, says: str) -> None:
    with pytest.raises(BadRoutes) as caught:
        read_routes(text)
    assert says in str(caught.value)


ROUTE = Route("sms", {"a": 3, "b": 1, "spare": 0})
WELL = {"a": 1.0, "b": 1.0, "spare": 1.0}


def test_weights_share_the_messages() -> None:
    first = Counter(choose(ROUTE, WELL, (), draw / 1000)[0] for draw in range(1000))
    assert first == {"a": 750, "b": 250}


def test_all_are_in_the_order_the_spare_behind_the_others() -> None:
    assert choose(ROUTE, WELL, (), 0.9) == ("b", "a", "spare")


def test_one_that_was_tried_comes_last_and_one_that_cannot_be_used_not_at_all() -> None:
    assert choose(ROUTE, WELL, ("a",), 0.0) == ("b", "spare", "a")
    assert choose(ROUTE, {"a": 1.0, "spare": 1.0}, (), 0.99) == ("a", "spare")
    assert choose(ROUTE, {}, (), 0.5) == ()


def test_ill_health_takes_weight_away() -> None:
    ill = WELL | {"a": 0.1}
    first = Counter(choose(ROUTE, ill, (), draw / 1000)[0] for draw in range(1000))
    assert 220 < first["a"] < 240


def test_a_rate_of_faults_counts_and_one_fault_does_not() -> None:
    assert deserved(Counts(faults=1)) == 1
    assert deserved(Counts(taken=ENOUGH)) == 1
    assert deserved(Counts(taken=97, faults=3)) == 1
    assert 0.3 < deserved(Counts(taken=70, faults=30)) < 0.6
    assert deserved(Counts(taken=10, faults=90)) == LEAST
    assert deserved(Counts(refused=90, taken=10)) == 1  # Wrong numbers are not the provider's fault.


def test_a_share_falls_quicker_than_it_rises_and_never_jumps() -> None:
    twenty = timedelta(seconds=20)
    assert 0.3 < moved(1.0, 0.0, twenty) < 0.4
    assert 0.1 < moved(0.0, 1.0, twenty) < 0.2
    assert moved(0.5, 0.0, timedelta(seconds=-3600)) == 0.5  # A clock that was set back.


def test_health_falls_with_faults_and_drifts_back_while_it_is_quiet() -> None:
    health, now = Health(), START
    told = [("a", Counts(taken=5, faults=95))]
    health.learn(told, now)
    for _look in range(30):
        now += timedelta(seconds=2)
        health.learn(told, now)
    assert health.share("a") < 0.1
    for _look in range(300):
        now += timedelta(seconds=2)
        health.learn([], now)
    assert health.share("a") > 0.95
    assert health.share("never seen") == 1


def test_what_was_counted_is_told_once() -> None:
    health = Health()
    for outcome in (Accepted("X"), Unreachable(), Rejected(), Throttled()):
        health.count("a", outcome, START)
    fresh = health.fresh()
    assert fresh == {(START, "a"): Counts(1, 1, 1, 1)}
    assert health.fresh() == {}
    health.give_back(fresh)
    assert health.fresh() == fresh
