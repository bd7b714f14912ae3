"""People who text the box, by the acceptance lines of S8, U1, U3 and the SMS half of R1, C5, ACT8 and ST2."""

from __future__ import annotations

import re

import pytest

from edge.core.equipment_list import EquipmentList
from edge.core.tariff_book import TariffBook
from tests.sms_desk_rig import BOSS, CARE, GUEST, Texted
from tests.sms_pages import PAGES, answered


def confirm(box: Texted, answer: str, number: str = BOSS) -> str:
    found = re.search(r"(YES|OUI) [2-9A-Z]{4}", answer)
    assert found, answer
    return box.text(found[0], number)


def test_a_question_by_text_has_one_answer_on_the_phone_that_asked() -> None:
    """S8: SMS "STATUS" → one reply; so has READ x."""
    box = Texted()
    status = box.text("STATUS", CARE)
    assert status.startswith("Gymnase Sud b0042, ven 20/11 10:13\n")
    assert box.text("READ hall.t", GUEST) == "hall.t: 20 C, 0 s ago"
    assert [(sent.number, sent.purpose) for sent in box.outlet.sent] == [(CARE, "answer"), (GUEST, "answer")]


def test_an_unknown_number_gets_no_reply_and_one_journal_line() -> None:
    """U3: unknown number → no reply, 1 journal line."""
    box = Texted()
    for text in ("STATUS", "RELAY valve on", "OK G001", "YES 2222"):
        assert not box.text(text, "+33600000099")
    assert box.lines == [("sms_stranger", {"number": "+336****0099"})]
    assert not box.outlet.sent


def test_a_number_that_may_only_read_is_refused_with_one_reply() -> None:
    """U1, U3, ACT8: a known read-only number that orders is refused, with one reply, journaled, and nothing moves."""
    box = Texted()
    assert "needs the right to operate" in box.text("RELAY valve on", GUEST)
    assert box.orders("relay") == [False]
    assert not box.engine.outputs.by_id["valve"].level
    assert "needs the right to configure" not in box.text("STATUS", GUEST)


def test_a_tariff_by_text_is_a_new_version_with_its_answer_and_its_journal_line() -> None:
    """R1, C5: SMS "tariff" → new version active, ack with version, journal; only after its code came back."""
    box = Texted()
    proposed = box.text("TARIF eau base 4,31 du 01/02/2027", BOSS)
    book = box.engine.part(TariffBook)
    assert len(book.versions["water"]) == 1, "nothing yet"
    done = confirm(box, proposed)
    assert done == (
        "b0042 DONE 10:13: tariff water v2 holds from 1 Feb 2027 00:00 (base 4.31 EUR/m3). Until then v1, by boss."
    )
    assert [str(version.prices["base"]) for version in book.versions["water"]] == ["4.26", "4.31"]
    assert box.orders("tariff") == [True]
    assert [values["author"] for kind, values in box.journal if kind == "tariff_changed"] == ["boss"]
    assert box.restart().engine.part(TariffBook).versions["water"][-1].version == 2


def test_a_threshold_by_text_counts_at_once_and_goes_back() -> None:
    """R1: limits are changed by SMS, answered, and go back to the file's value."""
    box = Texted()
    assert "limit hall.hot 40 C -> 45 C" in (proposed := box.text("REGLER seuil hall.hot 45 °C"))
    assert "limit hall.hot 45 C (was 40 C)" in confirm(box, proposed)
    box.temperature(43.0)
    assert not box.engine.alarms.waiting()
    confirm(box, box.text("SET hall.hot default"))
    assert box.engine.limits["hall.hot"].spec.value == 40


def test_a_machine_is_put_into_maintenance_by_text() -> None:
    """ST2: maintenance by SMS with author, reason and planned end."""
    box = Texted()
    assert "OUI" in (proposed := box.text("MAINT boiler1 marche 3h joint de pompe", CARE))
    assert "boiler1 en maintenance jusqu'au ven 20/11 13:13, par gardien." in confirm(box, proposed, CARE)
    machine = box.engine.part(EquipmentList).machines["boiler1"]
    assert machine.state == "maintenance"
    assert machine.cause is not None
    assert (machine.cause.author, machine.cause.channel, machine.cause.reason) == ("gardien", "sms", "joint de pompe")


@pytest.mark.parametrize("lang", list(PAGES))
def test_the_pages_for_people_say_what_the_box_answers(lang: str) -> None:
    """S8, R1: each text of docs/sms-commands.md and its French page is sent, and answered as the page says."""
    page = PAGES[lang].read_text(encoding="utf-8")
    assert page.count("\n> ") > 20
    assert answered(page, lang) == page
