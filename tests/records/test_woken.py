import asyncio

from records.woken import woken


async def test_whether_it_was_set_in_time() -> None:
    event = asyncio.Event()
    assert not await woken(event, 0.01)
    asyncio.get_running_loop().call_soon(event.set)
    assert await woken(event, 60)
    assert await woken(event, 60)


async def test_cancelled_just_as_it_is_set() -> None:
    """So are those who wait for news as the program stops: who heard the news must stop all the same."""
    event = asyncio.Event()

    async def watch() -> None:
        while True:
            await woken(event, 60)
            event.clear()

    for turns in range(4):  # Of the loop, between the news and the end.
        watching = asyncio.create_task(watch())
        await asyncio.sleep(0.01)
        event.set()
        for _turn in range(turns):
            await asyncio.sleep(0)
        watching.cancel()
        _ended, running = await asyncio.wait([watching], timeout=5)
        watching.cancel()
        assert not running, turns
