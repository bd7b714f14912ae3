"""autoboot.txt, by which the Raspberry Pi's firmware chooses the boot partition: which system starts, which is tried.

Raspberry Pi documentation, autoboot.txt: at most 512 octets; `[all]` is what an ordinary start takes, `[tryboot]` what
one start takes after `reboot "0 tryboot"`. The file here is exactly one sector: it is overwritten in its place, and a
sector is written whole or not at all.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

SECTOR: Final = 512
Slot = Literal["a", "b"]
SLOTS: Final[tuple[Slot, Slot]] = ("a", "b")
PARTITIONS: Final[dict[Slot, int]] = {"a": 2, "b": 3}
"""The boot partition of each slot: the FAT with kernel, initramfs and command line."""
_SECTION: Final = re.compile(r"\[(\w+)\]")
_PARTITION: Final = re.compile(r"boot_partition=(\d+)")
_NOTE: Final = "# Written by vigie in one sector, in its place. Which system starts; [tryboot]: which is tried once.\n"


class Autoboot(msgspec.Struct, frozen=True):
    """Which slot starts, and which one a try takes; they are the same while there is nothing to try."""

    primary: Slot
    tried: Slot

    def with_tried(self, slot: Slot) -> Autoboot:
        """Return it with this slot to be tried once."""
        return Autoboot(self.primary, slot)

    def without(self, slot: Slot) -> Autoboot:
        """Return it with nothing that leads to this slot. Raises ValueError for the one that starts: nothing would."""
        if slot == self.primary:
            raise ValueError(f"slot {slot} is the one that starts; another must be committed first")
        return Autoboot(self.primary, self.primary)

    def committed(self, slot: Slot) -> Autoboot:
        """Return it with this slot as the one that starts; the one before stays for a try."""
        return self if slot == self.primary else Autoboot(slot, self.primary)

    def leads_to(self, slot: Slot) -> bool:
        """Return whether an ordinary start or a try takes this slot."""
        return slot in {self.primary, self.tried}


def other(slot: Slot) -> Slot:
    """Return the other slot."""
    return "b" if slot == "a" else "a"


def octets(autoboot: Autoboot) -> bytes:
    """Return the file, one sector."""
    text = (
        f"[all]\ntryboot_a_b=1\nboot_partition={PARTITIONS[autoboot.primary]}\n"
        f"[tryboot]\nboot_partition={PARTITIONS[autoboot.tried]}\n{_NOTE}"
    )
    return (text + "#" * (SECTOR - len(text) - 1) + "\n").encode("ascii")


def parsed(text: bytes) -> Autoboot:
    """Return what a file says. Raises ValueError, naming what is missing or wrong."""
    found: dict[str, Slot] = {}
    section = "all"
    for line in text.decode("ascii", "replace").splitlines():
        words = line.partition("#")[0].strip()
        if head := _SECTION.fullmatch(words):
            section = head[1]
        elif number := _PARTITION.fullmatch(words):
            slot = next((slot for slot, partition in PARTITIONS.items() if partition == int(number[1])), None)
            if slot is None:
                raise ValueError(f"autoboot.txt names boot partition {number[1]}; there are 2 and 3")
            found[section] = slot
    if "all" not in found:
        raise ValueError("autoboot.txt names no boot partition under [all]")
    return Autoboot(found["all"], found.get("tryboot", found["all"]))
