"""The modem's line of `vigie doctor`: its network, its signal, its SIM, what of the month is left."""

from __future__ import annotations

from typing import Any

import pytest

from edge.cli.diagnosis import remedy_of, words_of
from edge.cli.words import Words
from edge.core.doctor import examine, is_ready
from edge.core.doctor_modem import bars_of, dbm_of
from edge.core.finding import Finding
from edge.settings import catalogue
from tests.unit.test_doctor import found, ill

SMS: dict[str, Any] = {
    "link": "sms", "state": "up", "code": "", "problems": [], "last_ack_utc_ms": None, "waiting": {"messages": 0},
    "budget": {"today": 3, "per_day": 12, "month": 61, "per_month": 90}, "signal": 65, "operator": "Orange F",
    "modem": "",
}  # fmt: skip


def line(**changes: Any) -> list[Finding]:
    facts = ill(lambda live: live["buffer"]["links"].update(sms={**SMS, **changes}))
    return [finding for finding in examine(facts) if finding.subject in {"modem", "sms"}]


def test_a_modem_that_is_well_says_so_in_one_line() -> None:
    (finding,) = line()
    assert finding.level == "ok"
    assert words_of(finding, Words("en"))[0] == "Orange F, 4/5 (-73 dBm), SIM ready, 29 of 90 SMS left this month"
    assert words_of(finding, Words("fr"))[0] == "Orange F, 4/5 (-73 dBm), carte SIM prête, 29 SMS sur 90 ce mois"


def test_a_signal_that_is_not_known_is_left_out_and_one_of_zero_is_weak() -> None:
    (finding,) = line(signal=None)
    assert words_of(finding, Words("en"))[0] == "Orange F, SIM ready, 29 of 90 SMS left this month"
    (weak,) = line(signal=0)
    assert (weak.level, weak.code) == ("warn", "weak_signal")
    assert words_of(weak, Words("en"))[0] == "Orange F, weak signal: 0/5 (-113 dBm)"


@pytest.mark.parametrize(
    "code", sorted(key.removeprefix("modem.") for key in catalogue.catalogue("en") if key.startswith("modem."))
)
@pytest.mark.parametrize("lang", ["en", "fr"])
def test_each_fault_fails_once_with_its_remedy(code: str, lang: str) -> None:
    findings = line(state="down", code="modem", modem=code, operator="")
    assert [(finding.level, finding.code, finding.subject) for finding in findings] == [("fail", code, "modem")]
    assert remedy_of(findings[0].remedy, Words(lang))
    assert "{" not in words_of(findings[0], Words(lang))[0]


def test_a_damaged_file_of_the_link_is_named_beside_how_the_modem_is() -> None:
    damaged, well = line(damaged=["gateway", "queue"])
    assert (damaged.level, damaged.code, well.level) == ("warn", "sms_damaged", "ok")
    for lang in ("en", "fr"):
        assert "gateway, queue" in words_of(damaged, Words(lang))[0]
        assert "vigie sms pair" in (remedy_of(damaged.remedy, Words(lang)) or "")
    assert [finding.code for finding in line(damaged=[])] == [well.code]


def test_a_month_that_is_used_up_is_to_be_looked_at() -> None:
    for month in (90, 95):
        (finding,) = line(budget={"month": month, "per_month": 90})
        assert (finding.level, finding.code) == ("warn", "sms_used_up")


def test_a_modem_not_heard_of_yet_says_nothing_and_its_link_does() -> None:
    assert [(finding.code, finding.subject) for finding in line(operator="", signal=None, state="opening")] == [
        ("link_down", "sms")
    ]


def test_a_gateway_that_acknowledges_once_a_week_is_no_fault() -> None:
    facts = ill(
        lambda live: live["buffer"]["links"].update(
            sms={**SMS, "last_ack_utc_ms": live["box"]["utc_ms"] - 3 * 86_400_000, "waiting": {"messages": 9}}
        )
    )
    assert found(facts) == []
    assert is_ready(examine(facts))


def test_bars_grow_with_the_signal() -> None:
    bars = [bars_of(dbm_of(percent)) for percent in range(101)]
    assert bars == sorted(bars)
    assert {bars[0], bars[-1]} == {0, 5}
