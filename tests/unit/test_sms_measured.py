"""Measured sites by SMS: how many readings a message holds, gated on counts, and every trace back to the bit."""

from __future__ import annotations

import pytest

from sms.codec import ADAPTIVE, RICE
from sms.prior import train
from tests.sms_columns import measured, slices
from tests.sms_sent import TRAINED_OF, sent, with_gaps
from tests.support import shared_data


@pytest.mark.parametrize(("step", "intervals", "rice", "best"), [("hourly", 311, 135, 160), ("10min", 400, 200, 300)])
def test_a_message_holds_as_many_readings_as_promised(step: str, intervals: int, rice: int, best: int) -> None:
    schema, first, second = measured(shared_data("sms"), step)
    prior = train(schema, slices(first, TRAINED_OF[step]))
    front = [column[:intervals] for column in second]
    assert sent(schema, front, None, (RICE,)).readings >= rice
    assert sent(schema, front, prior, (RICE, ADAPTIVE)).readings >= best


@pytest.mark.campaign("every trace whole, with and without gaps, takes a minute")
@pytest.mark.parametrize("step", ["hourly", "10min", "daily"])
def test_every_trace_comes_back(step: str) -> None:
    schema, first, second = measured(shared_data("sms"), step)
    whole = [[*head, *tail] for head, tail in zip(first, second, strict=True)]
    prior = train(schema, slices(first, TRAINED_OF[step]))
    for columns in (whole, with_gaps(whole, 5)):
        longest = max(map(len, columns))
        ended = [[*column, *[None] * (longest - len(column))] for column in columns]
        for known in (None, prior):
            assert sum(sent(schema, ended, known, (RICE, ADAPTIVE)).values) > 0
