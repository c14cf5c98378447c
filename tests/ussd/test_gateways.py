from settings import GATEWAYS as SETTABLE
from ussd.gateways import GATEWAYS


def test_every_gateway_has_settings() -> None:
    assert set(SETTABLE) == set(GATEWAYS)


def test_every_gateway_says_by_which_methods_it_calls() -> None:
    for gateway in GATEWAYS.values():
        assert {method for method, _ in gateway.DOORS} <= {"GET", "POST", "PUT"}
        assert all(tail == "" or tail.startswith("/") for _, tail in gateway.DOORS)
