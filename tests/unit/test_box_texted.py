"""A running box that people text: the code of its alarm's text acknowledges, an order goes in two steps."""

from __future__ import annotations

import re
from pathlib import Path

from tests.reload_rig import change
from tests.support import eventually
from tests.unit.test_box_sms import CARETAKER, Texting


def answer(texting: Texting, text: str) -> str:
    """Return what a text is answered with."""
    before = len(texting.texts)
    texting.mailbox.bring(CARETAKER, text)
    eventually(lambda: texting.carry() and len(texting.texts) > before, 10, f"{text} is answered")
    number, said = texting.texts[before]
    assert number == CARETAKER
    return said


def test_an_alarm_is_acknowledged_by_the_code_in_its_text_and_a_lamp_switched_in_two_steps(tmp_path: Path) -> None:
    texting = Texting(tmp_path)
    with texting.box(tmp_path / "state") as box:
        texting.plant.chip.volts[0] = 3.0
        eventually(lambda: texting.carry() and texting.texts, 10, "the caretaker is told")
        code = re.search(r"OK [2-9A-Z]{4}", texting.texts[0][1])
        assert code, texting.texts[0][1]
        assert re.match(r"1 acknowledged (\d\d:\d\d|-) by caretaker\.", answer(texting, code[0]))
        eventually(lambda: not box.station.engine.alarms.waiting())
        proposed = answer(texting, "RELAY lamp off 30min")
        confirm = re.search(r"YES [2-9A-Z]{4}", proposed)
        assert confirm, proposed
        assert " lamp off for 30 min, by caretaker." in answer(texting, confirm[0])
        eventually(lambda: not texting.plant.lamp()[1], what="the lamp is off, though its limit is exceeded")
        assert answer(texting, "READ volts").startswith("volts: ")
        assert "1 alarm: 1 volts" in answer(texting, "STATUS")
        assert "sms " in answer(texting, "DIAG")
        eventually(lambda: not texting.mailbox.inbox)


def test_a_reload_by_text_replaces_the_link_under_its_own_answer_and_is_kept_by_text(tmp_path: Path) -> None:
    texting = Texting(tmp_path)
    change(texting.plant.config, 'id = "caretaker"', 'id = "caretaker"\nright = "configure"')
    with texting.box(tmp_path / "state") as box:
        change(texting.plant.config, "per_day = 50", "per_day = 40")
        confirm = re.search(r"YES [2-9A-Z]{4}", answer(texting, "RELOAD"))
        assert confirm
        before = box.links["sms"]
        assert "Reply KEEP within 15 min" in answer(texting, confirm[0])
        eventually(lambda: box.reloading.report.state == "done" and box.links["sms"] is not before, 10, "another link")
        assert "What was ordered stands" in answer(texting, "KEEP")
        eventually(lambda: texting.carry() and not texting.mailbox.inbox)
        told = [text for _number, text in texting.texts]
        assert len(told) == len(set(told)) == 3, "each answered once, over both links"
