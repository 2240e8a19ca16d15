"""The embedded page can't be broken out of, and the shopper's addresses are read and written with care."""

import json
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async import embed
from nexi_async._environment import LIVE, TEST
from nexi_async._errors import InvalidRequest, Outcome
from nexi_async.reference.languages import LANGUAGES

KEY = "test-checkout-key-0123456789abcdef"
PAYMENT_ID = "02a0000063542cd3b30d1cb9e6b55eca"
HOSTED = f"https://test.checkout.dibspayment.eu/hostedpaymentpage/?checkoutKey={KEY}&pid={PAYMENT_ID}"
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>",
    "'\"><img src=x onerror=alert(1)>",
    "\u2028\u2029\\",
    "&lt;/script&gt;",
)
TEXT = st.text() | st.sampled_from(HOSTILE)
TOKEN = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


class Page(HTMLParser):
    """What a browser finds in a snippet: its elements, and the text of its scripts."""

    def __init__(self, snippet: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(snippet)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note text, within a script or without."""
        self.text += data

    def handle_comment(self, data: str) -> None:
        """A snippet has no comments."""
        raise AssertionError(data)

    @property
    def options(self) -> Any:
        """What the page's script gives to `Dibs.Checkout`; JSON is a subset of JavaScript."""
        start = self.text.index("Dibs.Checkout(") + len("Dibs.Checkout(")
        return json.JSONDecoder().raw_decode(self.text[start:])[0]


def snippet(**options: Any) -> str:
    """A snippet with a valid key and payment."""
    return embed.snippet(**{"checkout_key": KEY, "payment_id": PAYMENT_ID} | options)


def faults_of(**options: Any) -> Mapping[str, str]:
    """What the error for a snippet with these options says, by option."""
    with pytest.raises(InvalidRequest) as caught:
        snippet(**options)
    return {fault.path: fault.message for fault in caught.value.faults}


# --- checkout.js ---


def test_each_environment_has_its_script() -> None:
    """Test and live pages load different scripts, test by default."""
    assert embed.script_url() == embed.script_url("test") == TEST.checkout_js
    assert embed.script_url("live") == LIVE.checkout_js


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8400", "http://127.0.0.1:8400/"])
def test_another_server_serves_the_script_at_the_same_path(base_url: str) -> None:
    """A base address replaces the environment's, with or without its last slash."""
    assert embed.script_url(base_url=base_url) == "http://127.0.0.1:8400/v1/checkout.js?v=1"


@pytest.mark.parametrize(
    "base_url",
    ["", "shop.example", "//shop.example", "ftp://shop.example", "javascript:alert(1)", "https://", "https://[::1",
     "https://a b", "https://shop.example?x=1", "https://shop.example#x", "https://me:pw@shop.example"],
)  # fmt: skip
def test_a_base_address_must_be_one(base_url: str) -> None:
    """Anything but a plain http(s) address is refused, by the option's name and without repeating it."""
    with pytest.raises(InvalidRequest, match="base_url: ") as caught:
        embed.script_url(base_url=base_url)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert "pw" not in str(caught.value)


def test_an_unknown_environment_is_refused() -> None:
    """The error names the environments there are."""
    with pytest.raises(InvalidRequest, match="'test' or 'live'"):
        embed.script_url("staging")


# --- the embedded page ---


def test_the_snippet_fills_its_container() -> None:
    """A page gets the container, the script of its environment, and the checkout within."""
    page = Page(snippet(environment="live"))
    assert page.elements == [("div", {"id": embed.CONTAINER}), ("script", {"src": LIVE.checkout_js}), ("script", {})]
    assert page.options == {"checkoutKey": KEY, "paymentId": PAYMENT_ID, "containerId": embed.CONTAINER}


def test_every_option_reaches_the_checkout() -> None:
    """Options arrive under the names that checkout.js knows, the language by its proper tag."""
    theme = {"textColor": "#333", "useLightIcons": True, "buttonRadius": 5}
    page = Page(snippet(language="sv_se", theme=theme, container="pay-here", partner_merchant_number="100"))
    assert page.elements[0] == ("div", {"id": "pay-here"})
    assert page.options == {
        "checkoutKey": KEY,
        "paymentId": PAYMENT_ID,
        "partnerMerchantNumber": "100",
        "containerId": "pay-here",
        "language": "sv-SE",
        "theme": theme,
    }


def test_the_shopper_is_led_to_the_receipt() -> None:
    """Only a page with a receipt address listens for the completed payment."""
    assert "payment-completed" not in snippet()
    page = Page(snippet(receipt_url="/thanks?lang=sv"))
    assert 'checkout.on("payment-completed"' in page.text
    assert 'new URL("/thanks?lang=sv", window.location.href)' in page.text


def test_a_nonce_permits_both_scripts() -> None:
    """A page with a Content-Security-Policy can allow exactly these scripts."""
    scripts = [attributes for tag, attributes in Page(snippet(nonce="r4nd0m==")).elements if tag == "script"]
    assert [attributes["nonce"] for attributes in scripts] == ["r4nd0m=="] * 2


@given(
    key=TOKEN.filter(lambda text: "secret" not in text.lower()),
    payment_id=TOKEN,
    nonce=TOKEN,
    theme=st.dictionaries(st.sampled_from(embed.THEME_KEYS), TEXT | st.booleans() | st.integers()),
)
def test_nothing_breaks_out_of_the_snippet(key: str, payment_id: str, nonce: str, theme: dict[str, str | int]) -> None:
    """Whatever the values, the page has its three elements and its script the values as given, as plain ASCII."""
    html = snippet(checkout_key=key, payment_id=payment_id, nonce=nonce, theme=theme)
    page = Page(html)
    assert [tag for tag, _ in page.elements] == ["div", "script", "script"]
    assert [attributes.get("nonce") for _, attributes in page.elements] == [None, nonce, nonce]
    assert page.options == {
        "checkoutKey": key,
        "paymentId": payment_id,
        "containerId": embed.CONTAINER,
        "theme": theme,
    }
    assert html.isascii()
    assert "<" not in page.text


@given(TEXT.map(lambda text: f"/thanks?{urlencode({'q': text})}&raw=") | st.sampled_from(HOSTILE[:4]), st.booleans())
def test_a_receipt_address_stays_within_its_quotes(address: str, raw: bool) -> None:
    """A hostile receipt address is refused, or stays one literal of the script."""
    try:
        page = Page(snippet(receipt_url=address + ("</script>" if raw else "")))
    except InvalidRequest:
        return
    assert [tag for tag, _ in page.elements] == ["div", "script", "script"]
    literal = page.text.split("new URL(")[1]
    assert json.JSONDecoder().raw_decode(literal)[0].startswith(address)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java\nscript:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "",
    ],
)
def test_a_receipt_is_a_web_page(address: str) -> None:
    """An address that would run code in the shop's page is refused."""
    assert "http(s)" in faults_of(receipt_url=address)["receipt_url"]


def test_the_secret_key_never_reaches_a_page() -> None:
    """A secret key given by mistake is refused, and not repeated in the error."""
    told = faults_of(checkout_key="test-secret-key-0123456789")["checkout_key"]
    assert "never reach a browser" in told
    assert "0123456789" not in told


@pytest.mark.parametrize("option", ["checkout_key", "payment_id", "partner_merchant_number", "nonce"])
@pytest.mark.parametrize("value", ["", " ", "a b", "a\n", "å", "x" * 129, 5])
def test_keys_and_ids_are_plain_text(option: str, value: object) -> None:
    """Blanks, control characters and anything but short ASCII text are refused by the option's name."""
    assert list(faults_of(**{option: value})) == [option]


@pytest.mark.parametrize("option", ["checkout_key", "payment_id"])
def test_a_key_and_a_payment_are_needed(option: str) -> None:
    """Without them there is nothing to show."""
    assert list(faults_of(**{option: None})) == [option]


@pytest.mark.parametrize("container", ["", "1st", "#pay", "pay here", 'x"><script>', "x" * 129])
def test_a_container_is_an_element_id(container: str) -> None:
    """The error says what an id may consist of."""
    assert "a letter, then" in faults_of(container=container)["container"]


def test_an_unknown_language_is_reported_with_the_known_ones() -> None:
    """The error quotes the tag and lists what the checkout speaks."""
    told = faults_of(language="is-IS")["language"]
    assert "'is-IS'" in told
    assert all(tag in told for tag in LANGUAGES)


def test_an_unknown_theme_key_is_reported_with_the_known_ones() -> None:
    """A misspelt key is named, and the error lists what a theme may set."""
    told = faults_of(theme={"textColour": "#333", "linkColor": "red"})
    assert list(told) == ["theme.textColour"]
    assert all(key in told["theme.textColour"] for key in embed.THEME_KEYS)


@pytest.mark.parametrize("value", [None, 1.5, ["#333"], b"#333"])
def test_a_theme_value_is_text_or_a_whole_number(value: object) -> None:
    """The error names the key and the type it got."""
    assert type(value).__name__ in faults_of(theme={"textColor": value})["theme.textColor"]


def test_all_faults_are_reported_at_once() -> None:
    """One error names each option that can't be right."""
    told = faults_of(payment_id="", container="", language="xx", theme={"x": 1}, receipt_url="data:,", nonce=" ")
    assert set(told) == {"payment_id", "container", "language", "theme.x", "receipt_url", "nonce"}


# --- the hosted page ---


def test_a_hosted_page_gets_its_language() -> None:
    """The language is added and the rest of the address is left as it came."""
    assert embed.with_language(HOSTED, "sv-SE") == f"{HOSTED}&language=sv-SE"


def test_the_language_starts_a_query_where_there_is_none() -> None:
    """An address without a query gets one, before its fragment."""
    assert embed.with_language("http://127.0.0.1:8400/pay/1#top", "nn") == (
        "http://127.0.0.1:8400/pay/1?language=nb-NO#top"
    )


@given(st.sampled_from(list(LANGUAGES)), st.sampled_from(list(LANGUAGES)))
def test_the_last_language_counts(first: str, second: str) -> None:
    """Setting a language again replaces it."""
    assert embed.with_language(embed.with_language(HOSTED, first), second) == embed.with_language(HOSTED, second)


@given(st.dictionaries(st.text(min_size=1).filter(lambda name: name != "language"), st.text()))
def test_other_parameters_stay(parameters: dict[str, str]) -> None:
    """Whatever else the address carries arrives unchanged."""
    url = embed.with_language(f"https://pay.example/?{urlencode(parameters)}", "da-DK")
    assert parse_qs(urlsplit(url).query, keep_blank_values=True) == {
        **{name: [value] for name, value in parameters.items()},
        "language": ["da-DK"],
    }


@pytest.mark.parametrize("tag", ["", "xx", "sv-SE&paymentFailed=true"])
def test_a_hosted_page_must_speak_the_language(tag: str) -> None:
    """An unknown tag is refused with the known ones, rather than ignored by the page."""
    with pytest.raises(InvalidRequest, match=r"tag: .* choose from en-GB, da-DK"):
        embed.with_language(HOSTED, tag)


@pytest.mark.parametrize("url", ["", "/pay", "javascript:alert(1)", "https://[::1", "https://pay.example/a b"])
def test_a_hosted_page_has_a_web_address(url: str) -> None:
    """What can't be an address that the API returned is refused."""
    with pytest.raises(InvalidRequest, match="hosted_url: "):
        embed.with_language(url, "sv-SE")


# --- the shopper's return ---


@pytest.mark.parametrize("name", ["paymentid", "paymentId", "PaymentId", "PAYMENTID"])
@pytest.mark.parametrize("page", ["https://shop.example/thanks", "/thanks", ""])
def test_the_payment_is_found_in_any_spelling(page: str, name: str) -> None:
    """Old and new spellings of the parameter name the payment, in a whole address or a part of one."""
    returned = embed.read_return_url(f"{page}?cart=7&{name}={PAYMENT_ID}")
    assert returned == embed.ShopperReturn(payment_id=PAYMENT_ID, has_failed=False)


@pytest.mark.parametrize("query", ["paymentFailed=true", "PaymentFailed=True", "paymentfailed=1", "paymentFailed"])
def test_a_failed_payment_is_recognised(query: str) -> None:
    """A failure is seen however it is spelt."""
    assert embed.read_return_url(f"https://shop.example/?paymentid={PAYMENT_ID}&{query}").has_failed


@pytest.mark.parametrize("url", ["https://shop.example/cart", "/cart?paymentid=", "/cart?paymentFailed=false", ""])
def test_an_address_may_name_no_payment(url: str) -> None:
    """A shopper who cancelled comes back without an id."""
    assert embed.read_return_url(url) == embed.ShopperReturn(payment_id=None, has_failed=False)


def test_the_same_payment_may_be_named_twice() -> None:
    """A page that adds the new spelling to the old one is understood."""
    assert embed.read_return_url("/?paymentId=abc&paymentid=abc").payment_id == "abc"


@pytest.mark.parametrize("url", ["/?paymentId=abc&paymentid=xyz", "https://[::1", "/?paymentid=a b", "/\n"])
def test_an_ambiguous_or_broken_return_is_refused(url: str) -> None:
    """A forged address that names two payments, or none that can be read, is not guessed at."""
    with pytest.raises(InvalidRequest, match="url: "):
        embed.read_return_url(url)


@given(st.text())
def test_any_id_survives_the_query(payment_id: str) -> None:
    """Ids are opaque: what the query carries is what is read."""
    returned = embed.read_return_url(f"https://shop.example/?{urlencode({'paymentid': payment_id})}")
    assert returned.payment_id == (payment_id or None)
