"""What commands that call the API have in common: their failures, and what they print."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import attrs
import pytest
import typer

from nexi_async import AsyncCheckout, Payment
from nexi_async._cli.api_command import API, reporting_failures
from nexi_async._cli.output import Output, cell, document_of
from nexi_async._cli.settings import Settings
from nexi_async._models.payment import CardDetails, ConsumerDetails, OrderDetails, PaymentDetails, PersonDetails
from tests.cli.test_main import COMMAND


def api(output: Output) -> API:
    """An API that is not called."""
    settings = Settings(secret_key="key", key_source="", environment="test", base_url="http://127.0.0.1:1")
    return API(settings.client({}), settings, output)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), KeyError("a mistake of ours")])
def test_what_ends_a_command_after_sending_leaves_it_unknown(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1 would say that nothing happened."""
    output = Output(as_json=True)
    command = api(output)
    command.begin("look at the payment", idempotency_key="k-1")
    with pytest.raises(typer.Exit) as left, reporting_failures(output, command):
        raise error
    printed = capsys.readouterr()
    assert left.value.exit_code == 3
    assert json.loads(printed.out)["error"]["outcome"] == "unknown"
    assert "Idempotency key: k-1" in printed.err
    assert "look at the payment" in printed.err


def test_ctrl_c_before_sending_has_status_4(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing happened."""
    output = Output(as_json=False)
    with pytest.raises(typer.Exit) as left, reporting_failures(output, api(output)):
        raise KeyboardInterrupt
    assert left.value.exit_code == 4
    assert capsys.readouterr().err == "Interrupted; nothing was sent.\n"


def test_a_mistake_of_ours_is_not_hidden() -> None:
    """Before anything can have happened it shows as what it is."""
    output = Output(as_json=False)
    with pytest.raises(KeyError), reporting_failures(output, api(output)):
        raise KeyError("ours")


def test_a_document_has_no_personal_data_unless_asked() -> None:
    """What a model keeps out of its repr, wherever it stands."""
    payment = Payment(
        payment_id="p1",
        order_details=OrderDetails(amount=1, currency="SEK"),
        consumer=ConsumerDetails(private_person=PersonDetails(email="maja@shop.test")),
        payment_details=PaymentDetails(card_details=CardDetails(masked_pan="4925", expiry_date="1231")),
    )
    shown = json.dumps(document_of(payment, personal_data=False))
    assert "4925" in shown
    assert "maja" not in shown
    assert "1231" not in shown
    assert "maja@shop.test" in json.dumps(document_of(payment, personal_data=True))
    assert attrs.evolve(payment) == payment


def test_text_of_others_can_not_steer_the_terminal() -> None:
    """Control characters are shown as escapes, markup as itself."""
    assert cell("[red]a\x1b[2Jb\u202ec").plain == "[red]a\\x1b[2Jb\\u202ec"
    assert cell(None).plain == cell("").plain == "-"


@pytest.mark.skipif(os.name != "posix", reason="a closed pipe is something else elsewhere")
@pytest.mark.slow
def test_a_reader_that_leaves_changes_nothing(tmp_path: Path) -> None:
    """No complaint, and the status of what was done."""
    environment = {**os.environ, "NEXI_CONFIG": str(tmp_path / "none.toml"), "NEXI_SECRET_KEY": ""}
    command = [*COMMAND, "payments", "get", "0" * 32, "--json"]
    read, write = os.pipe()
    os.close(read)
    try:
        result = subprocess.run(
            command, stdout=write, stderr=subprocess.PIPE, text=True, env=environment, timeout=50, check=False
        )
    finally:
        os.close(write)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "secret key: is missing" in result.stderr


def test_a_client_of_the_settings_is_a_client() -> None:
    """The seam between the command line and the SDK."""
    assert isinstance(api(Output(as_json=False)).checkout, AsyncCheckout)
