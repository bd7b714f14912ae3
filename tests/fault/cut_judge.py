"""What a power cut may leave of a box's store, given what was claimed before: all of it, each number once, no alarm."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Final

import msgspec

from tests.disks import clone, make_ext4, mounted
from tests.fault import cut_store
from tests.fault.cut_store import Claim, Found, Kept
from tests.fault.cuts import DISK_MIB, Tally, claiming, cut_at_random

CUTS_A_LIFE: Final = 4
Entries = dict[int, tuple[int, int]]


class Judge:
    """Remembers what a store held when a life of it began, and counts what a cut breaks of that and of its claims."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.torn = 0
        """Cuts whose last frame was torn: declared as a gap of numbers that were never claimed."""
        self.false_alarms = 0
        """Cuts after which damage of the notebook was said although nothing was lost."""
        self._seen: dict[str, Entries] = {"records": {}, "events": {}}

    def look(self, folder: Path, claim: Claim, *, goes_on: bool) -> Found | None:
        """Judge what a cut left; `goes_on` says that the store lives on from there, so that all it shows now counts."""
        tally = self.tally
        tally.cuts += 1
        try:
            found = cut_store.found(folder)
        except Exception as exc:  # noqa: BLE001 - a store that can't be opened is what is looked for
            tally.unreadable += 1
            tally.losing += 1
            tally.found.append(f"{type(exc).__name__}: {exc}")
            return None
        faults = [
            *self._faults("records", found.records, claim.records, claim.cursor),
            *self._faults("events", found.events, claim.events, 0),
        ]
        if not claim.note <= found.note <= claim.note + 1:
            faults.append(f"the notebook says {found.note}, claimed was {claim.note}")
            tally.lost += 1
        if found.history < claim.history:
            faults.append(f"history ends at {found.history}, claimed was {claim.history}")
            tally.lost += claim.history - found.history
        faults += found.faults
        tally.losing += bool(faults)
        tally.found += faults
        self.torn += bool(found.records.gaps or found.events.gaps)
        self.false_alarms += bool(found.damage)
        if goes_on:
            self._seen = {"records": found.records.entries, "events": found.events.entries}
        return found

    def _faults(self, name: str, kept: Kept, claimed: int, cursor: int) -> list[str]:
        faults = []
        expected = range(kept.first, claimed + 1)
        self.tally.claimed += len(expected)
        if missing := [seq for seq in expected if seq not in kept.entries]:
            self.tally.lost += len(missing)
            faults.append(f"{name}: {len(missing)} of {len(expected)} claimed are missing, the first {missing[0]}")
        seen = self._seen[name]
        if twice := [seq for seq, entry in kept.entries.items() if seen.get(seq, entry) != entry or entry[1] != seq]:
            self.tally.twice += len(twice)
            faults.append(f"{name}: {len(twice)} numbers hold another entry than before, the first {twice[0]}")
        if not kept.index <= kept.next - 1 or kept.index < claimed:
            faults.append(f"{name}: the register stands at {kept.index}, claimed {claimed}, next {kept.next}")
        if not cursor <= kept.cursor < kept.next:
            faults.append(f"{name}: the cursor stands at {kept.cursor}, claimed {cursor}, next {kept.next}")
        return faults


def store_cuts(folder: Path, cuts: int, seed: int = 1) -> Judge:
    """Cut the power of a store so many times; after some cuts it lives on from what was left, over and over."""
    dice, judge, life = Random(seed), Judge(), 0
    image, copy, start = (folder / f"{name}.ext4" for name in ("disk", "cut", "start"))
    make_ext4(start, DISK_MIB)
    while judge.tally.cuts < cuts:
        life += 1
        clone(start, image)
        with (
            mounted(image, folder / "disk") as disk,
            claiming("-m", "tests.fault.cut_store", str(life), str(disk.folder)) as writer,
        ):
            writer.await_claim()
            for number in range(CUTS_A_LIFE):
                claims = cut_at_random(writer, image, copy, dice, 0.6)
                claim = msgspec.json.decode(writer.lines[claims - 1], type=Claim)
                goes_on = number == CUTS_A_LIFE - 1
                if goes_on:
                    clone(copy, start)
                with mounted(copy, folder / "cut") as cut:
                    judge.look(cut.folder, claim, goes_on=goes_on)
    return judge
