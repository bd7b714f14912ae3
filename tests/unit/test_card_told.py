"""What is wrong with the card is told by doctor, the lamp, the display, the journal and the status upstream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.core.doctor import Facts, Finding, examine
from edge.runtime.box import Box
from edge.runtime.feed import card_facts
from edge.settings.card_verdict import VERDICT, Verdict, verdict_of
from edge.settings.catalogue import written
from edge.settings.event_text import sentence
from edge.settings.load import loads
from tests.card_rig import GOOD, Rig
from tests.support import eventually

FIRST = {"en": "Line 14: …", "fr": "Ligne 14 : …"}
REFUSED = Verdict(state="refused", file="vigie.toml", faults=2, first=FIRST)
SITE = '[box]\nid = "b1"\n[site]\nname = "S"\nlang = "fr"\n[bus.box]\nkind = "box"\n'


def findings(verdict: Verdict | None) -> list[Finding]:
    card: Any = None if verdict is None else msgspec.structs.asdict(verdict)
    return [finding for finding in examine(Facts(card=card)) if finding.subject == "card"]


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (None, []),
        (Verdict(state="applied", file="vigie.toml"), [("ok", "ok")]),
        (Verdict(state="unchanged", file="vigie.toml"), [("ok", "ok")]),
        (REFUSED, [("fail", "card_refused")]),
        (Verdict(state="refused", faults=1, first=FIRST), [("fail", "card_refused")]),
        (Verdict(state="absent", is_configured=False), [("warn", "card_absent")]),
        (Verdict(state="absent"), []),
        (Verdict(state="no_data", data="damaged", file="vigie.toml"), [("fail", "card_no_data")]),
        (Verdict(state="applied", file="v", restore={"en": "x"}), [("ok", "ok"), ("warn", "card_restore")]),
    ],
)
def test_doctor_tells_what_came_of_the_card(verdict: Verdict | None, told: list[tuple[str, str]]) -> None:
    assert [(finding.level, finding.code) for finding in findings(verdict)] == told


def test_doctor_says_the_first_fault_in_the_readers_language() -> None:
    finding = findings(REFUSED)[0]
    assert written("fr", finding.text) == "vigie.toml\u00a0: refusé, 2 défauts\u00a0: Ligne 14 : …"
    assert written("en", finding.text) == "vigie.toml: refused, 2 faults: Line 14: …"
    data = findings(Verdict(state="no_data", data="foreign"))[0]
    assert "d'une autre génération" in written("fr", data.text)


def test_a_verdict_is_read_back_and_none_where_there_is_none_or_a_damaged_one(tmp_path: Path) -> None:
    assert verdict_of(tmp_path) is None
    path = tmp_path / VERDICT
    path.parent.mkdir(parents=True)
    path.write_bytes(msgspec.json.encode(REFUSED))
    assert verdict_of(tmp_path) == REFUSED
    path.write_bytes(b'{"state": "what"}')
    assert verdict_of(tmp_path) is None


@pytest.mark.parametrize(
    ("verdict", "is_kept", "is_sound", "status"),
    [
        (None, True, True, {}),
        (Verdict(state="applied"), True, True, {}),
        (REFUSED, True, False, {"card": "refused"}),
        (Verdict(state="absent", is_configured=False), True, False, {"card": "absent"}),
        (Verdict(state="no_data", data="full"), False, True, {"card": "no_data"}),
    ],
)
def test_the_status_upstream_tells_it_only_where_something_is_wrong(
    verdict: Verdict | None, is_kept: bool, is_sound: bool, status: dict[str, str]
) -> None:
    assert card_facts(verdict) == status
    assert verdict is None or (verdict.is_kept, verdict.is_sound) == (is_kept, is_sound)


def test_a_box_whose_card_was_refused_journals_it_and_its_lamp_asks_for_a_look(tmp_path: Path) -> None:
    leds = tmp_path / "leds"
    (leds / "ACT").mkdir(parents=True)
    for name, content in {"max_brightness": "1\n", "brightness": "0", "trigger": "[none] timer\n"}.items():
        (leds / "ACT" / name).write_text(content, "ascii")
    box = Box(loads(SITE), tmp_path / "state", leds=leds, card=REFUSED)
    box.start()
    try:
        assert box.lamp is not None
        lamp = box.lamp
        eventually(lambda: lamp.state == "look", what="a slow even blink")
        eventually(lambda: box.events.next_seq() > box.events.first_seq() + 1)
        events = {event.kind: event.values for event in box.events.read(box.events.first_seq(), 50).entries}
        assert events["card_refused"] == {"faults": 2, "file": "vigie.toml"}
    finally:
        box.stop()


def test_the_events_read_as_sentences() -> None:
    told = sentence("fr", loads(SITE).site.tz, "card_refused", "", {"file": "vigie.toml", "faults": 2})  # type: ignore[arg-type]
    assert told == "fichier de l'installateur vigie.toml refusé, défauts\u00a0: 2"
    assert "missing" in sentence("en", "UTC", "card_no_data", "", {"data": "missing"})  # type: ignore[arg-type]


def test_a_real_refusal_ends_in_doctors_line() -> None:
    rig = Rig()
    rig.put("vigie.toml", GOOD.replace("pin = 17", "pni = 17"))
    line = written("en", findings(rig.take())[0].text)
    assert line.startswith("vigie.toml: refused, 2 faults: Line ")
