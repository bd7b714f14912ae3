"""The desk of a running box, from its settings: the codes of alarms' texts count, and the box tells of itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from edge.core.costs import CostsView
from edge.core.reply_codes import alarm_code
from edge.core.report import Report
from edge.runtime.texted import box_facts, desk_of
from edge.settings.load import loads
from edge.settings.model_sms import Recipient
from edge.settings.sms_answers import credit, diag, status
from edge.settings.sms_speech import Speech
from tests.orders_rig import HEAD
from tests.sms_desk_rig import CARE, SITE, UTC_MS, Texted
from tests.support import ManualClock

SECRET = bytes(range(32))
TEXTED = f"""{SITE}
[link.sms]
[[recipient]]
id = "gardien"
number = "{CARE}"
lang = "fr"
"""


def no_report(*_asked: Any) -> Report:
    raise LookupError("no history is kept")


def test_the_code_that_an_alarms_text_would_carry_acknowledges_it() -> None:
    settings = loads(HEAD + TEXTED)
    assert [person.id for person in settings.of(Recipient)] == ["gardien"]
    box = Texted(TEXTED)
    box.temperature(45.0)
    told = box.engine.alarms.list.numbered(1)
    assert told is not None
    box.desk = desk_of(
        settings, box.office, box.outlet, clock=box.clock, say=box._say, secret=SECRET, report=no_report
    )  # fmt: skip
    code = alarm_code(SECRET, "gardien", [1])
    assert "Aucun message n'attend" in box.text(f"OK {alarm_code(SECRET, 'boss', [1])}", CARE), "another's code"
    box.step(2.0)
    assert box.text(f"OK {code}", CARE).startswith("1 acquittée ")


def test_what_the_link_knows_stands_in_credit_and_diag_and_what_nobody_knows_is_no_0() -> None:
    clock = ManualClock(UTC_MS)
    clock.advance(90_000)
    told: Mapping[str, Any] = {
        "signal": 70, "operator": "Orange F", "last_ack_utc_ms": None,
        "budget": {
            "today": 3, "per_day": 12, "month": 61, "per_month": 90, "price": 0.06, "cost": 3.66, "currency": "EUR"
        },
    }  # fmt: skip
    to = Speech("en", "b0042", "Gymnase Sud", UTC, UTC_MS)
    facts = box_facts(told, clock=clock, version="1.0.3", started_ms=1000)
    assert credit(to, facts) == "b0042: 61 of 90 SMS sent this month, 3.66 EUR. Today 3 of 12."
    assert diag(to, [], [], facts).splitlines()[0] == "vigie b0042 1.0.3 boot 1 up 1d01h"
    unpriced = {**told, "budget": {**told["budget"], "price": 0.0, "cost": 0.0}}
    assert credit(to, box_facts(unpriced, clock=clock, version="", started_ms=0)) == (
        "b0042: 61 of 90 SMS sent this month. Today 3 of 12."
    )
    unknown = box_facts({}, clock=clock, version="", started_ms=1000)
    assert credit(to, unknown) == "b0042: how many SMS were sent is not known."
    assert "gsm ?% sms ?/?" in diag(to, [], [], unknown)


def test_a_server_behind_a_gateway_is_told_as_one_behind_mqtt() -> None:
    clock = ManualClock(UTC_MS)
    to = Speech("en", "b0042", "Gymnase Sud", UTC, UTC_MS)
    none = box_facts({}, clock=clock, version="", started_ms=0)
    assert none.waiting is None, "no server: nothing is told of one"
    paired = {"paired": True, "waiting": {"messages": 3}, "last_ack_utc_ms": None}
    facts = box_facts(paired, clock=clock, version="", started_ms=0)
    assert "Server: no answer yet (3 wait)" in status(to, CostsView(True, [], []), [], [], facts)
    settled = {**paired, "waiting": {"messages": 0}, "last_ack_utc_ms": UTC_MS}
    facts = box_facts(settled, clock=clock, version="", started_ms=0)
    assert "Server up to date 09:13" in status(to, CostsView(True, [], []), [], [], facts)
