"""A box from its start to its end: workers and API up; at the end outputs safe first, then the links' last words."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from edge.core.clock import Clock
from edge.links.mqtt import MqttLink
from edge.runtime.outputs import Outputs
from edge.runtime.sms_worker import SmsWorker
from edge.runtime.station import Question, Station
from edge.runtime.stores import LINKS, Stores
from edge.runtime.supervisor import Supervisor
from edge.store.writer import Writer
from edge.web.api import ApiServer

LAST_WORD_S: Final = 1.0  # what a link gets at the end to send the last batch and hear its acknowledgement
STATION_S: Final = 5.0


class Life:
    """Starts and ends what a box is made of. `moves` names the worker of simulated hardware, where there is one."""

    def __init__(
        self,
        supervisor: Supervisor,
        station: Station,
        clock: Clock,
        writer: Writer,
        outputs: Outputs,
        stores: Stores,
        links: Mapping[str, MqttLink | SmsWorker],
        waiting: Callable[[], int],
        *,
        api: ApiServer | None,
        moves: str | None,
    ) -> None:
        self._supervisor = supervisor
        self._station = station
        self._clock = clock
        self._writer = writer
        self._outputs = outputs
        self._stores = stores
        self._links = links
        self._waiting = waiting
        self._api = api
        self._api_thread: threading.Thread | None = None
        self._moves = moves

    def start(self) -> None:
        """Start all workers and the API. Raises OSError when the API's socket can't be had; nothing runs then."""
        if self._api is not None:
            try:
                self._api.open()
            except OSError:
                self._give_back()
                raise
        self._supervisor.start()
        if self._api is not None:
            self._api_thread = threading.Thread(target=self._api.run, name="api", daemon=True)
            self._api_thread.start()

    def is_alive(self, within_s: float) -> bool:
        """Return whether the station turns and the writer answers: what the watchdog is fed for."""
        now_s = time.monotonic()
        does_turn = self._supervisor.turned(self._station.name, now_s, within_s)
        return does_turn and now_s - self._writer.answered_s < within_s

    def stop(self, within_s: float, patience_s: float = 0.0) -> list[str]:
        """End everything in order; return the names of workers that did not come back.

        What the station and the writer still hold is nowhere else: a busy machine's station gets up to 5 s more, a slow
        card's writer `patience_s`.
        """
        end_s = time.monotonic() + within_s
        # the station hears of it first, or it would find its outputs other than it left them
        now_ms = self._clock.monotonic_ns() // 1_000_000
        self._station.post(Question(lambda engine: engine.rest(now_ms), lambda _: None))
        self._outputs.rest()
        if self._api is not None:
            self._api.close()
        before = {link.name: self._last_word(end_s) for link in self._links.values()}
        if self._moves is not None:
            before[self._moves] = self._outputs.close  # while there still are pins to switch off
        patience = {self._station.name: min(patience_s, STATION_S), self._writer.name: patience_s}
        left = self._supervisor.stop(within_s, before, patience)
        if self._api_thread is not None:
            self._api_thread.join(max(0.0, end_s - time.monotonic()))
        self._give_back()
        return left

    def _give_back(self) -> None:
        self._outputs.close()
        self._stores.close()

    def _last_word(self, end_s: float) -> Callable[[], None]:
        """Return what lets a link send and hear about the last batch before it ends, if there is time."""

        def wait() -> None:
            until_s = min(time.monotonic() + LAST_WORD_S, end_s - 0.3)
            pause = threading.Event()
            while (
                time.monotonic() < until_s
                and self._waiting()
                and any(
                    link.status()["state"] == "up" for link in self._links.values() if link.name in LINKS["records"]
                )
            ):
                pause.wait(0.02)

        return wait
