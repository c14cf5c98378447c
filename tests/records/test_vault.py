from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.keyring import Keyring
from records.vault import Unreadable, Vault

VAULT = Vault(Keyring.new())


@given(st.binary(max_size=2_000), st.binary(max_size=80))
def test_what_is_sealed_opens_in_its_context(plain: bytes, context: bytes) -> None:
    sealed = VAULT.seal(plain, context)
    assert VAULT.open(sealed, context) == plain
    assert len(sealed) == len(plain) + 31


@given(st.binary(max_size=100), st.binary(max_size=20), st.binary(max_size=20))
def test_it_opens_in_no_other_context(plain: bytes, context: bytes, other: bytes) -> None:
    if context != other:
        with pytest.raises(Unreadable):
            VAULT.open(VAULT.seal(plain, context), other)


@given(st.binary(max_size=60), st.data())
def test_a_changed_bit_is_found_wherever_it_is(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(VAULT.seal(plain, b"context"))
    place = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[place // 8] ^= 1 << place % 8
    with pytest.raises(Unreadable):
        VAULT.open(bytes(sealed), b"context")


@given(st.binary(max_size=200))
def test_anything_else_is_unreadable(junk: bytes) -> None:
    with pytest.raises(Unreadable):
        VAULT.open(junk, b"context")


def test_a_part_of_a_sealed_value_is_unreadable() -> None:
    sealed = VAULT.seal(b"something", b"context")
    for length in range(len(sealed)):
        with pytest.raises(Unreadable):
            VAULT.open(sealed[:length], b"context")


def test_the_same_words_never_seal_alike() -> None:
    assert len({VAULT.seal(b"same", b"context") for _ in range(1_000)}) == 1_000


def test_another_ring_opens_nothing_and_finds_nothing() -> None:
    other = Vault(Keyring.new())
    with pytest.raises(Unreadable):
        other.open(VAULT.seal(b"x", b"c"), b"c")
    assert other.index("msisdn", "+989121234567") != VAULT.index("msisdn", "+989121234567")
    assert other.digest("code", "1") != VAULT.digest("code", "1")


@given(st.text(max_size=20), st.text(max_size=40))
def test_an_index_is_always_the_same_16_bytes(kind: str, address: str) -> None:
    index = VAULT.index(kind, address)
    assert index == VAULT.index(kind, address)
    assert len(index) == 16


def test_an_index_tells_kinds_and_addresses_apart() -> None:
    indexes = {VAULT.index(kind, address) for kind in ("msisdn", "telegram") for address in ("1", "11", "12")}
    assert len(indexes) == 6


def test_a_lone_surrogate_has_an_index() -> None:
    assert VAULT.index("telegram", "\ud800") != VAULT.index("telegram", "\ud801")


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_a_digest_tells_its_parts_apart(parts: list[str], others: list[str]) -> None:
    digest = VAULT.digest("code", *parts)
    assert len(digest) == 32
    assert (digest == VAULT.digest("code", *others)) == (parts == others)
    assert digest != VAULT.digest("other", *parts)
