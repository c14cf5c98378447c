"""The SMSCs that a process is bound to, each once, whatever parts of it send or receive there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import cast

from bot.sms import Taker
from bot.sms_smpp import SmppSource
from composition import watching
from composition.house import House, now
from dispatch.providers.sms.smpp import Manner, Smpp, Validity
from dispatch.providers.sms.smpp_receipts import SmppReceipts
from dispatch.providers.ussd.smpp import SmppPush, Style
from dispatch.receipts_intake import ReceiptIntake
from settings import SettingError, SmppSettings, SmppSmsSettings, SmscSettings
from smpp.connection import Connection
from smpp.delivery import Delivery, Handler
from smpp.endpoint import BindKind, Endpoint, Timing, read_url
from smpp.parts import Way
from smpp.receipts import IdForm
from smpp.sharing import Shared
from ussd.smpp_vendors import Vendor, vendor


class Smscs:
    """Those of one process. Nothing is bound before it is used."""

    def __init__(self, home: House, *, answers: bool = False) -> None:
        """``answers``: the process has the door of USSD."""
        self._home = home
        self._answers = answers
        self._ussd: Shared | None = None
        self._connections: dict[str, Connection] = {}
        self._sms: dict[str, Shared] = {}  # That send now, by provider.
        watching.watch_smpp(home, self._connections)

    @asynccontextmanager
    async def sms(self, name: str, taker: Taker) -> AsyncIterator[Smpp]:
        """A provider of SMS (one of ``Settings.smscs``), bound. What people write to its lines goes to
        ``taker``, unless somebody else takes it (``inbound``)."""
        settings = self._home.settings.smscs[name]
        endpoint = self._endpoint(name)
        shared = self._shared(endpoint, kinds(settings), settings.window, timing(settings))
        provider = Smpp(name, shared.connection, settings.sender, clock=now, manner=manner(settings))
        async with taking(shared, taker, endpoint, self._receipts(name)):
            self._sms[name] = shared
            try:
                yield provider
            finally:
                del self._sms[name]

    @asynccontextmanager
    async def inbound(self, taker: Taker) -> AsyncIterator[None]:
        """SMS that people send come to ``taker``: by every SMSC that SMS go by in this process, and by the
        one that the settings name for it, which may be one of those."""
        settings = self._home.settings
        ours = {_place(endpoint): name for name, endpoint in self._endpoints().items()}
        async with AsyncExitStack() as stack:
            for name, shared in self._sms.items():
                await stack.enter_async_context(
                    taking(shared, taker, self._endpoint(name), self._receipts(name))
                )
            if settings.sms_inbound_smpp:
                named = read("SMS_INBOUND_SMPP", settings.sms_inbound_smpp, name="sms-inbound")
                same = ours.get(_place(named))
                if same not in self._sms:
                    transceiver = settings.sms_inbound_bind == "transceiver"
                    shared = self._shared(named, ("transceiver" if transceiver else "receiver",))
                    # Of another one nothing of ours went by: what it tells is nobody's.
                    told = nobodys if same is None else self._receipts(same)
                    await stack.enter_async_context(taking(shared, taker, named, told))
            yield

    def _endpoints(self) -> Mapping[str, Endpoint]:
        return {name: self._endpoint(name) for name, smsc in self._home.settings.smscs.items() if smsc.url}

    def _endpoint(self, name: str) -> Endpoint:
        connector = name.removeprefix("smpp").removeprefix("-") or "sms"
        setting = f"SMPP_{connector.upper()}_URL"
        return endpoint_of(setting, self._home.settings.smscs[name], connector)

    def _receipts(self, name: str) -> Handler:
        """Who keeps the receipts of a provider."""
        settings = self._home.settings.smscs[name]
        intake = ReceiptIntake(self._home.database, name, now)
        return SmppReceipts(name, intake.take, cast(IdForm, settings.receipt_ids or settings.ids)).take

    @asynccontextmanager
    async def push(self) -> AsyncIterator[SmppPush]:
        """The provider of screens that nobody dialled for, bound."""
        settings = self._home.settings.smpp_ussd
        spoken = vendor_of(settings)
        style = Style(
            operation=spoken.pushes,
            gsm7=spoken.gsm7,
            ucs2=spoken.ucs2,
            dialog=spoken.dialog,
            end_bit=spoken.end_bit,
            service_type=spoken.service_type,
        )
        source = settings.code if spoken.source == "code" else settings.code.strip("*#")
        async with self.ussd().used() as connection:
            yield SmppPush(connection, source, style)

    def ussd(self) -> Shared:
        """The gateway of USSD. Where nobody answers people we send there and take nothing: what they say
        would be lost on us."""
        if self._ussd is None:
            settings = self._home.settings.smpp_ussd
            endpoint = endpoint_of("SMPP_USSD_URL", settings, "ussd")
            binds = kinds(settings) if self._answers else ("transmitter",)
            self._ussd = self._shared(endpoint, binds, settings.window, timing(settings))
        return self._ussd

    def _shared(
        self, endpoint: Endpoint, binds: Sequence[BindKind], window: int = 10, waits: Timing | None = None
    ) -> Shared:
        connect = partial(Connection, endpoint, binds, window=window, timing=waits)
        shared = Shared(lambda handler: connect(handler=handler))
        self._connections[endpoint.name] = shared.connection
        return shared


@asynccontextmanager
async def taking(shared: Shared, taker: Taker, endpoint: Endpoint, receipts: Handler) -> AsyncIterator[None]:
    """Messages that an SMSC delivers go to ``taker``."""
    source = SmppSource(taker, clock=now, peer=endpoint.host)
    async with shared.used(receipts=receipts, messages=source.take), source:
        yield


async def nobodys(delivery: Delivery) -> None:
    """A receipt of what somebody else sent."""
    delivery.acknowledge()


def manner(settings: SmppSmsSettings) -> Manner:
    return Manner(
        way=cast(Way, settings.long),
        ids=cast(IdForm, settings.ids),
        validity=cast(Validity, settings.validity),
        receipts=settings.receipts,
        service_type=settings.service_type,
        source_ton=settings.source_ton,
        source_npi=settings.source_npi,
        dest_ton=settings.dest_ton,
        dest_npi=settings.dest_npi,
    )


def endpoint_of(setting: str, settings: SmscSettings, name: str) -> Endpoint:
    """Where the settings say that an SMSC is."""
    return read(
        setting,
        settings.url,
        name=name,
        system_type=settings.system_type,
        address_range=settings.address_range,
        ca_file=str(settings.ca_file or ""),
    )


def read(setting: str, url: str, **more: str) -> Endpoint:
    try:
        return read_url(url, **more)  # type: ignore[arg-type]
    except ValueError as error:
        raise SettingError(f"{setting}: {error}") from None


def kinds(settings: SmscSettings) -> tuple[BindKind, ...]:
    both: tuple[BindKind, ...] = ("transmitter", "receiver")
    return (both if settings.bind == "pair" else ("transceiver",)) * settings.binds


def timing(settings: SmscSettings) -> Timing:
    return Timing(response=settings.response, enquire=settings.enquire)


def _place(endpoint: Endpoint) -> tuple[str, int, str]:
    return endpoint.host, endpoint.port, endpoint.system_id


def vendor_of(settings: SmppSettings) -> Vendor:
    """How the gateway of USSD speaks."""
    try:
        return vendor(settings.vendor, dict(settings.options))
    except ValueError as error:
        raise SettingError(f"SMPP_USSD_OPTIONS: {error}") from None
