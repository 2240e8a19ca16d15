"""The examples run as they are printed: each is started, takes an order, and learns by a webhook that it is paid."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anyio
import httpx
import pytest
import yaml

from nexi_async import AsyncCheckout, Checkout, Order, OrderItem
from tests.docs.blocks import DOCS, PAGES, SCRIPTS
from tests.ports import free_port, wait_until_listening
from tests.test_readme import TIMEOUT, on_ports

EXAMPLES = DOCS / "examples"
SECRET = "q7Lw2ZtB9fKx4RdNh3VsYc8MpEa6JgUt"

slow = pytest.mark.slow


@contextmanager
def started(*command: str | Path, cwd: Path, port: int, env: Mapping[str, str] | None = None) -> Iterator[Path]:
    """A program from when it listens until it has stopped; gives the file that it writes to."""
    log = cwd / f"{port}.log"
    with log.open("wb") as output:
        program = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **(env or {})}, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            wait_until_listening(program, port)
            yield log
        finally:
            program.terminate()
            program.wait(timeout=TIMEOUT)


@contextmanager
def emulator(folder: Path) -> Iterator[str]:
    """An emulator with a port of its own; gives its address."""
    port = free_port()
    with started(SCRIPTS / "nexi-async", "emulator", "--port", str(port), cwd=folder, port=port):
        yield f"http://127.0.0.1:{port}"


def client_of(port: int) -> httpx.Client:
    """A client of a shop on this machine."""
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=TIMEOUT)


def pay(address: str, payment_id: str) -> None:
    """Pay as the shopper."""
    url = f"{address}/emulator/payments/{payment_id}/pay"
    httpx.post(url, json={}, trust_env=False, timeout=TIMEOUT).raise_for_status()


def until(is_true: Callable[[], bool]) -> bool:
    """Whether something becomes true in time."""
    ends = time.monotonic() + TIMEOUT
    while not (found := is_true()) and time.monotonic() < ends:
        time.sleep(0.05)
    return found


SHOPS = {
    "starlette_trio/trio_shop.py": ("hypercorn", "--worker-class", "trio", "--bind", "127.0.0.1:8000", "trio_shop:app"),
    "litestar_shop/litestar_shop.py": ("uvicorn", "litestar_shop:app", "--port", "8000"),
    "django_shop/django_shop.py": ("uvicorn", "django_shop:app", "--port", "8000"),
}


@slow
@pytest.mark.parametrize("example", SHOPS)
def test_a_shop_learns_that_it_is_paid(example: str, tmp_path: Path) -> None:
    """Order, pay, and ask the shop."""
    port = free_port()
    with ExitStack() as programs:
        address = programs.enter_context(emulator(tmp_path))
        code = on_ports((EXAMPLES / example).read_text(), port, int(address.rpartition(":")[2]))
        (tmp_path / Path(example).name).write_text(code.replace("127.0.0.1:8000", f"127.0.0.1:{port}"))
        program, *arguments = (each.replace("8000", str(port)) for each in SHOPS[example])
        programs.enter_context(started(SCRIPTS / program, *arguments, cwd=tmp_path, port=port))
        shop = programs.enter_context(client_of(port))
        payment_id = shop.post("/orders").raise_for_status().json()["payment_id"]
        assert shop.get(f"/orders/{payment_id}").json() == {"paid": False}
        pay(address, payment_id)
        assert until(lambda: shop.get(f"/orders/{payment_id}").json() == {"paid": True})


@slow
@pytest.mark.skipif(shutil.which("nginx", path="/usr/sbin:/usr/bin") is None, reason="nginx is not installed")
def test_nginx_and_two_workers(tmp_path: Path, postgres_url: str) -> None:
    """Deliveries come through nginx, either worker stores them in PostgreSQL, and metrics are not to be had outside."""
    front, ports = free_port(), [free_port(), free_port()]
    (tmp_path / "inbox_shop.py").write_text((EXAMPLES / "fastapi_inbox" / "inbox_shop.py").read_text())
    with ExitStack() as programs:
        address = programs.enter_context(emulator(tmp_path))
        env = {
            "NEXI_BASE_URL": address,
            "NEXI_INBOX": postgres_url,
            "NEXI_SECRET_KEY": "emulator-secret-key",
            "NEXI_WEBHOOK_AUTHORIZATION": SECRET,
            "SHOP_URL": f"http://127.0.0.1:{front}",
            "WEBHOOK_NETWORKS": "127.0.0.1",
        }
        for port in ports:
            worker = (SCRIPTS / "uvicorn", "inbox_shop:app", "--port", str(port), "--no-proxy-headers")
            programs.enter_context(started(*worker, cwd=tmp_path, port=port, env=env))
        programs.enter_context(nginx(tmp_path, front, ports))
        shop = programs.enter_context(client_of(front))
        payments = [
            shop.post("/orders", params={"article": "mug", "price": 10_000}).raise_for_status().json()["payment_id"]
            for _ in range(6)
        ]
        for payment_id in payments:
            pay(address, payment_id)
        assert until(lambda: sum(handled(port) for port in ports) == len(payments))
        shipped = {
            shop.post(f"/orders/{payment_id}/ship").raise_for_status().json()["charged"] for payment_id in payments
        }
        assert len(shipped) == len(payments)
        assert shop.get("/metrics").status_code == 404


@contextmanager
def nginx(folder: Path, front: int, ports: list[int]) -> Iterator[None]:
    """The example's nginx on other ports, from a folder of its own."""
    configuration = (EXAMPLES / "nginx" / "nginx.conf").read_text()
    for old, new in {8080: front, 8001: ports[0], 8002: ports[1]}.items():
        configuration = configuration.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
    file = own_nginx(folder, configuration)
    command = ("/usr/sbin/nginx", "-p", folder, "-e", folder / "error.log", "-c", file)
    with started(*command, "-g", f"daemon off; pid {folder}/nginx.pid;", cwd=folder, port=front):
        yield


def own_nginx(folder: Path, configuration: str) -> Path:
    """A configuration whose temporary files are in the folder."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    file = folder / "nginx.conf"
    file.write_text(configuration.replace("http {", f"http {{ access_log off; {paths}", 1))
    return file


def handled(port: int) -> int:
    """How many events a worker has handled, as its metrics say."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    return sum(int(count) for count in re.findall(r'events_total\{.*result="handled"\} (\d+)', text))


@slow
def test_the_worker_charges_once(tmp_path: Path, postgres_url: str) -> None:
    """A task that the queue runs twice charges once."""
    (tmp_path / "worker.py").write_text((EXAMPLES / "worker" / "worker.py").read_text())
    with emulator(tmp_path) as address:
        env = {**os.environ, "DATABASE_URL": postgres_url, "NEXI_BASE_URL": address, "WAIT": "no", "PYTHONPATH": "."}
        payment_id = anyio.run(paid_payment, address)
        task = f'{{"payment_id": "{payment_id}", "amount": 10000}}'
        queue = (SCRIPTS / "procrastinate", "--app", "worker.queue")
        for command in (
            (*queue, "schema", "--apply"),
            (*queue, "defer", "charge", task),
            (*queue, "defer", "charge", task),
            (SCRIPTS / "python", "worker.py"),
        ):
            done = subprocess.run(command, cwd=tmp_path, env=env, timeout=40, check=False, capture_output=True)
            assert done.returncode == 0, done.stderr.decode()
        assert anyio.run(charged_amounts, address, payment_id) == [10_000]


async def charged_amounts(address: str, payment_id: str) -> list[int]:
    """What was charged of a payment, charge by charge."""
    async with AsyncCheckout("emulator-secret-key", base_url=address) as checkout:
        return [charge.amount for charge in (await checkout.payments.retrieve(payment_id)).charges]


async def paid_payment(address: str) -> str:
    """A payment of 100.00 that is reserved."""
    order = Order.of(items=[OrderItem.of(reference="mug", name="Mug", unit_price=10_000)], currency="SEK")
    hosted = Checkout.hosted(return_url="https://shop.example/done", terms_url="https://shop.example/terms")
    async with AsyncCheckout("emulator-secret-key", base_url=address) as checkout:
        payment = await checkout.payments.create(order=order, checkout=hosted)
    pay(address, payment.payment_id)
    return payment.payment_id


def test_compose_names_what_is_there() -> None:
    """Every service has an image or is built from files that exist, and depends on services that exist."""
    folder = EXAMPLES / "compose"
    compose = yaml.safe_load((folder / "compose.yaml").read_text())
    assert set(compose) == {"services", "volumes"}
    for service in compose["services"].values():
        assert ("image" in service) != ("build" in service)
        assert set(service.get("depends_on", ())) <= set(compose["services"])
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (folder / source).is_file() if source.startswith(".") else source in compose["volumes"]
    build = compose["services"]["web"]["build"]
    dockerfile = (folder / build["context"] / build["dockerfile"]).read_text()
    for source in re.findall(r"^COPY (\S+)", dockerfile, re.MULTILINE):
        assert (folder / build["context"] / source).is_file()


def test_compose_sets_what_the_shop_reads() -> None:
    """No variable of the compose file is one that the shop does not know."""
    compose = yaml.safe_load((EXAMPLES / "compose" / "compose.yaml").read_text())
    shop = (EXAMPLES / "fastapi_inbox" / "inbox_shop.py").read_text()
    names = set(compose["services"]["web"]["environment"]) - {"PGPASSWORD"}  # libpq's own
    assert {name for name in names if name not in shop} == set()


@slow
@pytest.mark.skipif(shutil.which("nginx", path="/usr/sbin:/usr/bin") is None, reason="nginx is not installed")
def test_nginx_accepts_the_configuration_of_compose(tmp_path: Path) -> None:
    """Its syntax is right; the name of the service is known inside of compose only."""
    configuration = (
        (EXAMPLES / "compose" / "nginx.conf").read_text().replace("http://web:8000", "http://127.0.0.1:8000")
    )
    file = own_nginx(tmp_path, configuration.replace("listen 80;", f"listen 127.0.0.1:{free_port()};"))
    check_nginx(tmp_path, file)


def check_nginx(folder: Path, file: Path) -> None:
    """Have nginx read a configuration."""
    command: list[str | Path] = ["/usr/sbin/nginx", "-t", "-p", folder, "-e", folder / "error.log", "-c", file]
    command += ["-g", f"pid {folder}/nginx.pid;"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr


@slow
@pytest.mark.skipif(shutil.which("nginx", path="/usr/sbin:/usr/bin") is None, reason="nginx is not installed")
def test_nginx_accepts_what_the_pages_print(tmp_path: Path) -> None:
    """Each part of a configuration that a page prints can be put into a server."""
    pages = {
        page: re.findall(r"^```nginx\n(location .*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
        for page in PAGES.glob("*.md")
    }
    parts = [part for found in pages.values() for part in found]
    assert parts
    server = f"listen 127.0.0.1:{free_port()};\n" + "\n".join(parts)
    check_nginx(tmp_path, own_nginx(tmp_path, f"events {{}}\nhttp {{\nserver {{\n{server}\n}}\n}}\n"))
