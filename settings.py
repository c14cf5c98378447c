"""The environment as one frozen, validated object. Nothing else reads the environment.

Each setting is one field: its name in the environment is the field's name in capitals, and its meaning,
parser and whether it is a secret stand beside it, so that ``server.py config`` can print them all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from pathlib import Path
from typing import Any

import setting_kinds as kinds
from setting_kinds import Networks

GATEWAYS = (
    "africastalking",
    "inoti",
    "infobip",
    "hubtel",
    "nalo",
    "arkesel",
    "comviva",
    "restcomm",
    "truroute",
)

PLATFORMS = ("telegram", "bale")

SMS_PROVIDERS = ("sandbox", "kavenegar", "smsir", "melipayamak", "ippanel", "magfa", "safir", "smpp")

VOICE_PROVIDERS = ("sandbox", "kavenegar-call", "ippanel-call", "asterisk")

PUSH_PROVIDERS = ("sandbox", "fcm", "webpush", "apns")

EMAIL_PROVIDERS = ("sandbox", "smtp")

USSD_PROVIDERS = ("sandbox", "restcomm-push", "smpp-ussd")

# By channel: who may carry it.
PROVIDERS: Mapping[str, tuple[str, ...]] = {
    "sms": SMS_PROVIDERS,
    "voice": VOICE_PROVIDERS,
    "email": EMAIL_PROVIDERS,
    "push": PUSH_PROVIDERS,
    "ussd": USSD_PROVIDERS,
}

ID_FORMS = ("text", "folded", "decimal", "hex")

SMPP_VENDORS = ("standard", "6d", "mica", "tata", "cbs", "number")


class SettingError(Exception):
    """A setting that cannot be used; the message is one line that names it and says what it should be."""


def setting(default: Any, parse: Callable[[str], Any], meaning: str, *, secret: bool = False) -> Any:
    """A field of ``Settings`` with all that ``config`` prints about it."""
    return field(default=default, metadata={"parse": parse, "meaning": meaning, "secret": secret})


@dataclass(frozen=True, slots=True)
class BotSettings:
    """The bots on one messenger. ``bots`` are further ones beside that of ``token``: (name, token)."""

    token: str = setting("", kinds.token, "token of the bot", secret=True)
    bots: tuple[tuple[str, str], ...] = setting(
        (), kinds.bots, "further bots, such as shop=123:ABC,help=456:DEF", secret=True
    )
    mode: str = setting(
        "", kinds.choice("polling", "webhook"), "how updates come; by default webhook where PUBLIC_URL is set"
    )
    webhook_secret: str = setting(
        "",
        kinds.webhook_secret,
        "secret of its webhook requests; without it one made of each token",
        secret=True,
    )
    base_url: str = setting(
        "", kinds.url("http", "https"), "where its Bot API is; without it the messenger's own"
    )
    proxy: str = setting("", kinds.url("http", "https"), "HTTP proxy on the way there", secret=True)
    rate: float = setting(
        30.0, kinds.rate, "messages a second that one process sends by one bot; 0: no limit"
    )
    chat_rate: float = setting(1.0, kinds.rate, "the same to one chat, after five at once; 0: no limit")

    @property
    def tokens(self) -> Mapping[str, str]:
        """Token by the bot's name, "" for the one that has none."""
        return ({"": self.token} if self.token else {}) | dict(self.bots)


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """What one USSD gateway is allowed and how its screens are cut."""

    secret: str = setting("", kinds.text, "secret that the gateway sends (query `secret`)", secret=True)
    addresses: Networks = setting((), kinds.networks, "addresses that the gateway calls from")
    code: str = setting("", kinds.code, "service code where the gateway names none, such as *733#")
    units: int = setting(80, kinds.whole(20, 1_000), "UTF-16 units of one Persian screen")
    septets: int = setting(182, kinds.whole(40, 2_000), "septets of one screen of pure GSM-7")
    strip_zwnj: bool = setting(False, kinds.switch, "leave half-spaces out of what is sent")
    rlm: bool = setting(False, kinds.switch, "a right-to-left mark before each line")
    options: tuple[tuple[str, str], ...] = setting(
        (), kinds.options, "what only this gateway has, such as charge=Y,amount=500"
    )


@dataclass(frozen=True, slots=True)
class SmscSettings:
    """Where an SMSC is, and how we bind there."""

    url: str = setting(
        "",
        kinds.url("smpp", "smpps"),
        "where it is, smpp://system_id:password@host:2775, or smpps:// with TLS",
        secret=True,
    )
    bind: str = setting(
        "transceiver",
        kinds.choice("transceiver", "pair"),
        "transceiver, or pair: a transmitter and a receiver",
    )
    binds: int = setting(1, kinds.whole(1, 32), "how many of those")
    window: int = setting(10, kinds.whole(1, 1_000), "messages of one bind that are not answered yet")
    system_type: str = setting("", kinds.text, "system_type of the bind, where it wants one")
    address_range: str = setting("", kinds.text, "address_range of the bind, where it wants one")
    ca_file: Path | None = setting(None, Path, "certificates to trust in place of the machine's own")
    response: float = setting(20.0, kinds.seconds, "seconds that it has for an answer")
    enquire: float = setting(30.0, kinds.seconds, "seconds between two signs of life")


@dataclass(frozen=True, slots=True)
class SmppSettings(SmscSettings):
    """USSD over SMPP: how its vendor speaks, and how its screens are cut."""

    vendor: str = setting("standard", kinds.choice(*SMPP_VENDORS), "how it speaks; see the table of vendors")
    options: tuple[tuple[str, str], ...] = setting(
        (), kinds.options, "what it does otherwise than its vendor, such as code=destination_addr,gsm7=15"
    )
    code: str = setting("", kinds.code, "service code where it names none, such as *733#")
    units: int = setting(80, kinds.whole(20, 1_000), "UTF-16 units of one Persian screen")
    septets: int = setting(182, kinds.whole(40, 2_000), "septets of one screen of pure GSM-7")
    strip_zwnj: bool = setting(False, kinds.switch, "leave half-spaces out of what is sent")
    rlm: bool = setting(False, kinds.switch, "a right-to-left mark before each line")


@dataclass(frozen=True, slots=True)
class SmppSmsSettings(SmscSettings):
    """SMS over SMPP: which lines are ours there, and how it wants its messages."""

    sender: tuple[str, ...] = setting(
        (), kinds.lines, "lines that SMS are sent from; the first, unless an answer goes from another"
    )
    long: str = setting(
        "udh", kinds.choice("udh", "sar", "payload"), "how a long message is cut: by a header, by TLVs, by it"
    )
    ids: str = setting(
        "text", kinds.choice(*ID_FORMS), "how it spells ids that it gives: text, folded, decimal, hex"
    )
    receipt_ids: str = setting(
        "", kinds.choice(*ID_FORMS), "how it spells them in receipts; without it the same"
    )
    receipts: bool = setting(True, kinds.switch, "whether receipts are asked for")
    validity: str = setting(
        "relative",
        kinds.choice("relative", "absolute", "none"),
        "how it is told until when it may try: seconds from now, a moment in UTC, or not at all",
    )
    service_type: str = setting("", kinds.text, "service_type of messages, where it wants one")
    source_ton: int = setting(0, kinds.whole(0, 7), "type of number of our lines")
    source_npi: int = setting(0, kinds.whole(0, 18), "numbering plan of our lines")
    dest_ton: int = setting(1, kinds.whole(0, 7), "type of number of those whom it goes to")
    dest_npi: int = setting(1, kinds.whole(0, 18), "their numbering plan")


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of Chapar. ``sources`` tells which came from the environment."""

    host: str = setting("127.0.0.1", kinds.text, "address to listen on")
    port: int = setting(8080, kinds.whole(0, 65_535), "port to listen on; 0 takes a free one")
    data_dir: Path = setting(Path("var"), Path, "folder of everything that the embedded default writes")
    flows_dir: Path = setting(Path("flows"), Path, "folder of the flow files")
    database_url: str = setting(
        "", kinds.url("postgresql", "sqlite"), "database; without it SQLite in DATA_DIR", secret=True
    )
    redis_url: str = setting(
        "",
        kinds.url("redis", "rediss", "unix"),
        "Redis before the database; without it in process",
        secret=True,
    )
    keys: str = setting("", kinds.text, "key ring as JSON; without it KEY_FILE", secret=True)
    key_file: str = setting(
        "", kinds.text, "key ring file; without it keys.json in DATA_DIR, made on first start"
    )
    public_url: str = setting(
        "",
        kinds.url("https", "http"),
        "where this service is reached from outside, such as https://chapar.example.ir",
    )
    trusted_proxies: Networks = setting((), kinds.networks, "proxies whose X-Forwarded-For is believed")
    monitor_addresses: Networks = setting((), kinds.networks, "who may read /metrics besides this machine")

    turn_deadline: float = setting(
        8.0, kinds.seconds, "seconds after which a turn is answered by a fallback screen"
    )
    need_deadline: float = setting(5.0, kinds.seconds, "seconds after which a need takes the outcome `slow`")
    turns_in_flight: int = setting(
        128, kinds.whole(1, 10_000), "turns at once; one more is told to try again"
    )
    cache_bytes: int = setting(64 * 2**20, kinds.whole(2**20, 2**36), "memory for sessions kept in process")

    dispatch_port: int | None = setting(
        None, kinds.whole(0, 65_535), "port for /healthz, /readyz and /metrics of `dispatch`; without it none"
    )
    dispatch_in_serve: bool | None = setting(
        None, kinds.switch, "whether `serve` also sends messages; by default only in the embedded default"
    )
    sms_provider: str = setting("sandbox", kinds.choice(*SMS_PROVIDERS), "who sends SMS")
    sms_proxy: str = setting(
        "", kinds.url("http", "https"), "HTTP proxy on the way to whoever sends SMS", secret=True
    )
    kavenegar_key: str = setting("", kinds.text, "API key of Kavenegar", secret=True)
    kavenegar_sender: str = setting("", kinds.text, "line that SMS are sent from")
    kavenegar_url: str = setting(
        "https://api.kavenegar.com", kinds.url("http", "https"), "where Kavenegar answers"
    )
    kavenegar_template: str = setting("", kinds.name, "its template for codes; without it codes go in words")
    smsir_key: str = setting("", kinds.text, "API key of SMS.ir", secret=True)
    smsir_sender: tuple[str, ...] = setting(
        (), kinds.bare_lines, "lines that SMS are sent from; the first, unless an answer goes from another"
    )
    smsir_url: str = setting("https://api.sms.ir", kinds.url("http", "https"), "where SMS.ir answers")
    smsir_template: int | None = setting(
        None, kinds.whole(1, 10**12), "id of its template for codes; without it codes go in words"
    )
    smsir_parameter: str = setting("Code", kinds.name, "what that template calls the code")
    melipayamak_username: str = setting("", kinds.text, "user of Melipayamak")
    melipayamak_password: str = setting("", kinds.text, "its password, or its key for REST", secret=True)
    melipayamak_sender: tuple[str, ...] = setting(
        (), kinds.bare_lines, "lines that SMS are sent from; the first, unless an answer goes from another"
    )
    melipayamak_url: str = setting(
        "https://rest.payamak-panel.com", kinds.url("http", "https"), "where Melipayamak answers"
    )
    melipayamak_template: int | None = setting(
        None, kinds.whole(1, 10**12), "number (bodyId) of its text for codes; without it codes go in words"
    )
    melipayamak_together: bool = setting(
        False, kinds.switch, "equal texts that end with لغو11 in one request; see the page on administration"
    )
    ippanel_key: str = setting("", kinds.text, "API key of IPPanel", secret=True)
    ippanel_sender: tuple[str, ...] = setting(
        (), kinds.lines, "lines that SMS are sent from; the first, unless an answer goes from another"
    )
    ippanel_url: str = setting(
        "https://edge.ippanel.com/v1", kinds.url("http", "https"), "where IPPanel answers"
    )
    ippanel_template: str = setting(
        "", kinds.name, "code of its pattern for codes; without it codes go in words"
    )
    ippanel_parameter: str = setting("code", kinds.name, "what that pattern calls the code")
    magfa_username: str = setting("", kinds.text, "user of Magfa")
    magfa_password: str = setting("", kinds.text, "its password for services", secret=True)
    magfa_domain: str = setting("", kinds.text, "its domain")
    magfa_sender: tuple[str, ...] = setting(
        (), kinds.bare_lines, "lines that SMS are sent from; the first, unless an answer goes from another"
    )
    magfa_url: str = setting(
        "https://sms.magfa.com/api/http/sms/v2", kinds.url("http", "https"), "where Magfa answers"
    )
    safir_key: str = setting("", kinds.text, "API key of Bale's Safir, which writes to numbers", secret=True)
    safir_bot: int | None = setting(
        None, kinds.whole(1, 10**15), "number of the bot of Bale that it writes by"
    )
    safir_url: str = setting("https://safir.bale.ai", kinds.url("http", "https"), "where Safir answers")
    sms_lines: tuple[str, ...] = setting(
        (),
        kinds.lines,
        "lines that people write SMS to, joined by commas; without it KAVENEGAR_SENDER, else whichever",
    )
    sms_inbound_secret: str = setting(
        "", kinds.text, "secret that the provider sends with inbound SMS (query `secret`)", secret=True
    )
    sms_inbound_addresses: Networks = setting((), kinds.networks, "addresses that inbound SMS come from")
    sms_inbound_every: float | None = setting(
        None,
        kinds.seconds,
        "seconds between questions to Kavenegar for inbound SMS; without it they come by callback alone",
    )
    sms_inbound_smpp: str = setting(
        "",
        kinds.url("smpp", "smpps"),
        "SMSC that delivers inbound SMS, smpp://system_id:password@host:2775, or smpps:// with TLS",
        secret=True,
    )
    sms_inbound_bind: str = setting(
        "receiver", kinds.choice("receiver", "transceiver"), "how we bind there for inbound SMS"
    )
    smpp_connectors: tuple[str, ...] = setting(
        (),
        kinds.connectors,
        "further SMSCs of SMS, for routes, such as mci,irancell: smpp-mci goes by SMPP_MCI_URL, and so on",
    )
    routes_file: Path | None = setting(
        None, Path, "YAML file of routes, where a channel has several providers; see docs/operating.md"
    )
    receipts_secret: str = setting(
        "", kinds.text, "secret that providers send with receipts (query `secret`)", secret=True
    )
    receipts_addresses: Networks = setting((), kinds.networks, "addresses that receipts come from")
    webhooks_loopback: bool = setting(
        False, kinds.switch, "whether webhooks may lead to this machine, and by http: for tests only"
    )
    advertising_hours: str = setting(
        "09:00-21:00", kinds.hours, "hours of Tehran in which advertising (class bulk) is sent"
    )
    advertising_consent: bool = setting(
        True, kinds.switch, "whether advertising needs a consent given before; else one withdrawn forbids it"
    )
    advertising_way_out: str = setting(
        "لغو11", kinds.text, "words by which advertising by SMS is ended, put at its end; - for none"
    )
    notices_way_out: str = setting(
        "-", kinds.text, "the same for notices by SMS, where the rule of the line wants it; - for none"
    )
    voice_provider: str = setting("sandbox", kinds.choice(*VOICE_PROVIDERS), "who makes voice calls")
    kavenegar_call_template: str = setting(
        "", kinds.name, "Kavenegar's template for codes by call; without it the words are read"
    )
    asterisk_url: str = setting(
        "http://127.0.0.1:8088/ari", kinds.url("http", "https"), "where Asterisk's REST interface (ARI) is"
    )
    asterisk_user: str = setting("", kinds.text, "user of ARI")
    asterisk_password: str = setting("", kinds.text, "its password", secret=True)
    asterisk_endpoint: str = setting("", kinds.endpoint, "what it dials, such as PJSIP/{number}@trunk")
    asterisk_caller: str = setting("", kinds.text, "number that is shown to whom it calls")
    asterisk_prompts: str = setting("chapar", kinds.name, "folder of our recordings in its sounds")
    ussd_push_provider: str = setting(
        "sandbox", kinds.choice(*USSD_PROVIDERS), "who pushes screens over USSD; smpp-ussd: by SMPP_USSD_URL"
    )
    restcomm_push_url: str = setting(
        "",
        kinds.url("http", "https"),
        "where a RestComm gateway takes pushes, such as http://10.0.0.5:8080/restcomm",
    )
    restcomm_push_network: int = setting(
        0, kinds.whole(0, 9_999), "networkId of the operator there, where it serves several"
    )
    email_provider: str = setting("sandbox", kinds.choice(*EMAIL_PROVIDERS), "who sends e-mail")
    smtp_url: str = setting(
        "", kinds.url("smtp", "smtps"), "mail server, smtp://user:password@host:587", secret=True
    )
    mail_from: str = setting("", kinds.text, "sender of e-mail")
    mail_returns: str = setting(
        "", kinds.text, "address that mails come back to which did not arrive; that of MAIL_FROM without it"
    )
    dkim_key_file: Path | None = setting(
        None, Path, "private key (PEM, RSA or Ed25519) that signs e-mail for the domain of MAIL_FROM"
    )
    dkim_selector: str = setting("chapar", kinds.name, "where its public key is: <selector>._domainkey")
    push_provider: tuple[str, ...] = setting(
        ("sandbox",), kinds.choices(*PUSH_PROVIDERS), "who pushes, joined by commas"
    )
    push_proxy: str = setting("", kinds.url("http", "https"), "HTTP proxy on the way to them", secret=True)
    fcm_account_file: Path | None = setting(
        None, Path, "file of Firebase's service account, as its console gives it out"
    )
    fcm_url: str = setting("https://fcm.googleapis.com", kinds.url("http", "https"), "where FCM answers")
    apns_key_file: Path | None = setting(None, Path, "key for APNs (.p8), as Apple gives it out")
    apns_key_id: str = setting("", kinds.name, "what Apple calls that key")
    apns_team: str = setting("", kinds.name, "id of the developer's team")
    apns_topic: str = setting("", kinds.text, "bundle id of the app")
    apns_url: str = setting(
        "https://api.push.apple.com",
        kinds.url("https"),
        "where APNs answers; apps under development have another",
    )
    webpush_key_file: Path | None = setting(
        None, Path, "private key (PEM, P-256) whose public half browsers subscribe to (VAPID)"
    )
    webpush_contact: str = setting(
        "",
        kinds.url("mailto", "https"),
        "by which push services of browsers reach us, such as mailto:push@example.ir",
    )

    site_domain: str = setting("localhost", kinds.text, "domain in the last line of a code's SMS (WebOTP)")
    identity_url: str = setting("", kinds.url("http", "https"), "look-up of national ID and number (Shahkar)")
    identity_token: str = setting("", kinds.text, "token of that look-up", secret=True)
    complaint_days: int = setting(2, kinds.whole(1, 10), "working days within which a complaint is answered")
    handover_hours: str = setting(
        "always", kinds.text, "when operators are there, such as sat-wed 08:00-16:00, thu 08:00-13:00"
    )
    handover_patience: float = setting(
        120.0,
        kinds.seconds,
        "seconds without a sign of life after which an operator's conversations are queued again",
    )

    number_proof_days: int = setting(
        180,
        kinds.whole(1, 3_650),
        "days that a chat may show what came by a number, after the person proved the number from it",
    )
    number_silence_days: int = setting(
        365,
        kinds.whole(30, 3_650),
        "days without a contact from a number after which who uses it next may be somebody else",
    )
    file_bytes: int = setting(5_000_000, kinds.whole(1_000, 20_000_000), "bytes of one file that people send")
    file_day_bytes: int = setting(
        25_000_000, kinds.whole(1_000, 10_000_000_000), "bytes of files from one address in 24 hours"
    )
    file_types: tuple[str, ...] = setting(
        (), kinds.media_types, "types of files that are taken; by default photos, sound and PDF"
    )
    file_pixels: int = setting(
        50_000_000, kinds.whole(1_000, 1_000_000_000), "pixels of a photo, by its header"
    )
    job_bytes: int = setting(
        100_000_000, kinds.whole(1_000, 10_000_000_000), "bytes of an upload whose rows become messages"
    )

    webchat: bool | None = setting(
        None, kinds.switch, "whether there is a web chat at /chat; by default only in the embedded default"
    )
    webchat_origins: tuple[str, ...] = setting(
        (), kinds.origins, "pages that may hold the chat, beside those of this service itself"
    )
    webchat_sockets: int = setting(25_000, kinds.whole(1, 1_000_000), "open chats of one process")
    webchat_address_sockets: int = setting(
        200, kinds.whole(1, 1_000_000), "open chats from one address of the network"
    )
    webchat_address_rate: float = setting(
        50.0, kinds.rate, "messages a second from one address of the network; 0: no limit"
    )
    webchat_visitor_rate: float = setting(
        1.0, kinds.rate, "messages a second of one visitor, after ten at once; 0: no limit"
    )

    log_level: str = setting("info", kinds.choice("debug", "info", "warning", "error"), "least level logged")
    log_format: str = setting(
        "", kinds.choice("json", "text"), "json, or text for people; by default by terminal"
    )

    routes: Mapping[str, RouteSettings] = field(default_factory=dict)
    bots: Mapping[str, BotSettings] = field(default_factory=dict)
    smpp_ussd: SmppSettings = field(default_factory=SmppSettings)
    smpp_sms: SmppSmsSettings = field(default_factory=SmppSmsSettings)
    smpp_more: Mapping[str, SmppSmsSettings] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def embedded(self) -> bool:
        """The embedded default: no database was named."""
        return not self.database_url

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'chapar.sqlite3'}"

    @property
    def key_path(self) -> Path:
        return Path(self.key_file) if self.key_file else self.data_dir / "keys.json"

    @property
    def dispatches(self) -> bool:
        return self.embedded if self.dispatch_in_serve is None else self.dispatch_in_serve

    @property
    def smscs(self) -> Mapping[str, SmppSmsSettings]:
        """The SMSCs of SMS, by the name of the provider that each is."""
        return {"smpp": self.smpp_sms} | {f"smpp-{name}": each for name, each in self.smpp_more.items()}

    @property
    def chats(self) -> bool:
        return self.embedded if self.webchat is None else self.webchat

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that people write SMS to; empty where each that is written to is ours."""
        return self.sms_lines or ((self.kavenegar_sender,) if self.kavenegar_sender else ())

    @property
    def sandboxed(self) -> tuple[str, ...]:
        """The channels that go to the sandbox; its pages are served while there is one."""
        providers = {
            "sms": self.sms_provider,
            "voice": self.voice_provider,
            "email": self.email_provider,
            "ussd": self.ussd_push_provider,
        }
        boxed = tuple(channel for channel, provider in providers.items() if provider == "sandbox")
        return (*boxed, "push") if self.push_provider == ("sandbox",) else boxed


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this environment; ``SettingError`` for the first that cannot be used."""
    sources: dict[str, str] = {}
    values = _read(Settings, "", environment, sources)
    values["routes"] = {
        gateway: RouteSettings(**_read(RouteSettings, f"USSD_{gateway.upper()}_", environment, sources))
        for gateway in GATEWAYS
    }
    values["bots"] = {
        platform: BotSettings(**_read(BotSettings, f"{platform.upper()}_", environment, sources))
        for platform in PLATFORMS
    }
    values["smpp_ussd"] = SmppSettings(**_read(SmppSettings, "SMPP_USSD_", environment, sources))
    values["smpp_sms"] = SmppSmsSettings(**_read(SmppSmsSettings, "SMPP_SMS_", environment, sources))
    values["smpp_more"] = {
        name: SmppSmsSettings(**_read(SmppSmsSettings, f"SMPP_{name.upper()}_", environment, sources))
        for name in values.get("smpp_connectors", ())
    }
    _refuse_unknown(environment, ("ussd", "sms", *values["smpp_more"]))
    settings = Settings(**values, sources=sources)
    _check(settings)
    return settings


def describe(settings: Settings) -> Iterator[tuple[str, str, str, str]]:
    """(name, value with secrets masked, source, meaning) of every setting."""
    yield from _describe(settings, "", settings.sources)
    for gateway, route in settings.routes.items():
        yield from _describe(route, f"USSD_{gateway.upper()}_", settings.sources)
    for platform, bots in settings.bots.items():
        yield from _describe(bots, f"{platform.upper()}_", settings.sources)
    yield from _describe(settings.smpp_ussd, "SMPP_USSD_", settings.sources)
    yield from _describe(settings.smpp_sms, "SMPP_SMS_", settings.sources)
    for name, smsc in settings.smpp_more.items():
        yield from _describe(smsc, f"SMPP_{name.upper()}_", settings.sources)


def _read(
    kind: type[Any], prefix: str, environment: Mapping[str, str], sources: dict[str, str]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for each in fields(kind):
        if "parse" not in each.metadata:
            continue
        name = prefix + each.name.upper()
        text = environment.get(name, "").strip()
        if not text:
            continue
        try:
            values[each.name] = each.metadata["parse"](text)
        except ValueError as error:
            shown = "its value" if each.metadata["secret"] else repr(text)
            raise SettingError(f"{name}: {shown} is not {error}") from None
        sources[name] = "environment"
    return values


def _describe(
    holder: Settings | RouteSettings | BotSettings | SmscSettings, prefix: str, sources: Mapping[str, str]
) -> Iterator[tuple[str, str, str, str]]:
    for each in fields(holder):
        if "parse" not in each.metadata:
            continue
        name = prefix + each.name.upper()
        yield (
            name,
            _shown(getattr(holder, each.name), each.metadata["secret"]),
            sources.get(name, "default"),
            (each.metadata["meaning"]),
        )


def _shown(value: Any, secret: bool) -> str:
    if value is None or value in ("", ()):
        return ""
    if secret:
        return "••••"
    if isinstance(value, tuple):
        return ",".join("=".join(part) if isinstance(part, tuple) else str(part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _refuse_unknown(environment: Mapping[str, str], smscs: Sequence[str]) -> None:
    """A route's setting that is misspelt would leave the route as it was: open, or closed to everybody."""
    known = {f"USSD_{gateway}_{each.name}".upper() for gateway in GATEWAYS for each in fields(RouteSettings)}
    known |= {f"{platform}_{each.name}".upper() for platform in PLATFORMS for each in fields(BotSettings)}
    for smsc in smscs:
        kind = SmppSettings if smsc == "ussd" else SmppSmsSettings
        known |= {f"SMPP_{smsc}_{each.name}".upper() for each in fields(kind)}
    known |= {each.name.upper() for each in fields(Settings)}
    grouped = ("USSD_", "SMPP_", "SMS_INBOUND_", *(f"{platform.upper()}_" for platform in PLATFORMS))
    for name, text in sorted(environment.items()):
        if name.startswith(grouped) and text.strip() and name not in known:
            raise SettingError(f"{name}: there is no such setting; `server.py config` lists them all")


# What a provider cannot do without, whoever names it.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "kavenegar": ("kavenegar_key",),
    "smsir": ("smsir_key", "smsir_sender"),
    "melipayamak": ("melipayamak_username", "melipayamak_password", "melipayamak_sender"),
    "ippanel": ("ippanel_key", "ippanel_sender"),
    "magfa": ("magfa_username", "magfa_password", "magfa_domain", "magfa_sender"),
    "safir": ("safir_key", "safir_bot"),
    "smpp": ("smpp_sms.url",),
    "restcomm-push": ("restcomm_push_url",),
    "smpp-ussd": ("smpp_ussd.url",),
    "kavenegar-call": ("kavenegar_key",),
    "ippanel-call": ("ippanel_key",),
    "asterisk": ("asterisk_user", "asterisk_password", "asterisk_endpoint"),
    "smtp": ("smtp_url", "mail_from"),
    "fcm": ("fcm_account_file",),
    "webpush": ("webpush_key_file", "webpush_contact"),
    "apns": ("apns_key_file", "apns_key_id", "apns_team", "apns_topic"),
}


def demand(settings: Settings, needs: Sequence[str], by: str) -> None:
    """Raises ``SettingError`` where one of these settings is empty; ``by`` says who needs it."""
    for name in needs:
        if not attrgetter(name)(settings):
            raise SettingError(f"{name.replace('.', '_').upper()}: is empty, but {by} needs it")


def _check(settings: Settings) -> None:
    """What single parsers cannot see: settings that need one another."""
    if settings.sms_inbound_every is not None:
        demand(settings, ("kavenegar_key",), "SMS_INBOUND_EVERY")
        if not settings.lines:
            raise SettingError("SMS_LINES: is empty, but SMS_INBOUND_EVERY needs it")
    for setting, providers in (
        ("SMS_PROVIDER", (settings.sms_provider,)),
        ("VOICE_PROVIDER", (settings.voice_provider,)),
        ("PUSH_PROVIDER", settings.push_provider),
        ("EMAIL_PROVIDER", (settings.email_provider,)),
        ("USSD_PUSH_PROVIDER", (settings.ussd_push_provider,)),
    ):
        for provider in providers:
            demand(settings, NEEDS.get(provider, ()), f"{setting}={provider}")
    for name, smsc in settings.smpp_more.items():
        if not smsc.url:
            raise SettingError(f"SMPP_{name.upper()}_URL: is empty, but SMPP_CONNECTORS needs it")
    for platform, bots in settings.bots.items():
        if bots.mode == "webhook" and bots.tokens and not settings.public_url:
            raise SettingError(f"PUBLIC_URL: is empty, but {platform.upper()}_MODE=webhook needs it")
