"""The shopper, as a request describes them to prefill the checkout or to do without its forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import attrs

from nexi_async._models.rules import SPECIAL, CountryCode, Email, Name, Text, matching, max_length, without

_POSTAL_DIGITS = {"NOR": 4, "DNK": 4, "SWE": 5}

PostalCode = Annotated[str, max_length(12), without(SPECIAL + " ")]


@attrs.frozen(kw_only=True, repr=False)
class Address:
    r"""Where the shopper lives or wants the goods; the country alone presets the checkout's form.

    The official reference asks for 1 or more characters in each member. That an empty second line and, where a country
    has none, an empty postal code are taken, as is the country alone, is what the official plugins and integrators do.

    Attributes:
        country: ISO 3166 alpha-3, e.g. "SWE".
        address_line1: 1 to 128 characters, none of `< > ' " & \`.
        address_line2: up to 128 characters; same.
        postal_code: 4 digits in Norway and Denmark, 5 in Sweden, else up to 12 characters, none for a country that has
            no postal codes ("ARE"); no spaces.
        city: 1 to 128 characters.
    """

    country: CountryCode
    address_line1: Name | None = None
    postal_code: PostalCode | None = None
    city: Name | None = None
    address_line2: Text | None = None

    def _own_faults(self) -> Iterator[tuple[str, str]]:
        needed = {"addressLine1": self.address_line1, "postalCode": self.postal_code, "city": self.city}
        if self.address_line2 or any(value is not None for value in needed.values()):
            for member, value in needed.items():
                if value is None:
                    yield member, "is missing; only the country can stand alone"
        digits = _POSTAL_DIGITS.get(self.country)
        code = self.postal_code
        if digits and code is not None and not (len(code) == digits and code.isascii() and code.isdigit()):
            yield "postalCode", f"must be exactly {digits} digits in {self.country}"


@attrs.frozen(kw_only=True, repr=False)
class PhoneNumber:
    """A phone number in two parts; the API takes both or none.

    Attributes:
        prefix: a plus and 1 to 3 digits, e.g. "+46".
        number: digits only.
    """

    prefix: Annotated[str, matching(r"\+[0-9]{1,3}", "a plus sign and 1 to 3 digits, e.g. +46")]
    number: Annotated[str, max_length(128, min_length=1), matching(r"[0-9]*", "digits only, without spaces or dashes")]


@attrs.frozen(kw_only=True, repr=False)
class PrivatePerson:
    r"""A person's name; each part 1 to 128 characters, none of `< > ' " & \`."""

    first_name: Name | None = None
    last_name: Name | None = None


@attrs.frozen(kw_only=True, repr=False)
class Company:
    """A company that buys, with its contact person; the name has 1 to 128 characters."""

    name: Annotated[str, max_length(128, min_length=1)] | None = None
    contact: PrivatePerson | None = None


@attrs.frozen(kw_only=True, repr=False)
class Consumer:
    """The data that the merchant has about the shopper; no part of it appears in a repr.

    Attributes:
        reference: the merchant's own customer number, at most 128 characters; comes back as `merchant_reference`.
        shipping_address: where the goods go.
        billing_address: where the invoice goes.
        phone_number: a mobile number.
        private_person: for a person; not together with `company`.
    """

    reference: Text | None = None
    email: Email | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    phone_number: PhoneNumber | None = None
    private_person: PrivatePerson | None = None
    company: Company | None = None
