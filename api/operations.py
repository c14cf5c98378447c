"""What can be done by the API: each operation once, for its route, its rule and its documentation alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from api import device_models as devices
from api import job_models as jobs
from api import models, webhook_models
from api.access import ApiKey


@dataclass(frozen=True, slots=True)
class Operation:
    """``scope``: what a key must have. ``takes``: the body, ``query``: what the query may have, ``gives``:
    the answer, with ``status``. ``problems``: kinds of ``api.problems`` beside those of all.
    ``once``: it takes an Idempotency-Key. ``uploads``: media types of its body, which is no JSON then;
    ``also``: those of the answer beside JSON."""

    name: str
    method: str
    path: str
    scope: str
    says: str
    gives: type[BaseModel]
    status: int = 200
    takes: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    problems: tuple[str, ...] = ()
    once: bool = False
    uploads: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "sendMessages",
        "POST",
        "/v1/messages",
        "send",
        "Send one message or many.",
        models.SendResponse,
        202,
        takes=models.SendRequest,
        problems=("credit",),
        once=True,
    ),
    Operation(
        "listMessages",
        "GET",
        "/v1/messages",
        "read",
        "Your messages, the newest first.",
        models.MessagePage,
        query=models.MessageQuery,
        problems=("invalid",),
    ),
    Operation(
        "getMessage",
        "GET",
        "/v1/messages/{id}",
        "read",
        "A message and what is known of it.",
        models.MessageDetail,
        problems=("not-found",),
    ),
    Operation(
        "cancelMessage",
        "DELETE",
        "/v1/messages/{id}",
        "send",
        "Cancel a message that no provider has been handed yet.",
        models.MessageDetail,
        problems=("not-found", "not-queued"),
    ),
    Operation(
        "confirmArrivals",
        "POST",
        "/v1/arrivals",
        "send",
        "Say that pushes arrived; what has another channel to go by does not go by it then.",
        models.Arrived,
        takes=models.Arrivals,
    ),
    Operation(
        "registerDevice",
        "POST",
        "/v1/devices",
        "send",
        "Register a device or a browser to a person; the one who used it before no longer does.",
        devices.Registered,
        takes=devices.Registration,
    ),
    Operation(
        "forgetDevice",
        "DELETE",
        "/v1/devices/{id}",
        "send",
        "Forget a device.",
        devices.Forgotten,
        problems=("not-found",),
    ),
    Operation(
        "listInbound",
        "GET",
        "/v1/inbound",
        "read",
        "What people wrote to your lines, the newest first.",
        models.InboundPage,
        query=models.PageQuery,
        problems=("invalid",),
    ),
    Operation(
        "listTemplates",
        "GET",
        "/v1/templates",
        "read",
        "Your templates by name, the last version of each.",
        models.TemplateList,
        query=models.TemplateQuery,
        problems=("invalid",),
    ),
    Operation(
        "getTemplate",
        "GET",
        "/v1/templates/{name}",
        "read",
        "The last version of a template.",
        models.Template,
        problems=("not-found",),
    ),
    Operation(
        "putTemplate",
        "PUT",
        "/v1/templates/{name}",
        "send",
        "Give a template this text: a new version, unless it has it already.",
        models.Template,
        takes=models.TemplateText,
        problems=("not-found",),
    ),
    Operation(
        "sendTemplate",
        "POST",
        "/v1/templates/{name}/messages",
        "send",
        "Send messages made of a template.",
        models.SendResponse,
        202,
        takes=models.TemplateSend,
        problems=("not-found", "credit"),
        once=True,
    ),
    Operation(
        "estimateCost",
        "POST",
        "/v1/estimates",
        "read",
        "What a message would cost, by today's tariffs.",
        models.Estimated,
        takes=models.EstimateRequest,
    ),
    Operation(
        "getUsage",
        "GET",
        "/v1/usage",
        "read",
        "Messages, parts and cost of some days, by day of their acceptance (UTC), channel and status.",
        models.Usage,
        query=models.UsageQuery,
        problems=("invalid",),
    ),
    Operation(
        "listWebhooks",
        "GET",
        "/v1/webhooks",
        "read",
        "Where you are told what happens, the oldest first.",
        webhook_models.WebhookList,
    ),
    Operation(
        "createWebhook",
        "POST",
        "/v1/webhooks",
        "webhooks",
        "Have a URL told what happens. The answer has the secret that it is signed with.",
        webhook_models.WebhookCreated,
        201,
        takes=webhook_models.WebhookRequest,
        problems=("webhooks",),
    ),
    Operation(
        "getWebhook",
        "GET",
        "/v1/webhooks/{id}",
        "read",
        "A webhook, and whether it is paused.",
        webhook_models.Webhook,
        problems=("not-found",),
    ),
    Operation(
        "deleteWebhook",
        "DELETE",
        "/v1/webhooks/{id}",
        "webhooks",
        "Have it told nothing more.",
        webhook_models.Webhook,
        problems=("not-found",),
    ),
    Operation(
        "rotateSecret",
        "POST",
        "/v1/webhooks/{id}/secret",
        "webhooks",
        "A new secret. For a day it is signed with the last one too.",
        webhook_models.WebhookSecret,
        problems=("not-found",),
    ),
    Operation(
        "testWebhook",
        "POST",
        "/v1/webhooks/{id}/test",
        "webhooks",
        "Have it told an event that means nothing.",
        webhook_models.Delivery,
        202,
        problems=("not-found",),
    ),
    Operation(
        "resumeWebhook",
        "POST",
        "/v1/webhooks/{id}/resume",
        "webhooks",
        "Have it told again, what waited too.",
        webhook_models.Webhook,
        problems=("not-found",),
    ),
    Operation(
        "listDeliveries",
        "GET",
        "/v1/webhooks/{id}/deliveries",
        "read",
        "What it was told in the last 30 days, or is to be told, the newest first.",
        webhook_models.DeliveryPage,
        query=webhook_models.DeliveryQuery,
        problems=("not-found", "invalid"),
    ),
    Operation(
        "replayDelivery",
        "POST",
        "/v1/webhooks/{id}/deliveries/{delivery}/replay",
        "webhooks",
        "Have it told one event again.",
        webhook_models.Delivery,
        202,
        problems=("not-found",),
    ),
    Operation(
        "replayFailed",
        "POST",
        "/v1/webhooks/{id}/replay",
        "webhooks",
        "Have it told all events again that were given up.",
        webhook_models.Replayed,
        202,
        takes=webhook_models.ReplayRequest,
        problems=("not-found",),
    ),
    Operation(
        "createJob",
        "POST",
        "/v1/jobs",
        "jobs",
        "Upload many rows, each of which becomes a message.",
        jobs.Job,
        202,
        query=jobs.JobQuery,
        problems=("broken-body", "too-large", "upload-type", "invalid", "jobs"),
        once=True,
        uploads=(jobs.CSV, jobs.NDJSON, jobs.FORM),
    ),
    Operation(
        "listJobs",
        "GET",
        "/v1/jobs",
        "jobs",
        "Your jobs, the newest first.",
        jobs.JobPage,
        query=models.PageQuery,
        problems=("invalid",),
    ),
    Operation(
        "getJob",
        "GET",
        "/v1/jobs/{id}",
        "jobs",
        "A job, and how far it is.",
        jobs.Job,
        problems=("not-found",),
    ),
    *(
        Operation(
            f"{act}Job",
            "POST",
            f"/v1/jobs/{{id}}/{act}",
            "jobs",
            says,
            jobs.Job,
            problems=("not-found", "job-state"),
        )
        for act, says in (
            ("pause", "Stop a job: what it queued and no provider was handed is held."),
            ("resume", "Go on with a paused job."),
            ("cancel", "End a job: nothing that no provider was handed is sent."),
        )
    ),
    Operation(
        "listJobErrors",
        "GET",
        "/v1/jobs/{id}/errors",
        "jobs",
        "What is wrong with rows of a job, by line.",
        jobs.JobErrorPage,
        query=jobs.JobErrorQuery,
        problems=("not-found", "invalid"),
        also=(jobs.CSV,),
    ),
    Operation(
        "getBalance",
        "GET",
        "/v1/balance",
        "read",
        "What is left of what you have paid in advance.",
        models.Balance,
    ),
    Operation(
        "listCredit",
        "GET",
        "/v1/balance/entries",
        "read",
        "What moved it, the newest first.",
        models.CreditPage,
        query=models.PageQuery,
        problems=("invalid",),
    ),
    Operation(
        "startVerification",
        "POST",
        "/v1/verifications",
        "verify",
        "Send a one-time code to a number.",
        models.VerificationStarted,
        202,
        takes=models.VerificationRequest,
        problems=("codes", "credit"),
    ),
    Operation(
        "checkVerification",
        "POST",
        "/v1/verifications/{id}/check",
        "verify",
        "Check the code that a person typed.",
        models.CodeChecked,
        takes=models.CodeCheck,
        problems=("not-found",),
    ),
)


def rules() -> Mapping[str, ApiKey]:
    """The rule of each path, with the scope of each of its methods."""
    scopes: dict[str, list[tuple[str, str]]] = {}
    for operation in OPERATIONS:
        scopes.setdefault(operation.path, []).append((operation.method, operation.scope))
    return {path: ApiKey(tuple(methods)) for path, methods in scopes.items()}
