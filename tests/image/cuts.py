"""One run of a card, and the card as a power cut at any moment of it would have left it.

QEMU lays a new layer over the card and leaves the one below as it is at that moment: what the guest has handed to its
disk by then, as with the end of QEMU by SIGKILL. So twenty cuts of an update cost one update.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from image.card.host import run
from tests.image.emulated import Card, CardError


class Cuts:
    """The moments of one run of a card on the board `virt`; made before the card is started."""

    def __init__(self, card: Card, folder: Path) -> None:
        """The layers lie in folder."""
        self._folder = folder
        self._layers = [card.path]
        self._control = folder / "control.sock"
        card.arguments += ["-qmp", f"unix:{self._control},server=on,wait=off"]

    def __len__(self) -> int:
        """Return how many moments there are; the last one is the end of the run."""
        return len(self._layers)

    def keep(self) -> None:
        """Keep the card as it is now. Raises CardError where QEMU does not; OSError where it has ended."""
        layer = self._folder / f"{len(self._layers)}.qcow2"
        self._order("blockdev-snapshot-sync", {"device": "card", "snapshot-file": str(layer), "format": "qcow2"})
        self._layers.append(layer)

    def card(self, moment: int, target: Path) -> Path:
        """Write the card as it was at this moment, -1: at the end. The run must be over. Raises StepError."""
        kind = "raw" if self._layers[moment] == self._layers[0] else "qcow2"
        run("qemu-img", "convert", "-f", kind, "-O", "raw", self._layers[moment], target)
        return target

    def _order(self, name: str, words: dict[str, Any]) -> None:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(30)
            line.connect(str(self._control))
            with line.makefile("rwb") as control:
                control.readline()  # what QEMU says first
                for order in ({"execute": "qmp_capabilities"}, {"execute": name, "arguments": words}):
                    control.write(json.dumps(order).encode() + b"\n")
                    control.flush()
                    while True:
                        answer = json.loads(control.readline() or b'{"error": "QEMU has ended"}')
                        if "error" in answer:
                            raise CardError(f"{name}: {answer['error']}")
                        if "return" in answer:
                            break
