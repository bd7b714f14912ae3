"""A box overseas takes its time from a meter that tells the local one there."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from edge.core.clock import Dating
from edge.core.engine import Engine
from edge.core.overseas import ZONES, as_there
from edge.runtime.station import Station
from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.decode.teleinfo.groups import tabbed_group
from hal.drivers.teleinfo_meter import MeterView
from hal.drivers.teleinfo_options import TeleinfoOptions
from hal.sample import Cycle, Fix
from tests.unit.test_clock_keeper import Told


def told_by(*dates: str) -> Fix:
    """Return what a meter tells by the last of these dates, a second apart."""
    view, decoder = MeterView({"p": TeleinfoOptions(label="EAST")}), Decoder()
    fix = None
    for number, when in enumerate(dates, 1):
        groups = (tabbed_group("ADSC", "041876199271"), tabbed_group("DATE", "", when), tabbed_group("URMS1", "230"))
        frame = b"\x02" + b"".join(b"\n" + group + b"\r" for group in groups) + b"\x03"
        for event in decoder.feed(frame, number * 1000.0):
            if isinstance(event, FrameEnd):
                view.frame(event)
                fix = view.fix(event, 0.0)
    assert fix is not None
    return fix


@pytest.mark.parametrize(
    ("zone", "date", "utc"),
    [
        ("Indian/Reunion", "H2601151200", "2026-01-15T08:00"),
        ("Indian/Reunion", "H2607151200", "2026-07-15T08:00"),
        ("Indian/Reunion", "E2607151200", "2026-07-15T08:00"),
        ("America/Martinique", "H2601152200", "2026-01-16T02:00"),
        ("America/Cayenne", "H2612312130", "2027-01-01T00:30"),
        ("Europe/Paris", "H2601151200", "2026-01-15T11:00"),
        ("Europe/Paris", "E2610250230", "2026-10-25T00:30"),
        ("Europe/Paris", "H2610250230", "2026-10-25T01:30"),
        ("UTC", "E2607151200", "2026-07-15T10:00"),
        ("Europe/London", "E2607151200", "2026-07-15T10:00"),
    ],
)
def test_the_time_of_a_meter_is_local_time_of_the_site_overseas_and_of_mainland_france_elsewhere(
    zone: str, date: str, utc: str
) -> None:
    clock = Told()
    engine = Engine([], [], boot=4, now_ms=0, zone=ZoneInfo(zone))
    station = Station(engine, clock, Dating(), save=lambda _: None, journal=lambda *_: None, commit_s=10)
    fix = told_by(f"{date}10", f"{date}11")
    station.post(Cycle("linky", fix.t_ns, [], fix=fix))
    station.step(1.0)
    ((taken, witness),) = clock.fixes
    assert witness == "linky"
    assert datetime.fromtimestamp(taken.utc_ms // 1000, UTC).isoformat() == f"{utc}:11+00:00"


@pytest.mark.parametrize("zone", sorted(ZONES))
def test_every_zone_overseas_is_known_and_another_source_is_never_moved(zone: str) -> None:
    for fix in (Fix("ntp", 5, 1_768_474_800_000), Fix("gsm", 5, 1_768_474_800_000, 2000)):
        assert as_there(fix, ZoneInfo(zone)) is fix
