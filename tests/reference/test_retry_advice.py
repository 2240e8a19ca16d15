"""Advice on repeating a declined request comes with its limit."""

from datetime import timedelta

import pytest

from nexi_async.reference.retry_advice import RETRY_LIMIT, RetryAdvice


@pytest.mark.parametrize("advice", [RetryAdvice.SOFT, RetryAdvice.UNKNOWN])
def test_what_may_be_repeated_has_a_limit(advice: RetryAdvice) -> None:
    """Soft and unknown declines may be tried again, and the advice says how often."""
    assert advice.may_retry
    assert advice.limit is RETRY_LIMIT


@pytest.mark.parametrize("advice", [RetryAdvice.NEVER, RetryAdvice.HARD])
def test_what_may_not_be_repeated_has_none(advice: RetryAdvice) -> None:
    """Never and hard declines must not be tried again as they are."""
    assert not advice.may_retry
    assert advice.limit is None


def test_the_limit_is_the_card_schemes() -> None:
    """A card may be tried 15 times within 30 days, and not twice a day."""
    assert RETRY_LIMIT.attempts == 15
    assert RETRY_LIMIT.window == timedelta(days=30)
    assert RETRY_LIMIT.spacing >= timedelta(hours=24)
