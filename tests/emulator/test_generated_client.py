"""A client that a generator makes of the OpenAPI document creates, pays and charges a payment.

The generator is a program in an environment of its own, since it pins dependencies that this project has too:

    python -m venv generator && generator/bin/pip install openapi-python-client
    OPENAPI_PYTHON_CLIENT=generator/bin/openapi-python-client python -m pytest tests/emulator/test_generated_client.py
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import anyio
import pytest

from nexi_async.emulator import CheckoutEmulator
from nexi_async.emulator._engine.openapi import document
from nexi_async.emulator._server import serve
from tests.emulator.raw import hosted

GENERATOR = shutil.which(os.environ.get("OPENAPI_PYTHON_CLIENT", "openapi-python-client"))
SHOP = """
import sys, json, httpx
from generated.client import AuthenticatedClient
from generated.api.payments import charge_payment, create_payment, retrieve_payment
from generated.models import ChargePaymentRequest, CreatePaymentRequest

url, key, body = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key, prefix="", raise_on_unexpected_status=True)
created = create_payment.sync(client=client, body=CreatePaymentRequest.from_dict(json.loads(body)))
httpx.post(f"{url}/emulator/payments/{created.payment_id}/pay", json={}).raise_for_status()
charge = charge_payment.sync(
    created.payment_id, client=client, body=ChargePaymentRequest(amount=12500), idempotency_key="key-1"
)
again = charge_payment.sync(
    created.payment_id, client=client, body=ChargePaymentRequest(amount=12500), idempotency_key="key-1"
)
assert again.charge_id == charge.charge_id
refused = charge_payment.sync(created.payment_id, client=client, body=ChargePaymentRequest(amount=99999))
assert refused.code == "1001", refused
payment = retrieve_payment.sync(created.payment_id, client=client).payment
print(payment.summary.reserved_amount, payment.summary.charged_amount, payment.created.year > 2000)
"""


@pytest.fixture
def anyio_backend() -> str:
    """Uvicorn runs on asyncio only."""
    return "asyncio"


@pytest.mark.slow
@pytest.mark.skipif(GENERATOR is None, reason="no openapi-python-client: OPENAPI_PYTHON_CLIENT names none")
async def test_a_generated_client_creates_pays_and_charges(tmp_path: Path) -> None:
    """Without a warning of the generator; a repeated key gives the same charge, a refusal its code."""
    generator = Path(str(GENERATOR))
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(document()))
    config = tmp_path / "config.yml"
    config.write_text("post_hooks: []\n")
    target = tmp_path / "generated"
    options = [f"--path={description}", f"--output-path={target}", "--meta=none", f"--config={config}"]
    await anyio.run_process([generator, "generate", "--fail-on-warning", *options], stderr=subprocess.STDOUT)
    emulator = CheckoutEmulator()
    async with anyio.create_task_group() as tasks:
        listening = await tasks.start(lambda task_status: serve(emulator, port=0, task_status=task_status))
        shop = [generator.parent / "python", "-c", SHOP, listening.url, emulator.secret_key, json.dumps(hosted())]
        done = await anyio.run_process(
            shop, env={**os.environ, "NO_PROXY": "*", "PYTHONPATH": str(tmp_path)}, check=False
        )
        tasks.cancel_scope.cancel()
    assert (done.returncode, done.stdout.decode().split()) == (0, ["12500", "12500", "True"]), done.stderr.decode()
