"""What is not as it was at the last start: settings, devices, calibrations. Told in the journal, kept in the notebook.

The first start has nothing to compare with and tells nothing.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from edge.core.notes import Baseline, Calibration, Device, Moment
from edge.core.types import Event, PointSpec
from edge.settings.flat import changes, flat
from edge.settings.model import Settings
from edge.settings.specs import specs
from edge.store.notebook import Notebook

MOST_CHANGES: Final = 40  # told one by one; the rest is counted
LARGEST: Final = 16 << 20  # octets of settings unpacked


class Compared(msgspec.Struct, frozen=True):
    """Events to tell, and what the notebook is to hold once they are durable."""

    events: list[Event]
    baseline: Baseline
    devices: list[Device]
    calibrations: dict[str, list[Calibration]]

    def accept(self, notebook: Notebook) -> None:
        """Make this start the one that the next is compared with."""
        notebook.set_baseline(self.baseline)
        notebook.put_devices(self.devices)
        notebook.put_calibrations(self.calibrations)


def compared(
    notebook: Notebook, settings: Settings, now: Moment, registers: Mapping[str, Any], *, author: str = "file"
) -> Compared:
    """Compare these settings with the notebook; `registers` are the records log's, where devices say their number.

    `author` had the settings read again; at a start it is the file itself.
    """
    events: list[Event] = []
    before = notebook.baseline()
    values = flat(settings)
    baseline = packed(values)
    if before is not None and before.digest != baseline.digest:
        events += _changed(unpacked(before), values, now, author)
    devices = _devices(notebook, settings, now, registers, events)
    calibrations = _calibrations(notebook, settings, now, events)
    return Compared(events, baseline, devices, calibrations)


def packed(values: Mapping[str, Any]) -> Baseline:
    """Return the settings of a start as the notebook keeps them."""
    body = msgspec.json.encode(values, order="deterministic")
    return Baseline(hashlib.sha256(body).hexdigest(), base64.b64encode(zlib.compress(body, 9)).decode())


def unpacked(baseline: Baseline) -> dict[str, Any]:
    """Return them key by key; nothing where they can't be read."""
    try:
        body = zlib.decompressobj().decompress(base64.b64decode(baseline.packed), LARGEST)
        return msgspec.json.decode(body, type=dict[str, Any])
    except (ValueError, zlib.error):
        return {}


def _changed(before: dict[str, Any], after: dict[str, Any], now: Moment, author: str) -> list[Event]:
    found = changes(before, after) if before else []
    events = []
    for change in found[:MOST_CHANGES]:
        values: dict[str, Any] = {"key": change.key, "author": author}
        if change.before is not None:
            values["before"] = change.before
        if change.after is not None:
            values["after"] = change.after
        events.append(Event("settings_changed", now.at_ms, "", values))
    more = len(found) - MOST_CHANGES
    if more > 0 or not before:
        values = {"key": "", "author": author, **({"more": more} if more > 0 else {})}
        events.append(Event("settings_changed", now.at_ms, "", values))
    return events


def _devices(
    notebook: Notebook, settings: Settings, now: Moment, registers: Mapping[str, Any], events: list[Event]
) -> list[Device]:
    known = {device.id: device for device in notebook.inventory()}
    present: dict[str, Device] = {}
    for entry in settings.points:
        bus, driver = entry.point.bus, entry.point.driver
        key = f"{bus}/{entry.device}"
        old = known.get(key)
        points = [*present[key].points, entry.point.id] if key in present else [entry.point.id]
        serial = serial_of(registers.get(f"device/{key}")) or (old.serial if old else "")
        present[key] = Device(
            key, bus, settings.buses[bus][0], driver, entry.device, points,
            old.first if old else now, serial, old.last if old else None,
        )  # fmt: skip
    changed = list(present.values())
    for key, device in sorted(present.items()):
        if known and (key not in known or known[key].gone is not None):
            events.append(_of_device("device_added", device, now))
    for key, old in known.items():
        if key not in present:
            changed.append(old if old.gone is not None else msgspec.structs.replace(old, gone=now))
            if old.gone is None:
                events.append(_of_device("device_removed", old, now))
    return changed


def _of_device(kind: str, device: Device, now: Moment) -> Event:
    values = {"bus": device.bus, "device": device.device, "driver": device.driver, "serial": device.serial}
    return Event(kind, now.at_ms, "", {name: value for name, value in values.items() if value})


def serial_of(memory: Any) -> str:
    """Return the number that a device says of itself, from its driver's memory; "" when it says none."""
    if not isinstance(memory, str):
        return ""
    try:
        said = msgspec.json.decode(memory)
    except msgspec.DecodeError:
        return ""
    if not isinstance(said, dict):
        return ""
    return next((said[name] for name in ("serial", "identity") if isinstance(said.get(name), str)), "")


def _calibrations(
    notebook: Notebook, settings: Settings, now: Moment, events: list[Event]
) -> dict[str, list[Calibration]]:
    known = notebook.calibrations()
    changed = {}
    for spec in specs(settings)[0]:
        if spec.kind in {"state", "text"}:
            continue
        entries = known.get(spec.id, [])
        entry = calibration_of(spec, now)
        if entries and msgspec.structs.replace(entry, since=entries[-1].since) == entries[-1]:
            continue
        changed[spec.id] = [*entries, entry]
        if entries:
            events.append(Event("calibration", now.at_ms, spec.id, _differing(entries[-1], entry)))
    return changed


def calibration_of(spec: PointSpec, since: Moment) -> Calibration:
    """Return how a point's readings are scaled."""
    is_pulses = spec.kind == "counter" and spec.volatile
    return Calibration(since, spec.scale, spec.offset, spec.unit, spec.scale if is_pulses else None)


def _differing(before: Calibration, after: Calibration) -> dict[str, Any]:
    """Return each figure that differs, as it was and as it is."""
    values: dict[str, Any] = {}
    scale = "scale" if after.pulse_weight is None else "pulse_weight"
    for name in (scale, "offset", "unit"):
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            values |= {f"{name}_{when}": value for when, value in (("was", was), ("is", now)) if value is not None}
    return values
