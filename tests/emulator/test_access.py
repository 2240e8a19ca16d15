"""A web page in a browser on this machine can reach a loopback port; it reads nothing and changes nothing."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from nexi_async.emulator import CheckoutEmulator
from nexi_async.emulator._access import may_be_called
from nexi_async.emulator._app import routes
from tests.emulator.raw import hosted
from tests.webhooks.servers import SERVERS

Send = Callable[..., httpx.Response]
JSON_TYPE = {"Content-Type": "application/json"}


class Server:
    """A real server, and the emulator that it serves: each test has a new one, for a server takes a while to end."""

    def __init__(self) -> None:
        self.url = ""
        self.emulator = CheckoutEmulator()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.emulator(scope, receive, send)


@pytest.fixture(scope="module", params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of each kind."""
    server = Server()
    with SERVERS[request.param](server) as server.url:
        yield server


@pytest.fixture
def served(server: Server) -> CheckoutEmulator:
    """An emulator that has one subscription."""
    server.emulator = CheckoutEmulator(seed=1)
    server.emulator.sign_up(1)
    return server.emulator


@pytest.fixture
def send(server: Server, served: CheckoutEmulator) -> Iterator[Send]:
    """Sends a request with just these headers to the emulator behind a real server."""
    assert server.emulator is served
    each_its_own = httpx.Limits(max_keepalive_connections=0)  # a server may close an idle connection at any time
    with httpx.Client(base_url=server.url, trust_env=False, limits=each_its_own) as client:
        yield client.request


def signed_up(emulator: CheckoutEmulator) -> int:
    """How many subscriptions there are: none after a reset."""
    return len(emulator.state()["subscriptions"])


FOREIGN = ("evil.example", "evil.example:8400", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.7")


@pytest.mark.parametrize(
    "path", ["/emulator/state", "/emulator/portal", "/v1/payments/x", "/hostedpaymentpage", "/no-such"]
)
def test_foreign_hosts_are_refused(send: Send, path: str) -> None:
    """A foreign name that resolves to this machine (DNS rebinding) reads nothing."""
    for host in FOREIGN:
        response = send("GET", path, headers={"Host": host, "Authorization": "emulator-secret-key"})
        assert response.status_code == 421, host
        assert "--allow-host" in response.json()["message"]


def test_own_hosts_are_served(send: Send) -> None:
    """The address that the server listens at, by its number and by its names."""
    port = send("GET", "/emulator/portal").request.url.port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", "localhost", f"[::1]:{port}"):
        assert send("GET", "/emulator/state", headers={"Host": host}).status_code == 200, host


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", **JSON_TYPE},
        {"Origin": "null", **JSON_TYPE},
        {"Origin": "http://127.0.0.1:1", **JSON_TYPE},
        {"Origin": "https://evil.example", "Content-Type": "text/plain"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "text/plain; application/json"},
        {},
    ],
)
def test_cross_site_posts_change_nothing(send: Send, served: CheckoutEmulator, headers: dict[str, str]) -> None:
    """What a page of another site can send without asking: another Origin, or a type that a form can have."""
    response = send("POST", "/emulator/reset", headers=headers, content=b"{}")
    assert response.status_code == (403 if "Origin" in headers else 415)
    assert response.json()["message"]
    assert signed_up(served) == 1


def test_reading_from_another_origin_is_refused(send: Send) -> None:
    """Also where it changes nothing, and whatever a browser asks beforehand."""
    for path in ("/emulator/state", "/emulator/settings", "/emulator/portal"):
        assert send("GET", path, headers={"Origin": "https://evil.example"}).status_code == 403
    asked = send("OPTIONS", "/emulator/reset", headers={"Origin": "https://evil.example"})
    assert not [name for name in asked.headers if name.lower().startswith("access-control")]


CHANGING = [
    (method, route.path)
    for route in routes()
    for method in sorted((route.methods or set()) - {"GET", "HEAD"})
    if not route.path.startswith(("/v1/", "/report/"))
]
"""Every route that changes something, but for the API, whose requests need the secret key."""

OTHER_PAGES = {
    "another Origin": ({"Origin": "https://evil.example"}, 403),
    "an Origin that is hidden": ({"Origin": "null"}, 403),
    "a page of another port": ({"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}, 403),
    "another site without Origin": ({"Sec-Fetch-Site": "cross-site"}, 403),
    "a foreign Host": ({"Host": "evil.example"}, 421),
}


def test_every_change_is_among_the_tested() -> None:
    """The list is made of the app's own routes: controls, portal, the shopper's pages."""
    paths = {path for _, path in CHANGING}
    assert {"/emulator/reset", "/emulator/settings", "/hostedpaymentpage", "/v1", "/emulator/portal/settings"} <= paths
    assert len(CHANGING) >= 18


@pytest.mark.parametrize("page", OTHER_PAGES)
@pytest.mark.parametrize(("method", "path"), CHANGING)
async def test_no_page_of_another_site_changes_anything(method: str, path: str, page: str) -> None:
    """Whatever a route is, and whatever form or JSON it would take."""
    emulator = CheckoutEmulator(seed=1)
    emulator.sign_up(1)
    before = emulator.state()["subscriptions"], emulator.settings
    headers, status = OTHER_PAGES[page]
    path = re.sub(r"\{(\w+)(:int)?\}", "1", path)
    transport = httpx.ASGITransport(emulator, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8400") as client:
        for sent in (client.build_request(method, path, json={}), client.build_request(method, path, data={"a": "b"})):
            sent.headers.update(headers)
            response = await client.send(sent)
            assert response.status_code == status, response.text
    assert (emulator.state()["subscriptions"], emulator.settings) == before


@pytest.mark.parametrize("path", [path for _, path in CHANGING if path.startswith("/emulator/portal")])
@pytest.mark.parametrize("token", [{}, {"token": ""}, {"token": "guessed"}, {"token": "\u00e9"}])
async def test_the_portal_changes_nothing_without_its_token(path: str, token: dict[str, str]) -> None:
    """A form that does not come from one of its pages is refused, from its own origin too."""
    transport = httpx.ASGITransport(CheckoutEmulator())
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8400") as client:
        headers = {"Origin": "http://127.0.0.1:8400", "Sec-Fetch-Site": "same-origin"}
        response = await client.post(re.sub(r"\{(\w+)(:int)?\}", "1", path), data=token, headers=headers)
    assert response.status_code == 403


def test_own_origin_may_do_everything(send: Send, served: CheckoutEmulator) -> None:
    """A page of the emulator's own, and a program, which has no Origin."""
    port = send("GET", "/emulator/portal").request.url.port
    origin = f"http://localhost:{port}"
    headers = {"Host": f"localhost:{port}", "Origin": origin, "Content-Type": "application/json; charset=utf-8"}
    assert send("PUT", "/emulator/settings", headers=headers, content=b"{}").status_code == 200
    assert send("POST", "/emulator/reset", json={}).status_code == 200
    assert signed_up(served) == 0


def test_another_page_presses_no_button(send: Send, served: CheckoutEmulator) -> None:
    """The hosted page takes its own form only."""
    key = {"Authorization": served.secret_key}
    created = send("POST", "/v1/payments", headers=key, json=hosted()).json()
    page, form = created["hostedPaymentPageUrl"], {"action": "pay"}
    assert send("POST", page, headers={"Origin": "https://evil.example"}, data=form).status_code == 403
    assert send("GET", page, headers={"Origin": "https://evil.example"}).status_code == 200
    own = page.partition("/hosted")[0]
    assert send("POST", page, headers={"Origin": own}, data=form).status_code == 303


def test_pages_are_where_the_server_listens(send: Send, served: CheckoutEmulator) -> None:
    """The Host of a request does not influence the address that shoppers are sent to."""
    port = send("GET", "/emulator/portal").request.url.port
    headers = {"Authorization": served.secret_key, "Host": f"localhost:{port}"}
    page = send("POST", "/v1/payments", headers=headers, json=hosted()).json()["hostedPaymentPageUrl"]
    assert page.startswith(f"http://127.0.0.1:{port}/hostedpaymentpage/?")


async def created(emulator: CheckoutEmulator, base_url: str, app: Any = None, **headers: str) -> httpx.Response:
    """The response to create payment, in process."""
    transport = httpx.ASGITransport(app or emulator)
    async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
        client.headers["Authorization"] = emulator.secret_key
        return await client.post("v1/payments", json=hosted(), headers=headers)


@pytest.mark.parametrize(
    "base_url", ["https://emulator.test", "http://nexi:8400", "http://[::1]:9", "https://x.example:443"]
)
async def test_in_process_every_address_is_its_own(base_url: str) -> None:
    """A transport into the app knows no other address than that of the request."""
    response = await created(CheckoutEmulator(), base_url)
    assert response.json()["hostedPaymentPageUrl"].startswith(base_url.removesuffix(":443") + "/hostedpaymentpage/?")


async def test_mounted_in_another_app() -> None:
    """The addresses of pages begin with where it is mounted."""
    emulator = CheckoutEmulator()
    response = await created(emulator, "https://shop.test/nexi/", Starlette(routes=[Mount("/nexi", emulator)]))
    assert response.json()["hostedPaymentPageUrl"].startswith("https://shop.test/nexi/hostedpaymentpage/?")


async def test_a_public_url_of_its_own() -> None:
    """`public_url` is where shoppers are sent, and then an accepted Host too."""
    emulator = CheckoutEmulator(public_url="https://pay.example:8443/nexi/")
    response = await created(emulator, "https://emulator.test", Host="pay.example:8443")
    assert response.json()["hostedPaymentPageUrl"].startswith("https://pay.example:8443/nexi/hostedpaymentpage/?")
    assert (await created(emulator, "https://emulator.test", Host="evil.example")).status_code == 421


async def test_further_hosts_can_be_named() -> None:
    """A name in a private network, for example."""
    emulator = CheckoutEmulator(hosts=["Emulator.internal", "10.1.2.3"])
    for host in ("emulator.internal:8400", "10.1.2.3"):
        assert (await created(emulator, "https://emulator.test", Host=host)).status_code == 201
    assert (await created(emulator, "https://emulator.test", Host="other.internal")).status_code == 421


@pytest.mark.parametrize("url", ["pay.example", "javascript:alert(1)", "ftp://pay.example", "https://", "https://a b/"])
def test_public_url_must_be_one(url: str) -> None:
    """What is no http or https address is refused at the start."""
    with pytest.raises(ValueError, match="public_url"):
        CheckoutEmulator(public_url=url)


@pytest.mark.parametrize(
    ("host", "server", "expected"),
    [
        (b"whatever", ("/run/emulator.sock", None), True),
        (b"whatever", None, True),
        (b"127.0.0.1", ("::ffff:127.0.0.1", 80), True),
        (b"[::ffff:192.0.2.1]:80", ("192.0.2.1", 80), True),
        (b"192.0.2.1:9", ("192.0.2.1", 80), True),
        (b"evil.example", ("192.0.2.1", 80), False),
        (b"[::1", ("127.0.0.1", 80), False),
        (b"evil.example@127.0.0.1", ("127.0.0.1", 80), False),
        (b"evil.example#@127.0.0.1:1", ("127.0.0.1", 80), False),
        (b"\xff", ("127.0.0.1", 80), False),
        (None, ("127.0.0.1", 80), False),
    ],
)
def test_whose_host_counts(host: bytes | None, server: Any, expected: bool) -> None:
    """No web page reaches a Unix socket; elsewhere the host must be the server's own, in whatever notation."""
    headers = [] if host is None else [(b"host", host)]
    assert may_be_called({"type": "http", "headers": headers, "server": server}, frozenset()) is expected


@pytest.mark.parametrize("member", ["returnUrl", "cancelUrl"])
@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", " javascript:x", "ftp://x/"]
)
async def test_shoppers_are_sent_to_http_only(member: str, url: str) -> None:
    """What a browser would run instead of open is refused."""
    body = hosted() | {"checkout": hosted()["checkout"] | {member: url}}
    transport = httpx.ASGITransport(CheckoutEmulator())
    async with httpx.AsyncClient(transport=transport, base_url="https://emulator.test") as client:
        response = await client.post("/v1/payments", json=body, headers={"Authorization": "emulator-secret-key"})
    assert response.status_code == 400
    assert list(response.json()["errors"]) == [f"checkout.{member}"]
