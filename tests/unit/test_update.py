"""An update step by step on a box in a folder: installed, tried, committed, taken back; every power cut in between."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cli import update_units
from edge.core.autoboot import Autoboot, octets
from edge.core.release import Version, release_of, version_of
from edge.core.types import EventBatch
from edge.core.update_state import KEPT_NEWS, News, UpdateState
from edge.runtime.rauc import UpdateError
from edge.runtime.update_confirm import confirm
from edge.runtime.update_news import UpdateNews
from edge.store.autoboot_file import FILE
from edge.store.update_store import published
from tests.support import ManualClock
from tests.update_rig import Box, Power, PowerCutError, live

OLD, NEW = "0.1.0+1795166000", "0.2.0+1795166001"


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def confirmed(box: Box, hold_s: float = 300, within_s: float = 840) -> bool:
    def wait(seconds: float) -> None:
        box.clock.advance(seconds + 40)
        if box.live is not None:
            box.live["box"]["readings"] += 10

    return confirm(
        box.updating(), lambda: box.live, now_s=lambda: box.clock.now_ns / 1e9, wait=wait,
        hold_s=hold_s, within_s=within_s,
    )  # fmt: skip


def tried(box: Box) -> None:
    box.updating().install(box.bundle(NEW))
    box.updating().prepare_try()
    assert box.card.start(is_try=True) == "b"
    box.updating().settle()


def told(box: Box) -> list[str]:
    found = published(box.root)
    assert found is not None
    return [each["kind"] for each in found["news"]]


def refusal(box: Box, file: Path, *, again: bool = False) -> str:
    with pytest.raises(UpdateError) as refused:
        box.updating().install(file, again=again)
    return refused.value.code


def test_a_good_version_is_tried_held_for_five_minutes_and_stays(box: Box) -> None:
    box.updating().settle()
    assert str(box.updating().install(box.bundle(NEW)).version) == NEW
    assert box.card.autoboot == Autoboot("a", "b"), "an ordinary start takes what ran before"
    assert box.updating().prepare_try() == NEW
    assert box.card.start(is_try=True) == "b"
    box.updating().settle()
    facts = published(box.root)
    assert facts is not None
    assert (facts["is_try"], facts["slot"], facts["version"]) == (True, "b", NEW)
    began_s = box.clock.now_ns / 1e9
    assert confirmed(box)
    assert box.clock.now_ns / 1e9 - began_s >= 300
    assert box.card.autoboot == Autoboot("b", "a")
    assert box.card.start() == "b"
    assert box.updating().settle().floor == NEW
    assert told(box) == ["update_installed", "update_committed"]


def test_a_version_whose_service_does_not_start_is_left_again_by_itself(box: Box) -> None:
    tried(box)
    box.live = None
    assert not confirmed(box)
    assert box.card.autoboot == Autoboot("a", "b")
    assert box.card.start() == "a"
    state = box.updating().settle()
    assert state.last is not None
    assert (state.last.outcome, state.last.version, state.last.why) == ("rolled_back", NEW, "no_answer")
    assert box.card.autoboot == Autoboot("a", "a"), "it is not tried again by itself"
    assert told(box) == ["update_installed", "update_rolled_back"]
    assert state.floor == ""


@pytest.mark.parametrize("settles", [True, False])
def test_a_try_that_ends_by_a_crash_a_watchdog_or_a_power_cut_is_the_way_back(box: Box, settles: bool) -> None:
    box.updating().install(box.bundle(NEW))
    box.updating().prepare_try()
    box.card.start(is_try=True)
    if settles:
        box.updating().settle()
    assert box.card.start() == "a"
    last = box.updating().settle().last
    assert last is not None
    assert last.why == ("not_confirmed" if settles else "not_started")


def test_what_was_taken_back_can_be_installed_again(box: Box) -> None:
    tried(box)
    box.card.start()
    box.updating().settle()
    tried(box)
    assert confirmed(box)
    assert box.card.start() == "b"


def test_older_versions_are_refused_by_name_also_after_the_system_was_changed_by_hand(box: Box) -> None:
    assert refusal(box, box.bundle("0.0.9+1")) == "older"
    assert refusal(box, box.bundle("0.1.0+1795165999")) == "older"
    assert refusal(box, box.bundle(OLD)) == "same"
    tried(box)
    assert confirmed(box)
    box.card.systems["b"] = OLD  # a card written anew beside an old data partition
    box.card.start()
    assert refusal(box, box.bundle("0.1.5+7")) == "older", "the floor is what was committed once"
    assert refusal(box, box.bundle(NEW)) == "same"
    assert str(box.updating().install(box.bundle(NEW), again=True).version) == NEW


def test_a_floor_that_is_damaged_leaves_that_of_the_running_system(box: Box) -> None:
    tried(box)
    assert confirmed(box)
    for file in (box.root / "data/update").glob("state.json*"):
        file.write_bytes(b"\0" * 100)
    assert refusal(box, box.bundle(OLD)) == "older"


def test_a_newer_versions_own_notes_are_put_aside_whole_and_an_update_is_still_possible(box: Box) -> None:
    file = box.root / "data/update/state.json"
    tried(box)
    text = file.read_bytes().replace(b"vigie-update 1 ", b"vigie-update 9 ")
    start, body = text.split(b"\n", 1)[0].rsplit(b" ", 1)[0], text.split(b"\n", 1)[1]
    text = start + b" %08x\n" % zlib.crc32(body, zlib.crc32(start)) + body
    file.write_bytes(text)
    box.card.start()
    box.updating().settle()
    box.updating().install(box.bundle(NEW))
    assert (file.parent / "newer-state.json").read_bytes() == text
    assert box.card.autoboot == Autoboot("a", "b")


@pytest.mark.parametrize("why", ["corrupt", "foreign_key", "no_space", "failed"])
def test_an_install_that_fails_leaves_a_slot_that_is_never_tried(box: Box, why: str) -> None:
    box.rauc.fails = UpdateError(why, "what it said")
    assert refusal(box, box.bundle(NEW)) == why
    assert box.card.autoboot == Autoboot("a", "a")
    assert box.card.start() == "a"
    with pytest.raises(UpdateError, match="nothing_installed"):
        box.updating().prepare_try()
    state = box.updating().settle()
    assert state.trial is None
    assert state.last is not None
    assert state.last.why == why
    assert told(box) == ["update_refused"]
    box.rauc.fails = None
    box.updating().install(box.bundle(NEW))
    assert box.updating().store.load().last is None, "what went wrong before is no news beside it"


def test_a_bundle_for_another_box_one_that_is_none_and_a_weak_supply_are_refused_before_anything_is_written(
    box: Box,
) -> None:
    assert refusal(box, box.bundle(NEW, "other-box")) == "other_box"
    file = box.root / "x.raucb"
    file.write_text("")
    assert refusal(box, file) == "not_a_bundle"
    box.machine["undervoltage"] = 1.0
    assert refusal(box, box.bundle(NEW)) == "undervoltage"
    assert box.rauc.installed == []
    assert box.card.systems["a"] == OLD
    box.machine["undervoltage"] = None  # nobody knows: no reason
    box.updating().install(box.bundle(NEW))


def test_partitions_of_another_card_are_not_written(box: Box) -> None:
    folder = box.root / "dev/disk/by-partuuid"
    folder.mkdir(parents=True)
    (folder / "76696731-06").touch()  # a name that leads to no partition of the card that runs
    assert refusal(box, box.bundle(NEW)) == "two_cards"
    assert box.rauc.installed == []


def test_while_one_is_on_trial_no_other_is_taken(box: Box) -> None:
    tried(box)
    assert refusal(box, box.bundle("0.3.0+1")) == "on_trial"
    assert confirmed(box), "and the trial goes on"


def test_a_refused_file_does_not_forget_what_is_installed_already(box: Box) -> None:
    box.updating().install(box.bundle(NEW))
    assert refusal(box, box.bundle("0.0.1")) == "older"
    assert box.updating().prepare_try() == NEW


def test_two_updates_at_once_are_one(box: Box) -> None:
    with box.updating().alone():
        assert refusal(box, box.bundle(NEW)) == "busy"
    box.updating().install(box.bundle(NEW))


def test_another_installation_and_a_card_without_data_say_so(box: Box, tmp_path: Path) -> None:
    (box.root / "data/update/lock").unlink(missing_ok=True)
    (box.root / "data/update").rmdir()
    assert refusal(box, box.bundle(NEW)) == "no_data"
    (box.root / "etc/vigie-release").unlink()
    assert refusal(box, box.bundle(NEW)) == "no_slots", "not that a card lacks its data partition"
    for ask in (box.updating().facts, box.updating().prepare_try):
        with pytest.raises(UpdateError, match="no_slots"):
            ask()
    assert update_units.confirmed(box.updating(), None) == 1


def test_a_version_installed_past_vigie_update_is_judged_all_the_same(box: Box) -> None:
    box.rauc.install(box.bundle(NEW))  # `rauc install` by hand, and `reboot "0 tryboot"`
    box.card.start(is_try=True)
    box.updating().settle()
    box.live = None
    assert not confirmed(box), "without a word of before, a station must answer"
    box.card.start()
    assert box.updating().settle().last is not None
    box.rauc.install(box.bundle(NEW))
    box.card.start(is_try=True)
    box.updating().settle()
    box.live = live()
    assert confirmed(box)
    assert box.card.start() == "b"


def life(box: Box) -> None:
    """Install, try, commit; from wherever the box stands."""
    updating = box.updating()
    state = updating.settle()
    if box.slots().booted().is_try:
        confirmed(box)
        return
    if state.floor == NEW:
        return
    if state.trial is None or state.trial.phase != "installed":
        updating.install(box.bundle(NEW))
    box.updating().prepare_try()
    box.card.start(is_try=True)
    box.updating().settle()
    confirmed(box)


def test_power_cut_before_each_change_of_the_card_leaves_one_system_that_starts(tmp_path: Path) -> None:
    """Whatever is cut, an ordinary start takes a whole system, and the same again leads to the new one."""
    whole = Box(tmp_path / "whole")
    life(whole)
    assert whole.card.autoboot.primary == "b"
    cuts = whole.power.changes
    assert cuts > 20
    for at in range(1, cuts + 1):
        box = Box(tmp_path / str(at), Power(at))
        with pytest.raises(PowerCutError):
            life(box)
        slot = box.card.start()  # asserts that it is whole
        box.updating().settle()
        assert box.card.systems[box.card.autoboot.tried], f"cut {at}: a slot that is not whole would be tried"
        assert slot == "a" or box.updating().store.load().floor == NEW
        if box.updating().store.load().floor != NEW:
            life(box)
        assert box.card.autoboot.primary == "b", f"cut {at}"
        assert box.card.start() == "b"
        kinds = told(box)
        assert kinds.count("update_committed") == 1
    print(f"power cuts at {cuts} changes: one system that starts, each time")


def test_a_second_cut_in_the_start_after_the_first_changes_nothing_of_that(tmp_path: Path) -> None:
    for at in (6, 13, 19):
        for again in range(1, 6):
            box = Box(tmp_path / f"{at}-{again}", Power(at))
            with pytest.raises(PowerCutError):
                life(box)
            box.card.start()
            box.power.goes_at = box.power.changes + again
            try:
                box.updating().settle()
            except PowerCutError:
                box.card.start()
            box.power.goes_at = 0
            box.updating().settle()
            assert box.card.systems[box.card.start()]


numbers = st.lists(st.integers(0, 999), min_size=1, max_size=4)
versions = st.builds(lambda parts, build: f"{'.'.join(map(str, parts))}+{build}", numbers, st.integers(0, 2**40))


@given(versions, versions, versions)
def test_versions_have_one_order_numbers_first_then_the_build(one: str, two: str, three: str) -> None:
    a, b, c = sorted(map(version_of, (one, two, three)))
    assert a <= b <= c
    assert a <= c
    assert version_of(str(a)) == a
    assert (a < b) == (not b <= a)


@pytest.mark.parametrize(
    ("less", "more"),
    [("0.9.9+9", "0.10.0+1"), ("0.1.0+1", "0.1.0+2"), ("0.1+5", "0.1.0+6"), ("1.0.0", "1.0.0+1"), ("0.1.0+9", "0.1.1")],
)
def test_which_is_newer(less: str, more: str) -> None:
    assert version_of(less) < version_of(more)


@pytest.mark.parametrize("text", ["", "-1.0", "1.0-rc1", "1..2", "1.0+", "v1.0", "1.0\n", "²", "1." * 40, "9" * 30])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no version"):
        version_of(text)


def test_a_release_says_what_it_lacks() -> None:
    found = release_of("# made\nVERSION=0.1.0\nBUILD=5\nCOMPATIBLE=x\nMORE=1\n")
    assert (found.version, found.compatible) == (Version((0, 1, 0), 5), "x")
    with pytest.raises(ValueError, match="BUILD="):
        release_of("VERSION=0.1.0\nCOMPATIBLE=x\n")
    with pytest.raises(ValueError, match="no version"):
        release_of("VERSION=\nBUILD=\nCOMPATIBLE=x\n")


def test_what_is_to_be_told_is_bounded_and_told_once() -> None:
    state = UpdateState()
    for n in range(100):
        state = state.said(News(str(n), "update_refused", {})).said(News(str(n), "update_refused", {}))
    assert [each.id for each in state.news] == [str(n) for n in range(100 - KEPT_NEWS, 100)]


# --- the committed system can't be started, and the initramfs took the other one


def lost(box: Box, *, runs: str = OLD) -> None:
    """System a is given up: the initramfs commits b and says so."""
    box.card.systems["b"] = runs
    (box.root / "boot/cfg" / FILE).write_bytes(octets(Autoboot("b", "b")))
    (box.root / "run/vigie-card").mkdir(exist_ok=True)
    (box.root / "run/vigie-card/lost").write_text("a\n")
    assert box.card.start() == "b"


def test_a_system_that_took_the_place_of_another_is_told_once_and_is_no_update(box: Box) -> None:
    box.card.systems["a"] = NEW
    lost(box)
    called: list[int] = []
    state = box.updating().settle(lambda: called.append(1))
    assert (state.lost, state.trial, state.last, state.floor) == ("a", None, None, "")
    assert called == [1], "what the other one wrote may have to be made readable"
    facts = published(box.root)
    assert facts is not None
    assert (facts["lost"], facts["is_try"], facts["slot"]) == ("a", False, "b")
    assert [(each["kind"], each["values"]) for each in facts["news"]] == [
        ("system_lost", {"slot": "a", "runs": "b", "version": OLD})
    ]
    journal: list[EventBatch] = []
    UpdateNews(lambda: facts, ManualClock(), journal.append, None).step(0.0)
    assert [event.kind for event in journal[0].entries] == ["system_lost"]
    assert confirmed(box)
    assert box.card.autoboot == Autoboot("b", "b")
    box.card.start()
    box.updating().settle(lambda: called.append(2))
    assert told(box) == ["system_lost"]
    assert called == [1]


def test_a_version_that_waited_for_its_try_is_not_committed_by_taking_its_place(box: Box) -> None:
    box.updating().install(box.bundle(NEW))
    lost(box, runs=NEW)
    state = box.updating().settle()
    assert (state.trial, state.floor, state.last) == (None, "", None)
    assert told(box) == ["update_installed", "system_lost"]


def test_the_lost_version_is_taken_again_tried_and_then_nothing_is_lost_any_more(box: Box) -> None:
    tried(box)  # b with the new version is committed, then lost
    assert confirmed(box)
    (box.root / "boot/cfg" / FILE).write_bytes(octets(Autoboot("a", "a")))
    (box.root / "run/vigie-card").mkdir()
    (box.root / "run/vigie-card/lost").write_text("b\n")
    assert box.card.start() == "a"
    box.updating().settle()
    assert refusal(box, box.bundle("0.1.5+7")) == "older"
    tried(box)
    (box.root / "run/vigie-card/lost").unlink()  # its initramfs came so far
    assert box.updating().settle().lost is None
    assert confirmed(box)
    assert box.card.start() == "b"
    assert box.updating().settle().lost is None


@pytest.mark.parametrize("text", ["", "c\n", "a b\n", "\xff"])
def test_what_is_no_slot_is_no_loss(box: Box, text: str) -> None:
    (box.root / "run/vigie-card").mkdir()
    (box.root / "run/vigie-card/lost").write_text(text)
    assert box.updating().settle() == UpdateState()
