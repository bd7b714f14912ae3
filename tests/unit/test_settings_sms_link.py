"""[link.sms] in a site's file: what belongs together, and which numbers a site sends."""

from __future__ import annotations

import pytest

from edge.core.types import PointSpec
from edge.settings.faults import SettingsError
from edge.settings.load import loads
from edge.settings.model_sms import SmsLink
from edge.settings.sms_channels import TooManyError, schema_of
from edge.settings.specs import specs

KEY = "A" * 43
SITE = f"""
[box]
id = "b0042"
[site]
name = "Hall"
[bus.gpio]
kind = "gpio"
[bus.meter1]
kind = "serial"
port = "/dev/serial/by-id/usb-x"
[[point]]
id = "water"
bus = "gpio"
driver = "pulse"
pin = 5
weight = 1
weight_unit = "l"
[[point]]
id = "tic.meter"
bus = "meter1"
driver = "teleinfo"
label = "ADCO"
[[point]]
id = "tic.base"
bus = "meter1"
driver = "teleinfo"
label = "BASE"
[[point]]
id = "tic.papp"
bus = "meter1"
driver = "teleinfo"
label = "PAPP"
[link.sms]
gateway = "+33600000100"
gateway_key = "{KEY}"
"""

FAULTS = [
    (f'gateway_key = "{KEY}"\n', "", "link.sms.gateway", "needs its key"),
    ('gateway = "+33600000100"\n', "", "link.sms.gateway_key", "a key without a gateway"),
    ('gateway = "', 'step_s = 86400\nplan = "hourly"\ngateway = "', "link.sms.plan", "step_s is 86400"),
    ('gateway = "', 'points = ["watr"]\ngateway = "', "link.sms.points[0]", 'the nearest is "water"'),
    ('gateway = "', 'points = ["water", "tic.meter"]\ngateway = "', "link.sms.points[1]", "a text can't be sent"),
    ('gateway = "+33', 'gateway = "0033', "link.sms.gateway", "+33"),
    (f'"{KEY}"', '"short"', "link.sms.gateway_key", ""),
    # of the last letter only sixteen are possible: one that was mistyped is no key
    (f'"{KEY}"', f'"{KEY[:-1]}B"', "link.sms.gateway_key", "vigie gateway key"),
]


@pytest.mark.parametrize(("old", "new", "path", "said"), FAULTS)
def test_what_would_keep_values_from_being_sent_is_a_fault_with_its_place(
    old: str, new: str, path: str, said: str
) -> None:
    assert SITE.count(old) == 1
    with pytest.raises(SettingsError) as refused:
        loads(SITE.replace(old, new))
    assert [fault.path for fault in refused.value.faults] == [path]
    assert said in str(refused.value)


def test_people_alone_need_no_gateway() -> None:
    text = SITE.replace(f'gateway_key = "{KEY}"\n', "").replace('gateway = "+33600000100"\n', "")
    assert loads(text).links.sms is not None


def test_counters_go_as_indexes_gauges_with_their_extremes_and_texts_not_at_all() -> None:
    settings = loads(SITE)
    assert settings.links.sms is not None
    schema = schema_of(settings.links.sms, "b0042", "Europe/Paris", specs(settings)[0])
    assert schema is not None
    assert [
        (channel.point, channel.what, channel.unit, channel.exponent, channel.ref) for channel in schema.channels
    ] == [
        ("water", "index", "l", 0, -1),
        ("tic.base", "index", "Wh", 0, -1),
        ("tic.papp", "mean", "VA", 0, 1),
        ("tic.papp", "min", "VA", 0, 2),
        ("tic.papp", "max", "VA", 0, 2),
    ]


def test_more_gauges_than_a_report_holds_give_their_means_and_too_many_are_refused() -> None:
    gauges = [PointSpec(f"t{number}", "gauge", "Cel") for number in range(64)]
    schema = schema_of(SmsLink(), "b1", "Etc/UTC", gauges)
    assert schema is not None
    assert {channel.what for channel in schema.channels} == {"mean"}
    with pytest.raises(TooManyError, match="65 channels"):
        schema_of(SmsLink(), "b1", "Etc/UTC", [*gauges, PointSpec("one", "counter", "Wh")])


def test_a_site_without_numbers_has_no_schema() -> None:
    assert schema_of(SmsLink(), "b1", "Etc/UTC", []) is None
    assert schema_of(SmsLink(), "b1", "Etc/UTC", [PointSpec("a", "text")]) is None
