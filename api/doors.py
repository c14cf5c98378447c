"""The routes of the API, each beside its rule, as an application below ``/api``."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web

from api.access import Guard
from api.balance import Balance
from api.costs import Costs
from api.devices import DeviceDoor
from api.jobs import JobDoor
from api.messages import Messages
from api.openapi import document
from api.operations import OPERATIONS, rules
from api.problems import middleware
from api.templates import Templates
from api.verifications import Verifications
from api.webhooks import Webhooks
from engine.turn import Language
from web.access import Handler, Public, guarded

PREFIX = "/api"


def application(
    guard: Guard,
    messages: Messages,
    templates: Templates,
    costs: Costs,
    verifications: Verifications,
    webhooks: Webhooks,
    balance: Balance,
    devices: DeviceDoor,
    jobs: JobDoor,
    languages: Mapping[str, Language],
) -> web.Application:
    """Everything below ``/api``; what goes wrong there is told as the API tells it."""
    handlers: Mapping[str, Handler] = {
        "sendMessages": messages.send,
        "listMessages": messages.list,
        "getMessage": messages.get,
        "cancelMessage": messages.cancel,
        "listInbound": messages.inbound,
        "listTemplates": templates.list,
        "getTemplate": templates.get,
        "putTemplate": templates.put,
        "sendTemplate": templates.send,
        "estimateCost": costs.estimate,
        "getUsage": costs.usage,
        "confirmArrivals": messages.arrived,
        "registerDevice": devices.register,
        "forgetDevice": devices.forget,
        "getBalance": balance.get,
        "listCredit": balance.entries,
        "listWebhooks": webhooks.list,
        "createWebhook": webhooks.create,
        "getWebhook": webhooks.get,
        "deleteWebhook": webhooks.delete,
        "rotateSecret": webhooks.rotate,
        "testWebhook": webhooks.test,
        "resumeWebhook": webhooks.resume,
        "listDeliveries": webhooks.deliveries,
        "replayDelivery": webhooks.replay,
        "replayFailed": webhooks.replay_failed,
        "createJob": jobs.create,
        "listJobs": jobs.list,
        "getJob": jobs.get,
        "pauseJob": jobs.pause,
        "resumeJob": jobs.resume,
        "cancelJob": jobs.cancel,
        "listJobErrors": jobs.errors,
        "startVerification": verifications.start,
        "checkVerification": verifications.check,
    }
    text = json.dumps(document(), ensure_ascii=False)

    async def openapi(request: web.Request) -> web.Response:
        return web.Response(text=text, content_type="application/json")

    app = web.Application(middlewares=[middleware(languages)])
    app.router.add_route("GET", "/openapi.json", guarded(openapi, Public()))
    rule = rules()
    for operation in OPERATIONS:
        handler = guard.keyed(handlers[operation.name], rule[operation.path])
        app.router.add_route(operation.method, operation.path, handler)
    return app
