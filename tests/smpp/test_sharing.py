"""One connection of several parts of a process."""

from __future__ import annotations

from smpp.connection import Connection
from smpp.delivery import Delivery, Handler
from smpp.endpoint import Endpoint, Timing
from smpp.sharing import Shared
from tests.running import within
from tests.smpp.smsc import Smsc, smsc

QUICK = Timing(connect=5, response=5, enquire=30, goodbye=2)


async def delivered(center: Smsc, name: str, **pdu: object) -> int:
    await center.deliver(name, source_addr="1", short_message=b"x", **pdu)  # type: ignore[arg-type]
    [told] = await center.wait("acknowledged", name=name)
    return int(told["status"])


@within(60)
async def test_each_gets_its_own_and_the_last_one_unbinds() -> None:
    got: list[str] = []

    def takes(name: str) -> Handler:
        async def take(delivery: Delivery) -> None:
            got.append(name)
            delivery.acknowledge()

        return take

    async with smsc() as center:
        endpoint = Endpoint("127.0.0.1", center.port, "chapar", "secret")
        shared = Shared(lambda handler: Connection(endpoint, handler=handler, timing=QUICK))
        async with shared.used(receipts=takes("receipts"), messages=takes("first")):
            await shared.connection.ready()
            async with shared.used(messages=takes("second")):
                assert await delivered(center, "one") == 0
                assert await delivered(center, "two", esm_class=4) == 0
            assert await delivered(center, "three") == 0
            assert got == ["second", "receipts", "first"]
            assert len(center.of("bind")) == 1
        await center.wait("unbind")
        assert not shared.used_now
        async with shared.used():  # And again.
            await shared.connection.ready()
            assert await delivered(center, "four") == 0x64, "the SMSC keeps what nobody is there for"
        await center.wait("unbind", 2)
