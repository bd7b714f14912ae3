"""The parts of a box, each made from its settings and from what the stores remember."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

from edge.core.clock import Clock, is_dated
from edge.core.engine import Engine
from edge.core.other_units import in_new_units
from edge.core.outputs import OutputList
from edge.links.mqtt import MqttLink
from edge.links.paho_connection import PahoConnection, target
from edge.links.retained import Feed
from edge.runtime.bus import BusWorker
from edge.runtime.device import DeviceSpec, device_specs
from edge.runtime.other_forms import engine_from
from edge.runtime.stores import Stores
from edge.settings.alarm_rules import alarm_rules
from edge.settings.model import MqttLink as MqttSettings
from edge.settings.model import Settings
from edge.settings.site_parts import site_parts
from edge.settings.specs import output_specs, specs
from edge.store.historian import Historian
from edge.store.history import History
from edge.store.history_opening import Tell
from hal.buses import LOOK_S, close_bus, open_bus
from hal.host import Figure, Host
from hal.sample import Cycle

SPREAD_S = 60  # over which the boxes of a site write their history, by their ids


def bus_of(
    settings: Settings,
    name: str,
    registers: Mapping[str, Any],
    clock: Clock,
    simulated: Mapping[str, Any],
    *,
    post: Callable[[Cycle], None],
    offset_ms: Callable[[], int],
    guests: Mapping[str, Sequence[DeviceSpec]],
) -> BusWorker:
    """Return the worker of one bus; `simulated` holds handles of simulated ones.

    `registers` are those of the records' log, where devices remember. `guests`: by bus, devices that are no point's.
    """
    kind, options = settings.buses[name]
    prefix = f"device/{name}/"
    memory = {key[len(prefix) :]: state for key, state in registers.items() if key.startswith(prefix)}
    is_simulated = name in simulated
    return BusWorker(
        name,
        [*device_specs(settings, name), *guests.get(name, ())],
        clock=clock,
        post=post,
        open_handle=(lambda: simulated[name]) if is_simulated else (lambda: open_bus(kind, options)),
        close_handle=(lambda _handle: None) if is_simulated else (lambda handle: close_bus(kind, handle)),
        memory=memory,
        offset_ms=offset_ms,
        look_s=LOOK_S.get(kind, 0.0),
    )


def own_figures(
    settings: Settings, boot: int, *, buses: Callable[[], Sequence[BusWorker]], waiting: Callable[[], int]
) -> dict[str, Figure]:
    """Return what the station knows of itself, for the points of a bus of kind box."""

    def errors_of(name: str) -> float | None:
        return next((bus.errors() for bus in buses() if bus.bus == name), None)

    return {
        "buffer": lambda: waiting() if settings.links.mqtt else None,
        "starts": lambda: boot,
        **{f"errors/{name}": partial(errors_of, name) for name in settings.buses},
    }


def own_handles(settings: Settings, simulated: Mapping[str, Any], figures: Mapping[str, Figure]) -> dict[str, Host]:
    """Return the handles of buses of kind box: this machine, or the simulated one, with the station's figures."""
    names = [name for name, (kind, _options) in settings.buses.items() if kind == "box"]
    return {name: Host(simulated[name].root if name in simulated else Path("/"), figures) for name in names}


def engine_of(settings: Settings, stores: Stores, clock: Clock, *, was_cut: bool) -> Engine:
    """Return the engine, its counters and alarms where the stores remember them."""
    points, limits = specs(settings)
    now_ms = clock.monotonic_ns() // 1_000_000
    utc_offset_ms = clock.utc_ms() - now_ms
    converted = in_new_units(stores.recalled.records, points, limits)

    def make(saved: Mapping[str, Any], saved_events: Mapping[str, Any]) -> Engine:
        return Engine(
            points,
            limits,
            boot=clock.boot,
            now_ms=now_ms,
            utc_offset_ms=utc_offset_ms,
            is_dated=is_dated(clock.trust()),
            zone=ZoneInfo(settings.site.tz),
            saved=saved,
            saved_events=saved_events,
            power_cut=was_cut,
            outputs=OutputList(
                output_specs(settings), boot=clock.boot, now_ms=now_ms,
                saved=saved_events.get("outputs"), utc_of=stores.dating().utc_ms, utc_offset_ms=utc_offset_ms,
            ),
            parts=site_parts(settings, saved, saved_events),
            alarm_rules=alarm_rules(settings),
        )  # fmt: skip

    engine, left = engine_from(make, {**stores.recalled.records, **converted}, stores.recalled.events)
    stores.records.forget(left[0])
    stores.events.forget(left[1])
    engine.untaken.registers.update(converted)  # with the first commit: until then the next start does it again
    for point in stores.recalled.doubtful(clock.boot):
        if point in engine.points:
            engine.points[point].mark_first("power_cut")
    return engine


def historian_of(
    settings: Settings, history: History, clock: Clock, *, tell: Tell, want_clock: Callable[[int], None]
) -> Historian:
    """Return the worker that fills history."""
    return Historian(
        history,
        clock,
        raw_days=settings.history.raw_days,
        max_mb=settings.history.max_mb,
        tell=tell,
        want_clock=want_clock,
        spread_s=30.0 + crc32(settings.box.id.encode()) % SPREAD_S,
    )


def mqtt_link_of(settings: Settings, mqtt: MqttSettings, feed: Feed) -> MqttLink:
    """Return the link to a broker."""
    connection = PahoConnection(target(mqtt, settings.box.id))
    return MqttLink(mqtt, connection, feed, random.Random())  # noqa: S311 - spreads reconnects, guards nothing
