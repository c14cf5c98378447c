"""The document of the API, and the running server held against it by a program that nobody here wrote."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from api.openapi import document
from api.operations import OPERATIONS
from tests.running import Server, command, within

SECONDS = 15  # Schemathesis tries for so long.

# What it holds answers against. Whether a number exists only we know, so that what the document allows may
# still be 422; codes and cancelled messages have limits and times.
CONFIG = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429"]
"""


def references(found: Any) -> set[str]:
    """All ``$ref`` in a document."""
    if isinstance(found, dict):
        own = {found["$ref"]} if "$ref" in found else set()
        return own.union(*map(references, found.values()))
    return set().union(*map(references, found)) if isinstance(found, list) else set()


def test_the_document_has_every_operation_and_every_schema_that_it_names() -> None:
    made = json.loads(json.dumps(document()))
    served = {(operation.path, operation.method.lower()) for operation in OPERATIONS}
    assert {(path, method) for path, methods in made["paths"].items() for method in methods} == served
    schemas = made["components"]["schemas"]
    assert {name.rpartition("/")[2] for name in references(made)} <= set(schemas)
    assert made["openapi"].startswith("3.1")


@within(SECONDS * 5)
async def test_the_server_does_what_the_document_says(tmp_path: Path) -> None:
    for arguments in (("add", "shop"), ("key", "shop", "--rate", "100000")):
        done = command("accounts", *arguments, folder=tmp_path)
        assert done.returncode == 0, done.stderr
    token = done.stdout.splitlines()[0]
    (tmp_path / "schemathesis.toml").write_text(CONFIG, "utf-8")
    async with Server(tmp_path) as server:
        run = await asyncio.to_thread(
            subprocess.run,
            [
                str(Path(sys.executable).with_name("schemathesis")),
                "--config-file",
                str(tmp_path / "schemathesis.toml"),
                "run",
                f"{server.url}/api/openapi.json",
                "--header",
                f"Authorization: Bearer {token}",
                "--max-time",
                str(SECONDS),
                "--seed",
                "733",
                "--no-color",
            ],
            capture_output=True,
            text=True,
            timeout=SECONDS * 4,
            check=False,
            cwd=tmp_path,
        )
        assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
        assert "Traceback" not in server.log.read_text()
        assert token.rpartition("_")[2] not in server.log.read_text()
