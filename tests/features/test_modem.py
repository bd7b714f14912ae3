"""A modem that is fitted and then left alone, by the acceptance lines of I2 and W5."""

from __future__ import annotations

import pytest

from edge.cli.diagnosis import words_of
from edge.cli.words import Words
from edge.core.doctor import examine, is_ready
from edge.settings import catalogue
from tests.unit.test_doctor import ill
from tests.unit.test_doctor_modem import SMS
from tests.unit.test_sms_watch import CURABLE, RECOVERED_S, House

FAULTS = sorted(key.removeprefix("modem.") for key in catalogue.catalogue("en") if key.startswith("modem."))


@pytest.mark.parametrize("code", FAULTS)
def test_each_fault_of_the_modem_is_a_failing_line_with_its_remedy(code: str) -> None:
    """I2: a locked SIM, no network, no credit … fail by name, and the installer is told what to do."""
    findings = examine(ill(lambda live: live["buffer"]["links"].update(sms={**SMS, "modem": code, "state": "down"})))
    assert not is_ready(findings)
    (finding,) = (finding for finding in findings if finding.level == "fail")
    assert finding.code == code
    for lang in ("en", "fr"):
        said, remedy = words_of(finding, Words(lang))
        assert said
        assert remedy


def test_a_good_modem_tells_its_signal_and_the_messages_that_are_left() -> None:
    """W5: operator, bars, dBm and what is left of the month stand in one line."""
    findings = examine(ill(lambda live: live["buffer"]["links"].update(sms=SMS)))
    assert is_ready(findings)
    (line,) = (words_of(finding, Words("en"))[0] for finding in findings if finding.subject == "modem")
    assert line == "Orange F, 4/5 (-73 dBm), SIM ready, 29 of 90 SMS left this month"


@pytest.mark.parametrize("name", list(CURABLE))
def test_a_modem_that_falls_silent_is_woken_without_a_visit(name: str) -> None:
    """W5: what hangs is begun anew, reset or cut from its power, and the journal says so."""
    house = House()
    house.runs(601)
    house.breaks(CURABLE[name][0])
    house.runs(900)
    assert house.kinds("modem_ok")[0][0] <= RECOVERED_S
    assert len(house.kinds("modem_fault")) >= 1
