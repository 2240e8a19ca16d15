"""The shopper's side of a checkout: the embedded page, the hosted page's language, and the way back to the shop.

Nothing here proves a payment: the address that a browser returns to only names the payment to retrieve.
"""

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from urllib.parse import SplitResult, parse_qsl, urlsplit

import attrs

from nexi_async import _environment as environments
from nexi_async._errors import Fault, InvalidRequest
from nexi_async.reference import languages

__all__ = ["CONTAINER", "THEME_KEYS", "ShopperReturn", "read_return_url", "script_url", "snippet", "with_language"]

CONTAINER = "dibs-checkout-content"
"""The id of the element that the checkout fills, unless another one is named."""

# fmt: off
THEME_KEYS = (
    "textColor", "primaryColor", "linkColor", "backgroundColor", "fontFamily", "placeholderColor", "outlineColor",
    "primaryOutlineColor", "panelColor", "panelTextColor", "panelLinkColor", "buttonRadius", "buttonTextColor",
    "buttonFontWeight", "buttonFontStyle", "buttonTextTransform", "useLightIcons", "footerBackgroundColor",
    "footerOutlineColor", "footerTextColor", "useLightFooterIcons",
)
# fmt: on
"""What a theme may set; a theme saved in the portal wins over it."""

_ELEMENT_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,127}")
_TOKEN = re.compile(r"[!-~]{1,128}")
_BROKEN_URL = "is not an address: it has blanks, control characters or a broken host name"


@attrs.frozen
class ShopperReturn:
    """The content of the address to which the shopper returned."""

    payment_id: str | None
    """The payment to retrieve; None if the address names none, as after a cancelled checkout."""
    has_failed: bool
    """Whether the checkout reports a failed payment; False is no proof of success."""


def script_url(environment: str = "test", *, base_url: str | None = None) -> str:
    """The address of checkout.js.

    Args:
        environment: "test" or "live".
        base_url: where else the checkout is served from, e.g. "http://127.0.0.1:8400"; replaces the environment.

    Raises:
        InvalidRequest: there is no such environment, or `base_url` is not a plain http(s) address.
    """
    if base_url is None:
        return environments.find(environment).checkout_js
    parts = _checked_http_url("base_url", base_url)
    if parts.query or parts.fragment or parts.username is not None:
        raise InvalidRequest([("base_url", "must be a plain address, without user, query or fragment")])
    return f"{base_url.rstrip('/')}/v1/checkout.js?v=1"


def snippet(
    *,
    checkout_key: str,
    payment_id: str,
    environment: str = "test",
    base_url: str | None = None,
    language: str | None = None,
    theme: Mapping[str, str | int] | None = None,
    container: str = CONTAINER,
    partner_merchant_number: str | None = None,
    receipt_url: str | None = None,
    nonce: str | None = None,
) -> str:
    """The HTML that shows the checkout within a page of yours, escaped and ready to insert.

    Its script declares `checkout`, the `Dibs.Checkout` object, for your own scripts to freeze, thaw or listen to.

    Args:
        checkout_key: the public key of the environment, never the secret one.
        payment_id: a payment that was created for an embedded checkout.
        environment: "test" or "live".
        base_url: where else checkout.js is served from; replaces the environment.
        language: a tag of `reference.languages`; English if left out.
        theme: a value for any of `THEME_KEYS`.
        container: the id of the element that the checkout fills.
        partner_merchant_number: the merchant's number, in partners' integrations.
        receipt_url: where the shopper goes after paying, with `paymentid` added; if left out, your own script has
            to listen for `payment-completed`.
        nonce: the script nonce of the page's Content-Security-Policy.

    Raises:
        InvalidRequest: an option can't be right; the error names each such option and what is allowed.
    """
    source = script_url(environment, base_url=base_url)
    tokens = {"partner_merchant_number": partner_merchant_number, "nonce": nonce}
    found_language = None if language is None else languages.look_up(language)
    faults = [
        *_key_faults(checkout_key),
        *_token_faults("payment_id", payment_id),
        *(fault for option, value in tokens.items() if value is not None for fault in _token_faults(option, value)),
        *_container_faults(container),
        *_theme_faults(theme or {}),
        *_receipt_faults(receipt_url),
    ]
    if language is not None and found_language is None:
        faults.append(_unsupported_language("language", language))
    if faults:
        raise InvalidRequest(faults)
    options = {
        "checkoutKey": checkout_key,
        "paymentId": payment_id,
        "partnerMerchantNumber": partner_merchant_number,
        "containerId": container,
        "language": found_language and found_language.tag,
        "theme": theme and dict(theme),
    }
    return _page(source, options, container=container, receipt_url=receipt_url, nonce=nonce)


def with_language(hosted_url: str, tag: str) -> str:
    """The hosted page's address, with the language that the page is to have.

    Args:
        hosted_url: the address that creating the payment returned; all else in it stays as it is.
        tag: a tag of `reference.languages`, in any case.

    Raises:
        InvalidRequest: this is no http(s) address, or the page does not have the language.
    """
    parts = _checked_http_url("hosted_url", hosted_url)
    language = languages.look_up(tag)
    if language is None:
        raise InvalidRequest([_unsupported_language("tag", tag)])
    others = (pair for pair in parts.query.split("&") if pair and not pair.startswith("language="))
    return parts._replace(query="&".join([*others, f"language={language.tag}"])).geturl()


def read_return_url(url: str) -> ShopperReturn:
    """Read the address to which the shopper returned; anyone can forge it, so retrieve the payment before you ship.

    Args:
        url: the address that the shopper's browser asked for: whole, or from the path on. Names in its query are
            read in any case, as the checkout's spelling has changed over time.

    Raises:
        InvalidRequest: the address can't be read, or names two payments.
    """
    parts = _split_url(url)
    if parts is None:
        raise InvalidRequest([("url", _BROKEN_URL)])
    query = [(name.lower(), value) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    ids = {value for name, value in query if name == "paymentid" and value}
    if len(ids) > 1:
        raise InvalidRequest([("url", "names more than one payment id")])
    failed = any(name == "paymentfailed" and value.lower() != "false" for name, value in query)
    return ShopperReturn(payment_id=next(iter(ids), None), has_failed=failed)


def _page(
    source: str, options: Mapping[str, object], *, container: str, receipt_url: str | None, nonce: str | None
) -> str:
    nonce_attribute = f' nonce="{escape(nonce)}"' if nonce else ""
    given = {name: value for name, value in options.items() if value is not None}
    lines = [
        f'<div id="{escape(container)}"></div>',
        f'<script src="{escape(source)}"{nonce_attribute}></script>',
        f"<script{nonce_attribute}>",
        f"const checkout = new Dibs.Checkout({_js_literal(given)});",
        *(_redirect_script(receipt_url) if receipt_url else ()),
        "</script>",
    ]
    return "\n".join(lines) + "\n"


def _redirect_script(receipt_url: str) -> Iterator[str]:
    yield 'checkout.on("payment-completed", (payment) => {'
    yield f"  const receipt = new URL({_js_literal(receipt_url)}, window.location.href);"
    yield '  receipt.searchParams.set("paymentid", payment.paymentId);'
    yield "  window.location.assign(receipt.href);"
    yield "});"


def _js_literal(value: object) -> str:
    """A JavaScript literal that can neither end its script element nor open a comment in it."""
    text = json.dumps(value)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _key_faults(checkout_key: str) -> Iterator[Fault]:
    if "secret" in str(checkout_key).lower():
        yield Fault("checkout_key", "is the secret key, which must never reach a browser: use the checkout key")
    yield from _token_faults("checkout_key", checkout_key)


def _token_faults(option: str, value: object) -> Iterator[Fault]:
    if not (isinstance(value, str) and _TOKEN.fullmatch(value)):
        yield Fault(option, "must be 1 to 128 printable ASCII characters without spaces")


def _container_faults(container: str) -> Iterator[Fault]:
    if not _ELEMENT_ID.fullmatch(container):
        yield Fault("container", "must be an element's id: a letter, then up to 127 letters, digits or any of _ . : -")


def _theme_faults(theme: Mapping[str, object]) -> Iterator[Fault]:
    for key, value in theme.items():
        if key not in THEME_KEYS:
            yield Fault(f"theme.{key}", f"can't be set; choose from {', '.join(THEME_KEYS)}")
        elif not isinstance(value, str | int):
            yield Fault(f"theme.{key}", f"is {type(value).__name__}; use text, a whole number, True or False")


def _receipt_faults(receipt_url: str | None) -> Iterator[Fault]:
    parts = _split_url(receipt_url or "")
    if receipt_url == "" or parts is None or parts.scheme not in ("", "http", "https"):
        yield Fault("receipt_url", "must be an http(s) address, or a path on the page's own site, without blanks")


def _unsupported_language(option: str, tag: str) -> Fault:
    return Fault(option, f"{tag!r} is not a language of the checkout; choose from {', '.join(languages.LANGUAGES)}")


def _checked_http_url(option: str, text: str) -> SplitResult:
    parts = _split_url(text)
    if parts is None:
        raise InvalidRequest([(option, _BROKEN_URL)])
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequest([(option, "must be a whole address that starts with https:// or http://")])
    return parts


def _split_url(address: str) -> SplitResult | None:
    """The parts of an address; None if it is broken, or holds what browsers would silently drop."""
    if not address.isprintable() or " " in address:
        return None
    try:
        return urlsplit(address)
    except ValueError:
        return None
