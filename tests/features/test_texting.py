"""People whom the box texts, by the acceptance lines of I3, W3 and the SMS halves of T9, T12, T13 and J4."""

from __future__ import annotations

from typing import Any

from edge.core.paging import Paging
from edge.core.reachable import RecipientSpec
from edge.core.reply_codes import numbers_by_code
from edge.core.types import Event
from edge.links.sms_people import People
from edge.settings.model_sms import Recipient
from sms.gsm7 import MESSAGE, septets
from tests.people_pages import read, site
from tests.support_reader import MemoryLog
from tests.unit.rig import Rig
from tests.unit.test_alarm_silence import order
from tests.unit.test_paging import NOON, pass_to
from tests.unit.test_paging import read as read_all
from tests.unit.test_paging import site as many
from tests.unit.test_sms_pages import writing
from tests.unit.test_sms_people import Clock, Outlet

CARETAKER = Recipient(id="caretaker", number="+33600000001", name="Gardien", lang="fr")
SECRET = bytes(32)


class Phones:
    """What arrives on the phones of a site's recipients."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.log: MemoryLog[Event] = MemoryLog()
        self.outlet = Outlet()
        self.clock = Clock()
        self.people = People(
            [CARETAKER, Recipient(id="on-call", number="+33600000002")], self.log, self.outlet, writing(),
            clock=self.clock, dated=lambda _boot, at_ms: NOON + at_ms, say=self._say, secret=SECRET,
        )  # fmt: skip
        self._taken = 0

    def _say(self, kind: str, **values: Any) -> None:
        self.log.append([Event(kind, self.rig.engine.now_ms, "", {"link": "sms", **values})])

    def texts(self, number: str = CARETAKER.number) -> list[str]:
        """Return what has arrived on a phone so far."""
        self.log.append(self.rig.events[self._taken :])
        self._taken = len(self.rig.events)
        for _ in range(200):
            self.people.step(self.rig.engine.now_ms / 1000)
            self.outlet.hand()
        found = [wanted.text for wanted in self.outlet.handed.values() if wanted.number == number]
        assert all(septets(text) <= MESSAGE for text in found)
        return found


def test_a_text_tells_what_an_alarm_means() -> None:
    """T9: temperature > max → text "surchauffe"."""
    rig = site()
    read(rig, 60, boiler=92.5)
    assert "92,5 C > 85 C (surchauffe)" in Phones(rig).texts()[0]


def test_an_alarm_acknowledged_by_the_code_of_its_text_is_not_texted_again() -> None:
    """T12: acknowledged by the code that stands in the text, it is not repeated, and its end says who has it."""
    rig = site()
    read(rig, 60, boiler=92.5)
    phones = Phones(rig)
    code = phones.texts()[0].split("OK ")[1]
    told = rig.engine.part(Paging).texts_of(1)
    numbers = numbers_by_code(SECRET, "caretaker", code, [(1, True, told)])
    assert numbers == [1]
    assert numbers_by_code(SECRET, "on-call", code, [(1, True, told)]) is None
    order(rig, "ack", numbers=numbers, author="caretaker")
    read(rig, 9000, boiler=70)
    assert len(phones.texts()) == 2
    assert phones.texts()[1].endswith("par Gardien")


def test_a_flood_is_few_texts_while_the_journal_has_every_alarm() -> None:
    """T13: 100 alarms in 1 min → 2 SMS to each recipient, all alarms in the journal."""
    rig = many(RecipientSpec("caretaker"), count=100)
    phones = Phones(rig)
    for second in range(1, 61):
        read_all(rig, second, *[31] * min(100, 2 * second))
    pass_to(rig, 180)
    assert rig.kinds().count("alarm_begin") == 100
    texts = phones.texts()
    assert len(texts) == 2
    assert texts[1].startswith("98 ALARMES ")


def test_lost_mains_are_texted_at_any_hour() -> None:
    """W3: mains input low → SMS "coupure secteur"."""
    rig = site()
    read(rig, 60, mains=0)
    (text,) = Phones(rig).texts()
    assert text.startswith("ALARME 1 CRITIQUE Gymnase Sud\nCoupure secteur depuis ")


def test_yesterdays_summary_comes_at_seven_once() -> None:
    """J4: 07:00 local → one SMS of at most 160 letters with yesterday's figures."""
    rig = many(RecipientSpec("caretaker", daily=True))
    phones = Phones(rig)
    pass_to(rig, 19 * 3600 - 1)
    assert phones.texts() == []
    pass_to(rig, 19 * 3600 + 60)
    assert phones.texts() == ["Gymnase Sud, ven 20/11\n2 alarmes\nDonnées 99,8%"]
    pass_to(rig, 30 * 3600)
    assert len(phones.texts()) == 1


def test_a_test_text_and_a_test_alarm_go_all_the_way() -> None:
    """I3: `test sms` → the phone has it and the journal says that it left; `test alarm` → begin and end."""
    rig = site()
    phones = Phones(rig)
    assert order(rig, "test.sms", author="Anne").done
    assert phones.texts() == [
        "ESSAI Gymnase Sud b0042\nMessage demandé par Anne, ven 20/11 12:00\nIl est arrivé: rien à faire."
    ]
    chunk = phones.log.read(1, 1000)
    assert [event.values["fate"] for event in chunk.entries if event.kind == "page_sent"] == ["handed"]
    order(rig, "test.alarm")
    pass_to(rig, 200)
    begin, end = phones.texts()[1:]
    assert begin.startswith("ALARME 1 ESSAI Gymnase Sud\nb0042 essai de toute la chaine\n")
    assert end.endswith("Rien à faire.")
