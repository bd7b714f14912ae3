"""The outcome of a trial as people read it: one text whatever fails, and a page with a remedy for each."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.trial import BOX, Failing, Meter, Verdict
from edge.settings.trial_text import TrialFacts, trial_page, trial_sms, verdict_of
from hal.sample import REASONS
from sms.gsm7 import MESSAGE, septets

FACTS = TrialFacts("b0042", "Gymnase Sud", "20 Nov 10:42", names={"tic.index": {"en": "Linky"}}, signal="GSM 4/5")
BAD = [Failing("water.cold", "no_pulse"), Failing("t.flow", "unplugged")]


def verdict(failing: list[Failing], stored_s: float | None, points: int = 23) -> Verdict:
    meter = Meter("tic.index", 14_253_700, "Wh")
    return Verdict(not failing and stored_s is not None, points, failing, stored_s, "sms", "caretaker", "sms", 0, meter)


def test_a_pass_says_what_was_tried_and_that_the_installer_may_leave() -> None:
    assert trial_sms(verdict([], 38.2), FACTS, "en") == (
        "TEST b0042 PASSED 20 Nov 10:42\nPoints 23/23. Linky 14253.7 kWh\n"
        "GSM 4/5. Server answered in 38 s\nYou may leave."
    )
    assert trial_sms(verdict([], 38.2), FACTS, "fr").endswith("Le serveur a répondu en 38 s\nVous pouvez partir.")


def test_a_failure_names_each_point_and_what_the_server_did() -> None:
    assert trial_sms(verdict(BAD, None), FACTS, "en") == (
        "TEST b0042 FAILED 20 Nov 10:42\nPoints 21/23: water.cold 0 pulse, t.flow unplugged\n"
        "GSM 4/5. Server: no answer in 5 min\nFix, then send TEST"
    )
    assert "water.cold 0 impulsion, t.flow débranché" in trial_sms(verdict(BAD, None), FACTS, "fr")


@pytest.mark.parametrize("lang", ["en", "fr"])
@settings(max_examples=60)
@given(
    failing=st.lists(
        st.builds(Failing, st.sampled_from(["", "t.flow", "a" * 48]), st.sampled_from(sorted(REASONS))), max_size=40
    ),
    stored_s=st.none() | st.floats(0, 300),
)
def test_whatever_fails_it_is_one_message_that_says_so(
    lang: str, failing: list[Failing], stored_s: float | None
) -> None:
    text = trial_sms(verdict(failing, stored_s, points=2000), FACTS, lang)
    assert septets(text) <= MESSAGE
    assert text.startswith("TEST b0042 ")
    assert ("You may leave" in text or "Vous pouvez partir" in text) == (not failing and stored_s is not None)


def test_the_text_made_of_the_page_event_is_the_one_of_the_verdict() -> None:
    """What stands in the log must be enough: the text is written perhaps hours later, by another start."""
    for told in (verdict(BAD, None), verdict([], 38.2), verdict([Failing("", "clock_unset")], 1.0)):
        failing = ", ".join(f"{one.point or BOX} {one.reason}" for one in told.failing)
        values = {"passed": told.passed, "points": told.sound, "of": told.points, "v": 14_253_700, "u": "Wh"}
        values |= {"failing": failing} if failing else {}
        values |= {} if told.stored_s is None else {"stored_s": told.stored_s, "link": "sms"}
        for lang in ("en", "fr"):
            assert trial_sms(verdict_of(values, "tic.index"), FACTS, lang) == trial_sms(told, FACTS, lang)


def test_the_page_is_in_both_languages_and_has_a_remedy_for_every_reason_there_is() -> None:
    failing = [Failing(f"p{number}", reason) for number, reason in enumerate(sorted(REASONS))] + [
        Failing("", "clock_unset")
    ]
    page = trial_page(verdict(failing, None, points=200), FACTS)
    assert page.count("\r\n") == page.count("\n")
    assert page.count("What to do:") == page.count("À faire\u00a0:") == len(failing) + 1
    assert "\r\n--\r\n" in page
    assert "trial_file." not in page
    assert "remedy" not in page
    good = trial_page(verdict([], 12.0), FACTS)
    assert "You may leave." in good
    assert "Vous pouvez partir." in good
    assert "What to do" not in good
