from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from records.gathered import Gathered


async def test_questions_of_one_moment_go_together_and_later_ones_with_the_next() -> None:
    asked: list[list[int]] = []
    answered = asyncio.Event()

    async def double(numbers: Sequence[int]) -> list[int]:
        asked.append(list(numbers))
        await answered.wait()
        return [number * 2 for number in numbers]

    gathered = Gathered(double, most=4)
    first = [asyncio.create_task(gathered.ask(number)) for number in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = [asyncio.create_task(gathered.ask(number)) for number in range(3, 9)]
    await asyncio.sleep(0)
    answered.set()
    assert await asyncio.gather(*first, *later) == [number * 2 for number in range(9)]
    assert asked == [[0, 1, 2], [3, 4, 5, 6], [7, 8]]


async def test_an_error_is_told_to_those_who_asked_and_to_no_other() -> None:
    async def fail_odd(numbers: Sequence[int]) -> list[int]:
        if numbers[0] % 2:
            raise ValueError("odd")
        return list(numbers)

    gathered = Gathered(fail_odd, most=2)
    results = await asyncio.gather(*map(gathered.ask, [1, 2, 4, 6, 3]), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError, int, int, ValueError]
    assert len({id(result) for result in results}) == 5
    assert await gathered.ask(8) == 8


async def test_who_no_longer_waits_is_not_looked_up() -> None:
    asked: list[int] = []

    async def note(numbers: Sequence[int]) -> list[int]:
        asked.extend(numbers)
        return list(numbers)

    gathered = Gathered(note, most=8)
    gone = asyncio.create_task(gathered.ask(1))
    stays = asyncio.create_task(gathered.ask(2))
    asyncio.get_running_loop().call_soon(gone.cancel)
    await asyncio.wait([gone, stays])
    assert gone.cancelled()
    assert await gathered.ask(3) == 3
    assert await stays == 2
    assert asked[-1] == 3


async def test_an_error_that_cannot_be_copied_is_told_as_it_is() -> None:
    class Odd(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__("both")

    async def fail(numbers: Sequence[int]) -> list[int]:
        raise Odd(1, 2)

    gathered = Gathered(fail, most=2)
    with pytest.raises(Odd, match="both"):
        await gathered.ask(1)
