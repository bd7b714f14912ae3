"""What a box remembers of updates, and the steps of one: begun, installed, tried, committed or taken back.

Pure. One document, saved whole after each step, so that a power cut leaves a clear state; `settled` is asked at every
start and finishes what was cut short. What starts next stands in autoboot.txt alone (`edge.core.autoboot`): where the
two differ, that one is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from edge.core.autoboot import Autoboot, Slot
from edge.core.release import Version, version_of
from edge.core.update_health import Before

KEPT_NEWS: Final = 20
KEPT_TAKEN_BACK: Final = 8
Phase = Literal["installing", "installed", "trying", "tried"]
Outcome = Literal["committed", "rolled_back", "refused"]


class Trial(msgspec.Struct, frozen=True):
    """A version that is in the other slot, or on its way there.

    installing: the slot is being written. installed: it waits for its try. trying: the next start was to be the try.
    tried: that start got as far as saying so. `why`: what its health check found wrong.
    """

    slot: Slot
    version: str
    phase: Phase
    was: str = ""
    """The version that ran before."""
    before: Before | None = None
    why: str = ""


class Last(msgspec.Struct, frozen=True):
    """What became of the last update; `utc_ms` by the box's clock, whatever that was worth."""

    outcome: Outcome
    version: str = ""
    why: str = ""
    utc_ms: int = 0


class News(msgspec.Struct, frozen=True):
    """What the station is to tell: an event of this kind. `id` makes a repeat harmless."""

    id: str
    kind: str
    values: dict[str, Any]


class UpdateState(msgspec.Struct, frozen=True):
    """All of it. `floor`: the highest version that was ever committed here, "" for none."""

    floor: str = ""
    trial: Trial | None = None
    last: Last | None = None
    news: tuple[News, ...] = ()
    taken_back: tuple[str, ...] = ()
    """Versions that were tried and did not stay, the oldest of too many left out."""
    lost: Slot | None = None
    """The system that was committed and could not be started any more: the other one was taken in its place."""

    def said(self, news: News) -> UpdateState:
        """Return it with one more thing to tell, the oldest of too many left out."""
        if any(each.id == news.id for each in self.news):
            return self
        return msgspec.structs.replace(self, news=(*self.news, news)[-KEPT_NEWS:])

    def least(self, running: Version | None) -> Version | None:
        """Return the version below which none is taken: what was committed, or what runs, the higher one."""
        known = [version for version in (_version(self.floor), running) if version is not None]
        return max(known, default=None)


class Settled(msgspec.Struct, frozen=True):
    """What a start is to save, and what is to start next; each as it was where nothing is to be done."""

    state: UpdateState
    autoboot: Autoboot


def begun(state: UpdateState, slot: Slot, version: str, was: str) -> UpdateState:
    """Return it while a slot is being written."""
    return msgspec.structs.replace(state, trial=Trial(slot, version, "installing", was))


def installed(state: UpdateState, news_id: str) -> UpdateState:
    """Return it when the slot is written and read back."""
    trial = _trial(state)
    told = News(news_id, "update_installed", {"version": trial.version, "slot": trial.slot, "was": trial.was})
    return msgspec.structs.replace(state, trial=msgspec.structs.replace(trial, phase="installed"), last=None).said(told)


def trying(state: UpdateState, before: Before) -> UpdateState:
    """Return it when the next start is to be the try."""
    return _in_phase(state, "trying", before=before, why="")


def found_ill(state: UpdateState, why: str) -> UpdateState:
    """Return it when the health check gives up."""
    return _in_phase(state, "tried", why=why)


def committed(state: UpdateState, utc_ms: int, news_id: str) -> UpdateState:
    """Return it when the tried version starts from now on."""
    trial = _trial(state)
    known = [text for text in (state.floor, trial.version) if _version(text) is not None]
    told = News(news_id, "update_committed", {"version": trial.version, "slot": trial.slot, "was": trial.was})
    return msgspec.structs.replace(
        state, floor=max(known, key=version_of, default=""), trial=None,
        last=Last("committed", trial.version, "", utc_ms),
    ).said(told)  # fmt: skip


def refused(state: UpdateState, version: str, why: str, utc_ms: int, news_id: str) -> UpdateState:
    """Return it when an update was not taken: what runs goes on, and what was installed before is there still."""
    values = {"why": why} | ({"version": version} if version else {})
    trial = None if state.trial is not None and state.trial.phase == "installing" else state.trial
    last = Last("refused", version, why, utc_ms)
    return msgspec.structs.replace(state, trial=trial, last=last).said(News(news_id, "update_refused", values))


def settled(
    state: UpdateState, slot: Slot, running: str, *,
    is_try: bool, autoboot: Autoboot, lost: Slot | None, utc_ms: int, news_id: str,
) -> Settled:  # fmt: skip
    """Return what this start, of this slot, makes of what was going on. `running`: the version of this slot.

    `lost`: the system that the initramfs gave up. The one that runs in its place was not tried and is no update.
    """
    if lost != state.lost:
        state = msgspec.structs.replace(state, lost=lost)
        if lost is not None:
            if state.trial is not None and state.trial.slot == slot:
                state = msgspec.structs.replace(state, trial=None)
            state = state.said(News(f"{news_id}-lost", "system_lost", {"slot": lost, "runs": slot, "version": running}))
    trial = state.trial
    if trial is None:
        if is_try and slot != autoboot.primary:  # installed past `vigie update`, or what was kept of it is lost
            return Settled(msgspec.structs.replace(state, trial=Trial(slot, running, "tried")), autoboot)
        return Settled(state, autoboot)
    if slot == trial.slot:
        if autoboot.primary == slot:  # committed, and cut off before it was written down
            return Settled(committed(state, utc_ms, news_id), autoboot)
        return Settled(_in_phase(state, "tried"), autoboot) if is_try else Settled(state, autoboot)
    if trial.phase == "installed":
        return Settled(state, autoboot)
    without = Autoboot(autoboot.primary, autoboot.primary) if autoboot.tried == trial.slot else autoboot
    if trial.phase == "installing":
        return Settled(refused(state, trial.version, "cut", utc_ms, news_id), without)
    why = trial.why or ("not_confirmed" if trial.phase == "tried" else "not_started")
    told = News(news_id, "update_rolled_back", {"version": trial.version, "slot": trial.slot, "why": why})
    last = Last("rolled_back", trial.version, why, utc_ms)
    again = (*(each for each in state.taken_back if each != trial.version), trial.version)[-KEPT_TAKEN_BACK:]
    state = msgspec.structs.replace(state, trial=None, last=last, taken_back=again)
    return Settled(state.said(told), without)


def public(state: UpdateState, slot: Slot | None, running: str, *, is_try: bool) -> Mapping[str, Any]:
    """Return what everybody on the box may know: version, slot, trial, last result, and what is to be told."""
    trial = state.trial
    return {
        "version": running,
        "slot": slot,
        "trial": None if trial is None else {"version": trial.version, "slot": trial.slot, "phase": trial.phase},
        "is_try": is_try and trial is not None and trial.slot == slot,
        "last": None if state.last is None else msgspec.to_builtins(state.last),
        "lost": state.lost,
        "news": msgspec.to_builtins(state.news),
    }


def _trial(state: UpdateState) -> Trial:
    if state.trial is None:
        raise ValueError("no update is going on")
    return state.trial


def _in_phase(state: UpdateState, phase: Phase, **changed: Any) -> UpdateState:
    return msgspec.structs.replace(state, trial=msgspec.structs.replace(_trial(state), phase=phase, **changed))


def _version(text: str) -> Version | None:
    try:
        return version_of(text) if text else None
    except ValueError:
        return None
