"""A simulated PME/PMI meter: what it adds up between two frames, and the groups that it sends. Pure.

The forms and their order are those of a captured meter: 44 groups, 890 bytes, one frame each 8 s. Its sums of the
present integration period (EA_s …) start again each ten minutes, its indexes count in kWh, one for each tariff period.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

EVERY_S: Final = 8.0
POINTS: Final = 6  # means of ten minutes that it repeats
STEP: Final = timedelta(minutes=10)
TAN_PHI: Final = 0.25
_EARLIER_KWH: Final = 393  # between the last two readings of the supplier


class PmePmi:
    """The sums and means of one meter."""

    def __init__(self) -> None:
        self.active_wh = 0.0
        """Drawn since the integration period began."""
        self.apparent_vah = 0.0
        self.means_kw: list[float] = [0.0] * POINTS
        """The latest ten minutes first."""
        self.reactive_varh = 0.0
        """Of all time."""
        self._began: datetime | None = None

    def count(self, wh: float, vah: float) -> None:
        """Add what was drawn since the last call."""
        self.active_wh += max(wh, 0.0)
        self.apparent_vah += max(vah, 0.0)
        self.reactive_varh += max(wh, 0.0) * TAN_PHI

    def turn(self, local: datetime) -> None:
        """Begin a new integration period where the meter's own clock has come to one."""
        began = ten_minutes(local)
        if self._began is None or began < self._began:
            self._began = began
        while self._began < began:
            self._began += STEP
            self.means_kw = [self.active_wh * 6 / 1000, *self.means_kw[:-1]]
            self.active_wh = self.apparent_vah = 0.0

    def groups(
        self, local: datetime, address: str, *, kva: int, tariff: str, index_wh: float, kw: float, max_kva: float
    ) -> list[tuple[str, str]]:
        """Return label and data of each group of a frame; `index_wh` is that of the tariff period that runs."""
        kwh, sum_wh, sum_varh = int(index_wh / 1000), int(self.active_wh), int(self.active_wh * TAN_PHI)
        earlier_kwh = max(kwh - _EARLIER_KWH, 0)
        contract = f"BT 4 SUP{min(kva, 36)}"
        pairs = [
            ("ADS", address),
            ("MESURES1", contract),
            ("DATE", _moment(local)),
            ("EA_s", f"{sum_wh}Wh"),
            ("ER+_s", "0varh"),
            ("ER-_s", f"{sum_varh}varh"),
            ("EAPP_s", f"{int(self.apparent_vah)}VAh"),
            ("PTCOUR1", tariff),
            ("TARIFDYN", "INACTIF"),
            ("ETATDYN1", "000"),
            ("CONFIG", "CONSO"),
        ]
        for n, mean_kw in enumerate(self.means_kw):
            pairs += [
                (f"DATEPA{n + 1}", _moment(ten_minutes(local) - n * STEP)),
                (f"PA{n + 1}_s", f"{int(mean_kw)}kW"),
            ]
        return [
            *pairs,
            ("DebP", "14/11/26 02:50:00"),
            ("EAP_s", f"{kwh}kWh"),
            ("ER+P_s", "229kvarh"),
            ("ER-P_s", f"{7350 + int(self.reactive_varh / 1000)}kvarh"),
            ("DebP-1", "14/10/26 02:25:00"),
            ("FinP-1", "14/11/26 02:50:00"),
            ("EAP-1_s", f"{earlier_kwh}kWh"),
            ("ER+P-1_s", "229kvarh"),
            ("ER-P-1_s", "6666kvarh"),
            ("PS", f"{kva}kVA"),
            ("PA1MN", f"{int(kw)}kW"),
            ("PMAX_s", f"{int(max_kva)}kVA"),
            ("TGPHI_s", f"-{TAN_PHI:.2f}".replace(".", ",")),
            ("MESURES2", contract),
            ("PTCOUR2", tariff),
            ("ETATDYN2", "000"),
            ("DebP_2", "14/11/26 02:50:00"),
            ("EAP_s2", f"{kwh}kWh"),
            ("DebP-1_2", "14/10/26 02:25:00"),
            ("FinP-1_2", "14/11/26 02:50:00"),
            ("EAP-1_s2", f"{earlier_kwh}kWh"),
        ]


def ten_minutes(local: datetime) -> datetime:
    """Return when the integration period began that holds this instant."""
    return local.replace(minute=local.minute // 10 * 10, second=0, microsecond=0)


def _moment(local: datetime) -> str:
    return f"{local:%d/%m/%y %H:%M:%S}"
