"""A simulated meter: the bytes of its frames, deterministic by seed. Pure: the instant is given, nothing is opened.

Its indexes grow with the power that it shows, its tariff follows its own clock, its maxima and load curve are what such
a meter would send. The forms are those of Enedis-NOI-CPT_54E and of a captured PME/PMI meter.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from hal.decode.teleinfo.groups import spaced_group, tabbed_group
from hal.fake import meter_pmepmi

Triple = tuple[str, str, str | None]
"""Label, data, horodate (standard mode, where the label has one)."""

EPOCH_UTC: Final = datetime(2026, 11, 20, 17, 0, 0, tzinfo=UTC)
COS_PHI: Final = 0.96
VOLTAGE: Final = 231.0
HC_FROM_MIN: Final = 22 * 60 + 30
HC_TO_MIN: Final = 6 * 60 + 30
GAP_MS: Final = 25.0  # silence between two frames, 16.7 to 33.4 ms
UNUSED: Final = "NONUTILE"

Mode = Literal["historique", "standard", "pmepmi"]
BAUD: Final[dict[Mode, int]] = {"historique": 1200, "pmepmi": 1200, "standard": 9600}
EVERY_S: Final[dict[Mode, float]] = {"historique": 0.0, "standard": 1.0, "pmepmi": meter_pmepmi.EVERY_S}
"""How long from the begin of a frame to the next one's at least."""


def local_time(utc: datetime) -> tuple[datetime, str]:
    """Return the legal time of mainland France and its season letter (2000/84/EC: last Sundays, 01:00 UTC)."""
    begin, end = (_last_sunday(utc.year, month) + timedelta(hours=1) for month in (3, 10))
    return (utc + timedelta(hours=2), "E") if begin <= utc < end else (utc + timedelta(hours=1), "H")


def _last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)


class Meter:
    """One meter. `frame(t_ms)` moves it forward to that instant and returns the frame it sends then."""

    def __init__(
        self,
        mode: Mode = "historique",
        *,
        phases: int = 1,
        is_producer: bool = False,
        subscribed_kva: int = 9,
        address: str = "041876199277",
        index_wh: int = 14_253_681,
        seed: int = 1,
    ) -> None:
        """`index_wh` is the total at t_ms = 0, of which 40 % are off-peak."""
        self.mode: Mode = mode
        self.phases = phases
        self.is_producer = is_producer
        self.subscribed_kva = subscribed_kva
        self.address = address
        self.peak_wh = index_wh * 0.6
        self.off_peak_wh = index_wh * 0.4
        self.injected_wh = index_wh / 3 if is_producer else 0.0
        self.reactive_varh = 0.0
        self.t_ms = 0.0
        self.va = 0.0
        self.volts = VOLTAGE
        self.is_clock_degraded = False
        self.clock_off_s = 0.0
        """How far its own clock is off."""
        self._random = random.Random(seed)
        self._fixed_va: float | None = None
        self._next_load_ms = 0.0
        self._level_va = 0.0
        self._max_va = 0.0
        self._max_at = ""
        self._max_yesterday = (0.0, "")
        self._curve: list[tuple[str, float]] = []
        self.business = meter_pmepmi.PmePmi()
        """What a PME/PMI meter adds up."""
        self._half_hour = -1
        self._half_hour_wh = 0.0
        self._advance(0.0)

    @property
    def baud(self) -> int:
        """The line's speed in this mode."""
        return BAUD[self.mode]

    def set_power(self, va: float | None) -> None:
        """Hold the apparent power at `va` (below 0: injected, of a producer); None gives it back to the daily life."""
        self._fixed_va = va

    def frame(self, t_ms: float) -> bytes:
        """Return the whole frame, STX to ETX, of the instant `t_ms` (never before the last one)."""
        body = b"".join(b"\n%b\r" % group for group in self.raw_groups(t_ms))
        return b"\x02%b\x03" % body

    def raw_groups(self, t_ms: float) -> list[bytes]:
        """Return the groups of that instant's frame, each as it stands between LF and CR."""
        if self.mode == "standard":
            return [tabbed_group(*triple) for triple in self.groups(t_ms)]
        return [spaced_group(label, data) for label, data, _ in self.groups(t_ms)]

    def groups(self, t_ms: float) -> list[Triple]:
        """Return label, data and horodate of each group of that instant's frame."""
        self._advance(t_ms)
        match self.mode:
            case "standard":
                return self._standard()
            case "pmepmi":
                return self._pmepmi()
        return self._historique()

    # What happens between two frames

    def _local(self, back_s: float = 0.0) -> tuple[datetime, str]:
        return local_time(EPOCH_UTC + timedelta(milliseconds=self.t_ms, seconds=self.clock_off_s - back_s))

    def _horodate(self) -> str:
        local, season = self._local()
        return f"{season.lower() if self.is_clock_degraded else season}{local:%y%m%d%H%M%S}"

    def is_off_peak(self) -> bool:
        """Say whether the cheap hours run."""
        local, _ = self._local()
        minute = local.hour * 60 + local.minute
        return minute >= HC_FROM_MIN or minute < HC_TO_MIN

    def _advance(self, t_ms: float) -> None:
        elapsed_ms = max(t_ms - self.t_ms, 0.0)
        self._count(self.va * COS_PHI * elapsed_ms / 3_600_000)
        self.business.count(self.va * COS_PHI * elapsed_ms / 3_600_000, self.va * elapsed_ms / 3_600_000)
        before, _ = self._local()
        self.t_ms = max(t_ms, self.t_ms)
        now, _ = self._local()
        self.business.turn(now)
        if now.date() != before.date():
            self._max_yesterday = (self._max_va, self._max_at)
            self._max_va = 0.0
        self.va = self._power()
        self.volts = VOLTAGE + self._random.uniform(-2.0, 2.0)
        if self.va >= self._max_va:
            self._max_va, self._max_at = self.va, self._horodate()
        half_hour = int((now - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds()) // 1800
        if half_hour != self._half_hour:
            stamp = now.replace(minute=now.minute // 30 * 30, second=0)
            self._curve = [(f"{self._local()[1]}{stamp:%y%m%d%H%M%S}", self._half_hour_wh * 2), *self._curve[:1]]
            self._half_hour, self._half_hour_wh = half_hour, 0.0

    def _count(self, wh: float) -> None:
        if wh < 0:
            self.injected_wh -= wh
            return
        self._half_hour_wh += wh
        self.reactive_varh += wh * 0.25
        if self.is_off_peak():
            self.off_peak_wh += wh
        else:
            self.peak_wh += wh

    def _power(self) -> float:
        if self._fixed_va is not None:
            return self._fixed_va
        while self.t_ms >= self._next_load_ms:
            self._next_load_ms += self._random.uniform(20_000, 300_000)
            top = 0.75 * self.subscribed_kva * 1000
            self._level_va = 180.0 + (top - 180.0) * self._random.random() ** 3
        return self._level_va * self._random.uniform(0.99, 1.01)

    # What it says

    def _per_phase(self) -> list[float]:
        shares = (1.0,) if self.phases == 1 else (0.5, 0.3, 0.2)
        return [abs(self.va) * share for share in shares]

    def _historique(self) -> list[Triple]:
        per_phase = self._per_phase()
        drawn_va = max(self.va, 0.0)
        amperes = [f"{round(va / self.volts):03}" for va in per_phase]
        names = [""] if self.phases == 1 else ["1", "2", "3"]
        pairs = [
            ("ADCO", self.address),
            ("OPTARIF", "HC.."),
            ("ISOUSC", f"{self.subscribed_kva * 1000 // 200 // self.phases:02}"),
            ("HCHC", _wh(self.off_peak_wh)),
            ("HCHP", _wh(self.peak_wh)),
            ("PTEC", "HC.." if self.is_off_peak() else "HP.."),
            *((f"IINST{name}", value) for name, value in zip(names, amperes, strict=True)),
            *((f"IMAX{name}", "090" if self.phases == 1 else "060") for name in names),
            *([] if self.phases == 1 else [("PMAX", f"{round(self._max_yesterday[0]):05}")]),
            ("PAPP", f"{round(drawn_va / 10) * 10:05}"),
            ("HHPHC", "A"),
            ("MOTDETAT", "000000"),
            *([] if self.phases == 1 else [("PPOT", "00")]),
        ]
        return [(label, data, None) for label, data in pairs]

    def _standard(self) -> list[Triple]:
        names = ["1"] if self.phases == 1 else ["1", "2", "3"]
        per_phase = self._per_phase()
        drawn_va = max(self.va, 0.0)
        total_wh = int(self.off_peak_wh) + int(self.peak_wh)
        tariffs = [int(self.off_peak_wh), int(self.peak_wh)]
        volts = f"{round(self.volts):03}"
        is_off_peak = self.is_off_peak()
        groups: list[Triple] = [
            ("ADSC", self.address, None),
            ("VTIC", "02", None),
            ("DATE", "", self._horodate()),
            ("NGTF", f"{'H PLEINE/CREUSE':^16}", None),
            ("LTARF", f"{'HEURE  CREUSE' if is_off_peak else 'HEURE  PLEINE':^16}", None),
            ("EAST", _wh(total_wh), None),
            *((f"EASF{n:02}", _wh(tariffs[n - 1] if n < 3 else 0), None) for n in range(1, 11)),
            *((f"EASD{n:02}", _wh(tariffs[n - 1] if n < 3 else 0), None) for n in range(1, 5)),
        ]
        if self.is_producer:
            reactive = [0, int(self.reactive_varh), int(self.injected_wh * 0.05), 0]
            groups.append(("EAIT", _wh(self.injected_wh), None))
            groups.extend((f"ERQ{n}", _wh(varh), None) for n, varh in enumerate(reactive, 1))
        for name, va in zip(names, per_phase, strict=True):
            groups.append((f"IRMS{name}", f"{round(va / self.volts):03}", None))
        groups.extend((f"URMS{name}", volts, None) for name in names)
        groups += [
            ("PREF", f"{self.subscribed_kva:02}", None),
            ("PCOUP", f"{self.subscribed_kva:02}", None),
            ("SINSTS", f"{round(drawn_va):05}", None),
        ]
        if self.phases == 3:
            groups.extend((f"SINSTS{name}", f"{round(va):05}", None) for name, va in zip(names, per_phase, strict=True))
        yesterday_va, yesterday_at = self._max_yesterday
        groups.append(("SMAXSN", f"{round(max(self._max_va, 0)):05}", self._max_at))
        groups.append(("SMAXSN-1", f"{round(yesterday_va):05}", yesterday_at or "H261119201500"))
        if self.is_producer:
            groups.append(("SINSTI", f"{round(max(-self.va, 0.0)):05}", None))
        for name, (at, watts) in zip(("CCASN", "CCASN-1"), self._curve, strict=False):
            groups.append((name, f"{round(watts):05}", at))
        ten_minutes = self._horodate()[:9] + f"{int(self._horodate()[9:11]) // 10 * 10:02}00"
        groups.extend((f"UMOY{name}", "231", ten_minutes) for name in names)
        status = 0x003A0001 | (self.is_producer << 8) | ((self.va < 0) << 9) | ((not is_off_peak) << 10)
        groups += [
            ("STGE", f"{status:08X}", None),
            ("MSG1", f"{'PAS DE          MESSAGE':32}", None),
            ("PRM", "07361794479930", None),
            ("RELAIS", "000", None),
            ("NTARF", "01" if is_off_peak else "02", None),
            ("NJOURF", "00", None),
            ("NJOURF+1", "00", None),
            ("PJOURF+1", " ".join(["00004001", "06304002", "22304001", *[UNUSED] * 8]), None),
        ]
        return groups

    def _pmepmi(self) -> list[Triple]:
        is_off_peak = self.is_off_peak()
        pairs = self.business.groups(
            self._local()[0],
            self.address,
            kva=self.subscribed_kva,
            tariff="HCE" if is_off_peak else "HPE",
            index_wh=self.off_peak_wh if is_off_peak else self.peak_wh,
            kw=max(self.va, 0.0) * COS_PHI / 1000,
            max_kva=self._max_va / 1000,
        )
        return [(label, data, None) for label, data in pairs]


def _wh(value: float) -> str:
    return f"{int(value) % 10**9:09}"
