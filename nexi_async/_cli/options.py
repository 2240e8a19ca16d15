"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nexi_async._cli.profiles import profile_names
from nexi_async.reference.event_names import EVENT_NAMES

_SETTINGS_PANEL = "Settings"

ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        autocompletion=profile_names,
        rich_help_panel=_SETTINGS_PANEL,
        help="A profile of the configuration file; environment variables are then ignored. With NEXI_PROFILE instead, "
        "they take precedence over the profile.",
    ),
]
EnvironmentOption = Annotated[
    str | None,
    typer.Option(
        "--environment",
        metavar="test|live",
        autocompletion=lambda: ["test", "live"],
        rich_help_panel=_SETTINGS_PANEL,
        help="The environment to call; when left out, that of NEXI_ENVIRONMENT or the profile, or test.",
    ),
]
BaseURLOption = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        rich_help_panel=_SETTINGS_PANEL,
        help="Another address of the API, e.g. the emulator's; when left out, that of NEXI_BASE_URL or the profile.",
    ),
]
SecretKeyFileOption = Annotated[
    Path | None,
    typer.Option(
        "--secret-key-file",
        metavar="FILE",
        rich_help_panel=_SETTINGS_PANEL,
        help="A file that holds the secret key; when left out, the key comes from NEXI_SECRET_KEY_FILE, "
        "NEXI_SECRET_KEY, the profile or a prompt.",
    ),
]
JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON, with the names that the API uses.")]
IdempotencyKeyOption = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="KEY",
        help="The API performs the operation once for each key, so repeating it with the same key is safe. When left "
        "out, a new key is made and shown.",
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before money moves in live.")]
PersonalDataOption = Annotated[
    bool, typer.Option("--personal-data", help="Show the shopper's name and addresses and the card's expiry date too.")
]
CurrencyOption = Annotated[
    str | None,
    typer.Option(
        "--currency", metavar="CODE", callback=lambda code: code and code.upper(), help="Only this currency, e.g. SEK."
    ),
]
EventArgument = Annotated[
    str,
    typer.Argument(
        help="The event's name, e.g. payment.charge.created.v2.",
        show_default=False,
        autocompletion=lambda: list(EVENT_NAMES),
    ),
]
OrderReferenceOption = Annotated[str | None, typer.Option("--reference", metavar="TEXT", help="The order's number.")]
MyReferenceOption = Annotated[str | None, typer.Option(metavar="TEXT", help="Your own text, at most 36 characters.")]
