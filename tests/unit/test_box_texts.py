"""A running box and its caretaker's phone: told, answered by the code, told that it is over, and nothing twice."""

from __future__ import annotations

import re
from pathlib import Path

from edge.core.commands import Command
from hal.fake.gpio import FakeGpio
from hal.fake.i2c import FakeI2c
from tests.reload_rig import events
from tests.support import eventually
from tests.unit.test_box_sms import CARETAKER, Texting
from tests.unit.test_journal_words import events_of


def texts_of(texting: Texting) -> list[str]:
    texting.carry()
    return [text for number, text in texting.texts if number == CARETAKER]


def test_the_code_of_a_text_acknowledges_and_a_restart_repeats_nothing(tmp_path: Path) -> None:
    texting = Texting(tmp_path)
    with texting.box(tmp_path / "state") as box:
        texting.plant.chip.volts[0] = 3.0
        eventually(lambda: texts_of(texting), 10, "the caretaker is told")
        begin = texts_of(texting)[0]
        found = re.fullmatch(r"ALARM 1 HIGH .*\nvolts .*\nsince .*\nTo acknowledge, reply: (OK \w{4})", begin)
        assert found, begin
        texting.mailbox.bring("+33600000666", found[1])
        texting.mailbox.bring(CARETAKER, found[1].lower() + " .")
        eventually(lambda: len(texts_of(texting)) == 2, 10, "the caretaker is answered")
        assert texts_of(texting)[1].startswith("1 acknowledged ")
        acks = [event for event in events(box) if event.kind == "alarm_ack"]
        assert [(event.values["author"], event.values["channel"]) for event in acks] == [("caretaker", "sms")]
        sent = lambda: [event for event in events(box) if event.kind == "page_sent"]  # noqa: E731
        eventually(sent, 10, "what became of it is in the journal")
        assert sent()[0].values["fate"] == "handed"
        told = box.desk.buffer()["links"]["sms"]["last_text"]
        assert told["to"] == "caretaker"
        assert told["text"].startswith("ALARM 1 HIGH ")
        assert found[1] not in told["text"], "a code is for the phone that it was sent to"
    texting.plant.bus = FakeI2c({0x48: texting.plant.chip})
    texting.plant.board = FakeGpio()
    with texting.box(tmp_path / "state") as box:
        texting.plant.chip.volts[0] = 1.0
        eventually(lambda: len(texts_of(texting)) == 3, 10, "the caretaker is told that it is over")
        result = box.desk.order(Command("t", "test.sms", {}, "anna", "local"))
        assert result.values == {"to": "caretaker"}
        eventually(lambda: len(texts_of(texting)) == 4, 10, "the test text arrives")
        eventually(lambda: any(e.kind == "page_sent" and e.values["what"] == "test" for e in events_of(box.events)), 10)
    end, test = texts_of(texting)[2:]
    assert end.startswith("END OF ALARM 1 ")
    assert "Acknowledged" in end
    assert end.endswith(" by caretaker")
    assert test.startswith("TEST ")
    assert "asked for by anna" in test
