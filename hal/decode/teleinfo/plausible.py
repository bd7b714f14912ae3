"""Whether a frame's values can be believed: each against the meter's state, and against the others of its frame.

The checksum alone lets 33 to 50 of 49 damaged groups through in well-known readers. Here an identifier, a word or an
index is good only when the next frame agrees; three consistent frames against the state replace it, and say so.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hal.decode.teleinfo import fields
from hal.decode.teleinfo.agreement import doubtful
from hal.decode.teleinfo.frames import FrameEnd
from hal.decode.teleinfo.groups import Group
from hal.decode.teleinfo.labels import Mode
from hal.decode.teleinfo.memory import Memory, remembered
from hal.decode.teleinfo.registers import Conditions, Register
from hal.decode.teleinfo.slots import FRAMES_TO_CONFIRM, FRAMES_TO_REPLACE, Clock, Instant, Line, Shown, Steady

IDENTITY: Final = ("ADCO", "ADSC", "ADS")
CAP_VA: Final[dict[Mode, float]] = {"historique": 62_000.0, "standard": 62_000.0, "pmepmi": 10e6}  # 3 × 90 A × 230 V
LONGEST_FRAME: Final[dict[Mode, int]] = {"historique": 350, "standard": 1750, "pmepmi": 1100}
"""Octets of the longest frame of each mode, and a fifth more."""
OVERLOAD: Final[dict[Mode, float]] = {"historique": 1.5, "standard": 1.5, "pmepmi": 4.0}
"""Of the subscribed power: a breaker lets 1.3 × pass a while; a PME/PMI meter has none: what is beyond is billed."""
Slot = Steady | Instant | Register | Clock
NAMELESS: Final = 20
"""Frames of a meter that changed its mode whose registers wait for its number: it may be another meter."""
_INJECTED: Final = frozenset({"EAIT", "ERQ1", "ERQ2", "ERQ3", "ERQ4"})
_TARIFF: Final = {"EAP_s2": "PTCOUR2"}  # whose register an index is: the running tariff's


class Change(msgspec.Struct, frozen=True):
    """The state was replaced: another meter, or a register that started anew. `label` says by what it was seen."""

    label: str
    before: str
    after: str


class Judge:
    """One meter's state. `frame` takes what the decoder gives; `shown` tells what to believe of a label."""

    def __init__(self, memory: Memory | None = None) -> None:
        memory = memory or Memory()
        self.mode: Mode | None = memory.mode
        self.line = Line()
        self._other_mode = 0  # frames running in another mode
        self._slots: dict[str, Slot] = {}
        self._identities: dict[str, Steady] = {}
        self._instants: dict[str, Instant] = {}
        self._registers: list[Register] = []
        self._keys: dict[str, str] = {}  # PME/PMI: index label -> the register it is now
        self._drawn_va: tuple[int | None, ...] = (None, None, None)  # last three frames
        self._injected_va: tuple[int | None, ...] = (None, None, None)
        self._subscription: Steady | None = None
        self._end_ms = 0.0
        self._number = b""  # the identifier of the last frame that had one
        self._former = ""  # number of the meter that spoke in another mode before, until this one's is known
        self._nameless = 0  # frames since then
        if self.mode is not None:
            self._recall(memory)

    def frame(self, end: FrameEnd) -> list[Change]:
        """Take a frame; return what was replaced by it."""
        if end.mode != self.mode and not self._is_believed_mode(end.mode):
            return []
        if end.mode == "pmepmi" and not self._identities and all(group.label != "ADS" for group in end.groups):
            return []  # an ICE meter has labels in common with it, but not this one
        self._end_ms = end.t_ms
        self._other_mode = 0
        if self.line.refuted:
            self.line.frame()
        known = [(label, slot, slot.good) for label, slot in self._identities.items()]
        slots = self._slots
        per_tariff = end.mode == "pmepmi"
        is_one = not end.rejected or _is_one_frame(end)
        for group in end.groups:
            slot = slots.get(group.label)
            if slot is None or (per_tariff and group.spec.role == "index"):
                slot = self._slot(group, end)
                if slot is None:
                    continue
            if is_one or not isinstance(slot, Steady):
                slot.see(group, end)
        changes = [change for label, slot, before in known for change in self._renamed(label, slot, before)]
        if changes:
            for register in self._registers:
                register.forget()
        is_this_meter = not any(
            slot.latest is not None and slot.good is not None and slot.end is end for _, slot, _ in known
        )
        self._compare(end, is_this_meter=self._is_same_number(end))
        self._nameless += 1
        if not self._former or self._nameless > NAMELESS:
            self._former = ""
            self._judge_registers(end, changes, is_this_meter=is_this_meter)
        return changes

    def _renamed(self, label: str, slot: Steady, before: Group | None) -> list[Change]:
        """Return what a confirmed identifier says: another meter than before this frame, or before its mode changed."""
        after = slot.good
        if after is None:
            return []
        was = self._former if before is None else str(before.value)
        self._former = ""
        return [Change(label, was, str(after.value))] if was and str(after.value) != was else []

    def shown(self, label: str, tariff: str = "") -> Shown | None:
        """Return what is believed of a label; None when it never came. `tariff`: of a PME/PMI meter's index."""
        key = f"{label}@{tariff}" if tariff else self._keys.get(label, label)
        slot = self._slots.get(key)
        if slot is None:
            return None
        if tariff and isinstance(slot, Register) and slot.good is not None and self._keys.get(label, key) != key:
            # It stands still while another tariff runs. As remembered, it may have moved while nobody looked.
            return Shown(slot.good, self._end_ms, "" if slot.good_ms is not None else "unconfirmed")
        return slot.shown()

    def cap_va(self) -> float:
        """Return the most that this connection carries, an overload included."""
        return CAP_VA["historique"] if self.mode is None else self._subscribed(self.mode) * OVERLOAD[self.mode]

    def confirms(self, group: Group, t_ms: float) -> bool:
        """Say whether that group of the frame that ended then is good by what came since."""
        slot = self._slots.get(self._keys.get(group.label, group.label))
        return slot is not None and slot.confirms(group, t_ms)

    def doubt(self, label: str) -> str:
        """Return why the label's latest value is not good."""
        shown = self.shown(label)
        return shown.doubt if shown is not None and shown.doubt else "unconfirmed"

    def clock_s(self) -> tuple[int, float, int] | None:
        """Return the meter's own time (seconds since 1970), when it was (our ms) and its offset (ms) if trusted."""
        slot = self._slots.get("DATE")
        if not isinstance(slot, Clock) or slot.seconds is None or slot.end is None or slot.group is None:
            return None
        is_dated = slot.group.spec.mode == "standard" and not slot.doubt and not slot.group.degraded
        return (slot.seconds, slot.end.t_ms, fields.offset_ms(slot.group)) if is_dated else None

    def date_s(self, end: FrameEnd) -> int | None:
        """Return what this frame's DATE says (seconds since 1970), right or degraded; None unless it was confirmed."""
        slot = self._slots.get("DATE")
        return slot.seconds if isinstance(slot, Clock) and slot.end is end and not slot.doubt else None

    def shape(self) -> tuple[object, ...]:
        """Return what changes when `memory` is another meter's or has a register more: its mode, numbers, registers."""
        known = sum([register.good is not None for register in self._registers])
        return (self.mode, known, *[slot.good and slot.good.raw for slot in self._identities.values()])

    def memory(self) -> Memory:
        """Return what should survive a restart."""
        identity = {label: str(slot.good.value) for label, slot in self._identities.items() if slot.good is not None}
        indexes = {
            key: int(slot.good.value)
            for key, slot in self._slots.items()
            if isinstance(slot, Register) and slot.good is not None and slot.good.spec.role == "index"
        }
        return Memory(self.mode, identity, indexes)

    def _is_believed_mode(self, mode: Mode) -> bool:
        """Say whether to take this frame: the first mode at once, another one from its third frame running."""
        self._other_mode += 1
        if self.mode is not None and self._other_mode < FRAMES_TO_REPLACE:
            return False
        self.mode = mode
        self._former = next((str(slot.good.value) for slot in self._identities.values() if slot.good), self._former)
        self._nameless = 0
        self._slots.clear()
        self._subscription = None
        self._identities.clear()
        self._instants.clear()
        self._registers.clear()
        self._keys.clear()
        return True

    def _slot(self, group: Group, end: FrameEnd) -> Slot | None:
        """Return the label's slot, made at its first coming; None when its register cannot be told."""
        key = group.label
        role = group.spec.role
        if group.spec.mode == "pmepmi" and role == "index":
            wanted = _TARIFF.get(group.label, "PTCOUR1")
            tariff = next((str(other.value) for other in end.groups if other.label == wanted), "")
            if not tariff:
                return None
            key = f"{group.label}@{tariff}"
            self._keys[group.label] = key
            if key in self._slots:
                return self._slots[key]
        return self._made(key, role, group.unit)

    def _made(self, key: str, role: str, unit: str) -> Slot:
        slot: Slot
        match role:
            case "index" | "tally":
                to_replace = FRAMES_TO_REPLACE if role == "index" else FRAMES_TO_CONFIRM
                slot = Register(self.line, 1000 if unit.startswith("k") else 1, to_replace)
                self._registers.append(slot)
            case "instant":
                slot = self._instants[key] = Instant()
            case "clock":
                slot = Clock()
            case "id":
                slot = Steady(self.line, FRAMES_TO_REPLACE)
                if key in IDENTITY:
                    self._identities[key] = slot
            case _:
                slot = Steady(self.line)
                if key in ("ISOUSC", "PREF", "PS"):
                    self._subscription = slot
        self._slots[key] = slot
        return slot

    def _recall(self, memory: Memory) -> None:
        """Put the remembered identity and indexes into their slots."""
        for key, group in remembered(memory):
            slot = self._made(key, group.spec.role, group.spec.unit)
            if isinstance(slot, Steady | Register):
                slot.good = group

    def _is_same_number(self, end: FrameEnd) -> bool:
        """Say whether the frame is of the meter of the frame before, or of the confirmed one: two may share a line."""
        number = next((group.raw for group in end.groups if group.label in self._identities), b"")
        before, self._number = self._number, number or self._number
        if not number or not before or number == before:
            return True
        return any(slot.good is not None and slot.good.raw == number for slot in self._identities.values())

    def _compare(self, end: FrameEnd, *, is_this_meter: bool) -> None:
        """Judge the momentary values and the clock of this frame."""
        instants = self._instants
        values: dict[str, Any] = {label: slot.group.value for label, slot in instants.items() if slot.end is end}
        if end.mode == "standard":
            for label in ("UMOY1", "UMOY2", "UMOY3"):
                mean = self._slots.get(label)
                if isinstance(mean, Steady) and mean.good is not None:
                    values[label] = mean.good.value
        doubts = doubtful(values, end.mode)
        for label in doubts:
            instants[label].doubt = "inconsistent"
        if not is_this_meter:
            for slot in instants.values():
                slot.doubt = (slot.doubt or "unconfirmed") if slot.end is end else slot.doubt
        power = "SINSTS" if end.mode == "standard" else "PAPP"
        self._drawn_va = (*self._drawn_va[1:], None if power in doubts else values.get(power))
        if "SINSTI" in values:
            self._injected_va = (*self._injected_va[1:], None if "SINSTI" in doubts else values["SINSTI"])
        date = self._slots.get("DATE")
        if isinstance(date, Clock) and date.end is end and date.group is not None:
            date.tell(fields.clock_s(date.group))

    def _judge_registers(self, end: FrameEnd, changes: list[Change], *, is_this_meter: bool) -> None:
        is_clean = len(end.rejected) <= max(1, len(end.groups) // 10)
        cap_va = self._subscribed(end.mode) * OVERLOAD[end.mode]
        drawn = Conditions(end, is_clean, is_this_meter, cap_va, *_range_va(self._drawn_va))
        drawn.cap_va = max(cap_va, 1.3 * (drawn.high_va or 0.0))
        # What a site may inject has nothing to do with what it subscribed.
        injected = drawn
        if end.mode == "standard":
            injected = Conditions(end, is_clean, is_this_meter, CAP_VA[end.mode], *_range_va(self._injected_va))
        for register in self._registers:
            new = register.new
            if new is None or register.end is not end:
                continue
            replaced = register.judge(new, injected if new.label in _INJECTED else drawn)
            if replaced is not None and new.spec.role == "index" and not changes:
                changes.append(Change(new.label, str(replaced.value), str(new.value)))

    def _subscribed(self, mode: Mode) -> float:
        """Return the subscribed power in VA as far as it is confirmed, else the most that a connection carries."""
        slot = self._subscription
        if slot is None or slot.good is None:
            return CAP_VA[mode]
        value = int(slot.good.value)
        if slot.good.unit == "A":
            value *= 690 if "IINST1" in self._instants else 230
        else:
            value *= 1000
        return value or CAP_VA[mode]


def _is_one_frame(end: FrameEnd) -> bool:
    """Say whether this is surely not the rest of one frame with the begin of the next, whose marks were both hit.

    What such a frame says is true, and some of it a frame older than its date: a word that just changed would stand
    again for what it was before.
    """
    octets = sum([len(group.raw) + 2 for group in end.groups]) + sum(
        [len(found.raw) + 2 for found in (*end.rejected, *end.own)]
    )
    is_clean = len(end.rejected) <= max(1, len(end.groups) // 10)
    return (end.complete or is_clean) and octets <= LONGEST_FRAME[end.mode]


def _range_va(powers: tuple[int | None, ...]) -> tuple[float | None, float | None]:
    """Return least and most of the last three frames' powers; None unless the last two say theirs."""
    first, second, third = powers
    if second is None or third is None:
        return None, None
    low_va, high_va = (second, third) if second < third else (third, second)
    return (low_va, high_va) if first is None else (min(low_va, first), max(high_va, first))
