"""What is plugged into a bus beside the devices of the settings: strangers, and who may have taken whose place.

A stranger is said once, also over restarts (`probe_new`), and is not recorded until a point names it. Where one device
of the settings is missing and one stranger has just come, that is probably its replacement (`probe_swapped`).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from hal.driver import Found
from hal.sample import QUALITY_NAMES, Cycle, Notice, Sample

MEMORY: Final = "*"
"""The name under which a bus keeps what it said, among its devices' memory: no device is called so."""
REMEMBERED: Final = 100
MOST_TAKEN_BACK: Final = 1000
NEW_AN_HOUR: Final = 50
"""So many strangers are said in an hour: noise on a line makes new ones without end. The others are said later."""
HOUR_NS: Final = 3_600_000_000_000
RECENT_S: Final = 1800.0  # the kernel shows a probe for minutes after it was unplugged: who replaces it comes before

log = logging.getLogger(__name__)


class Stranger(msgspec.Struct, frozen=True):
    """A device that no point names."""

    found: Found
    since_ns: int
    """When it was first seen (monotonic)."""
    is_known: bool = False
    """Whether it was there before this start."""
    sample: Sample | None = None
    """What it measured last, where its bus can tell."""


class Surroundings:
    """Who is on one bus. `named` holds the devices of the settings with their points."""

    def __init__(self, bus: str, named: Mapping[str, Sequence[str]], memory: str | None) -> None:
        """Take back what was said before this start (`memory`); damaged text is ignored."""
        self._bus = bus
        self.named = named
        self._said = _taken_back(memory)
        self._said_ns: deque[int] = deque(maxlen=NEW_AN_HOUR)
        """When strangers were said, the last ones of them."""
        self._is_changed = False
        self._is_lost = False
        self.strangers: tuple[Stranger, ...] = ()
        """Replaced as a whole: any thread may read it."""
        self.missing: tuple[str, ...] = ()
        """Devices of the settings that the bus does not show."""

    def cycle(self, open_bus: Callable[[], Any], now_ns: int) -> Cycle | None:
        """Look around; return what is to be posted of it, None when nothing is new. Never raises."""
        try:
            handle = open_bus()
            notices = [*self.look(handle, now_ns), *self.of_bus(handle)]
        except OSError:
            return None  # no such bus: its devices say it
        except Exception:  # a bug here costs no reading
            log.exception("bus %s: looking around failed", self._bus)
            return None
        state = self.state()
        return Cycle(self._bus, now_ns, [], notices, {MEMORY: state} if state else None) if notices or state else None

    def of_bus(self, handle: Any) -> list[Notice]:
        """Return what the bus itself has to say and was not said before, in this start or an earlier one."""
        notices = getattr(handle, "notices", None)
        return [notice for notice in notices() if self._is_first(_key(notice))] if notices is not None else []

    def look(self, handle: Any, now_ns: int) -> list[Notice]:
        """Look around by the bus's handle (`hal.driver.Looks`); return what is new."""
        try:
            found = {each.device: each for each in handle.present()}
            strange = [device for device in found if device not in self.named]
            samples = {sample.point: sample for sample in handle.glance(strange)} if strange else {}
        except OSError as exc:
            if not self._is_lost:
                log.warning("bus %s can't be looked at: %s", self._bus, exc)
            self._is_lost = True
            return []
        self._is_lost = False
        before = {each.found.device: each for each in self.strangers}
        self.strangers = tuple(
            msgspec.structs.replace(
                before.get(device) or Stranger(found[device], now_ns, f"new {device}" in self._said),
                sample=samples.get(device) or (before[device].sample if device in before else None),
            )
            for device in strange
        )
        self.missing = tuple(device for device in self.named if device not in found)
        return self._news(now_ns)

    def state(self) -> str | None:
        """Return what was said so far, as JSON, when that changed since the last call."""
        if not self._is_changed:
            return None
        self._is_changed = False
        return msgspec.json.encode(self._said).decode()

    def status(self, now_ns: int) -> list[dict[str, Any]]:
        """Return the strangers for whoever asks: what to write to name one, how long it is here, what it measures."""
        told = []
        for each in self.strangers:
            words: dict[str, Any] = {
                "device": each.found.device, "driver": each.found.driver, "options": each.found.options,
                "since_s": round((now_ns - each.since_ns) / 1e9, 1), "value": None, "unit": each.found.unit,
                "quality": "", "reason": "",
            }  # fmt: skip
            if each.sample is not None:
                sample = each.sample
                words |= {"value": sample.value, "quality": QUALITY_NAMES[sample.quality], "reason": sample.reason}
            told.append(words)
        return told

    def _news(self, now_ns: int) -> list[Notice]:
        notices = []
        recent = [each for each in self.strangers if not each.is_known and now_ns - each.since_ns < RECENT_S * 1e9]
        swapped = recent[0].found.device if len(self.missing) == len(recent) == 1 else ""
        for each in self.strangers:
            device = each.found.device
            if f"new {device}" not in self._said and self._are_many(now_ns):
                continue
            is_new = self._is_first(f"new {device}")
            words = {"device": device, "driver": each.found.driver}
            if device == swapped and self._is_first(f"swap {self.missing[0]} {device}"):
                was = self.missing[0]
                notices += [Notice("probe_swapped", now_ns, {**words, "was": was}, point) for point in self.named[was]]
                self._said_ns.append(now_ns)
            elif is_new:
                self._said_ns.append(now_ns)
                notices.append(Notice("probe_new", now_ns, dict(words)))
        return notices

    def _is_first(self, key: str) -> bool:
        if key in self._said:
            return False
        self._said.append(key)
        if len(self._said) > REMEMBERED:  # those that are still there stay, or they would be said again and again
            there = {f"new {each.found.device}" for each in self.strangers}
            gone = next((said for said in self._said[:-1] if said not in there), "")
            self._said = [said for said in self._said if said != gone]
        self._is_changed = True
        return True

    def _are_many(self, now_ns: int) -> bool:
        return len(self._said_ns) == NEW_AN_HOUR and now_ns - self._said_ns[0] < HOUR_NS


def _key(notice: Notice) -> str:
    words = " ".join(str(value) for name, value in notice.values.items() if name != "count")
    return f"{notice.kind} {words}"


def _taken_back(memory: str | None) -> list[str]:
    try:
        return msgspec.json.decode(memory or "[]", type=list[str])[-MOST_TAKEN_BACK:]
    except (msgspec.MsgspecError, ValueError):
        return []
