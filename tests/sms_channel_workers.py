"""What moves a box of `tests.sms_channel_rig` in virtual time: the buses that are read, the network and the phones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge.core.types import NEVER
from hal.sample import BAD, GOOD, Cycle, Sample
from sms.gsm7 import MESSAGE, septets

if TYPE_CHECKING:
    from tests.sms_channel_rig import Phoned

GATEWAY: Final = "+33600000100"


class Reading:
    """A worker: the buses."""

    name = "buses"

    def __init__(self, box: Phoned) -> None:
        self._box = box

    def step(self, now_s: float) -> float:
        """Read all points."""
        now_ns = self._box.clock.now_ns
        samples = [
            Sample(point, now_ns, value, BAD if value is None else GOOD, "no_answer" if value is None else "")
            for point, value in self._box.values.items()
        ]
        if samples:
            self._box.station.post(Cycle("w1", now_ns, samples))
        return now_s + self._box.reads_s

    def filenos(self) -> list[int]:
        """There is no socket."""
        return []

    def close(self) -> None:
        """Nothing is open."""


class Network(Reading):
    """A worker: texts arrive on phones, what is sealed at the gateway."""

    name = "network"

    def step(self, now_s: float) -> float:
        """Carry what waits."""
        box = self._box
        while (message := box.mailbox.leave()) is not None:
            if message.octets:
                for octets in box.gateway.take(message.octets, box.clock.utc_ms() // 1000):
                    box.mailbox.bring(GATEWAY, octets=octets)
            else:
                assert septets(message.text) <= MESSAGE
                box.texts.append((message.number, message.text))
        return NEVER
