"""Random pieces: none twice, whichever threads ask, and every number within its bound."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from records.randomness import PIECE, Randomness


def test_no_piece_is_given_twice_to_whichever_threads_ask() -> None:
    randomness = Randomness()
    with ThreadPoolExecutor(4) as threads:
        drawn = [
            piece
            for some in threads.map(lambda _: [randomness.randbytes(PIECE) for _ in range(5_000)], range(4))
            for piece in some
        ]
    assert len(set(drawn)) == len(drawn) == 20_000
    assert {len(piece) for piece in drawn} == {PIECE}


def test_numbers_fill_their_range_and_stay_within() -> None:
    randomness = Randomness()
    assert {randomness.randrange(10) for _ in range(2_000)} == set(range(10))
    bits = [randomness.getrandbits(73) for _ in range(500)]
    assert max(bits) < 1 << 73
    assert max(bits) >= 1 << 72
    assert {randomness.getrandbits(1) for _ in range(200)} == {0, 1}
