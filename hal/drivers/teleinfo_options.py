"""The keys of a point on a Téléinfo meter, and what kind of point each label makes."""

from __future__ import annotations

import difflib
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from hal.decode.teleinfo import fields, labels
from hal.sample import Channel

CURVE: Final = frozenset({"CCASN", "CCASN-1", "CCAIN", "CCAIN-1"})
"""Labels whose value is the mean of a period that is over, dated by its end."""
SECOND_SET: Final = {
    "MESURES1": "MESURES2",
    "PTCOUR1": "PTCOUR2",
    "ETATDYN1": "ETATDYN2",
    "PREAVIS1": "PREAVIS2",
    "DebP": "DebP_2",
    "DebP-1": "DebP-1_2",
    "FinP-1": "FinP-1_2",
    "EAP_s": "EAP_s2",
    "EAP_i": "EAP_i2",
    "EAP-1_s": "EAP-1_s2",
    "EAP-1_i": "EAP-1_i2",
}
"""A label of the first set of measures of a PME/PMI meter -> its name behind MESURES2."""
SPEAKS: Final = {"historique": "historique", "standard": "standard", "pmepmi": "historique"}
"""Mode of a label -> the mode of a line on which it comes."""
_SENML: Final = {"VAh": ("kVAh", 0.001)}  # RFC 8798 knows kVAh only


class TeleinfoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a point on a meter."""

    label: Annotated[str, Meta(description="as the meter sends it: PAPP, HCHP, EAST, SINSTS …")]
    mode: Annotated[
        Literal["auto", "historique", "standard"], Meta(description="what to listen for; found by itself with auto")
    ] = "auto"
    meter: Annotated[
        str,
        Meta(
            pattern="^([0-9]{12})?$",
            description="where several meters speak on one line: the number (ADCO, ADSC, ADS) of the one that is meant",
        ),
    ] = ""
    field: Annotated[str, Meta(description="one field of STGE (breaker, clock_degraded …) or RELAIS (relay_1 …)")] = ""
    tariff: Annotated[
        str, Meta(description="PME/PMI: of an index, the tariff period whose register is meant: HPE, HCE …")
    ] = ""
    measures: Annotated[
        Literal[1, 2], Meta(description="PME/PMI: 2 for the second set of measures, behind MESURES2")
    ] = 1
    as_sent: Annotated[
        bool,
        Meta(
            description="PME/PMI: true for EA_s and its like as the meter shows them, begun again each period; "
            "otherwise they are added up to a counter"
        ),
    ] = False
    sent_unit: Annotated[
        Literal["", "kVA", "kW"], Meta(description="PME/PMI: the unit in which PS or PMAX_s is sent; kVA where absent")
    ] = ""

    def __post_init__(self) -> None:
        """Refuse labels that no meter sends, and keys that a label does not have. Raises ValueError."""
        found = labels.named(self.sent_label)
        if not labels.named(self.label):
            near = difflib.get_close_matches(self.label.upper(), labels.names(), n=1)
            raise ValueError(f"no meter sends the label {self.label!r}" + (f": is it {near[0]!r}?" if near else ""))
        if not found or (self.measures == 2 and self.label not in {*SECOND_SET, *SECOND_SET.values()}):
            raise ValueError(f"{self.label} is in the first set of measures only: leave `measures` out")
        sent = {SPEAKS[label.mode] for label in found}
        if self.mode != "auto" and self.mode not in sent:
            raise ValueError(f"{self.label} comes in {' and '.join(sorted(sent))} mode only: leave `mode` out")
        known = [part.name for part in fields.parts(self.label)]
        if self.field and self.field not in known:
            words = f"one of {', '.join(known)}" if known else "only STGE and RELAIS have fields"
            raise ValueError(f"{self.label} has no field {self.field!r}: {words}")
        if self.tariff and not any(label.mode == "pmepmi" and label.role == "index" for label in found):
            raise ValueError(f"{self.label} has one register for all tariffs: leave `tariff` out")
        if self.as_sent and found[0].role != "tally":
            raise ValueError(f"{self.label} does not begin again by itself: leave `as_sent` out")
        if self.sent_unit and len(found[0].units) < 2:
            raise ValueError(f"{self.label} has one unit: leave `sent_unit` out")

    @property
    def sent_label(self) -> str:
        """The label as it stands on the wire."""
        return SECOND_SET.get(self.label, self.label) if self.measures == 2 else self.label

    @property
    def is_summed(self) -> bool:
        """Whether a register that begins again each period is added up."""
        return not self.as_sent and labels.named(self.sent_label)[0].role == "tally"


def channel(options: TeleinfoOptions) -> Channel:
    """Return what the label's table says: indexes count in Wh and wrap at 10^9, words are states."""
    label = labels.named(options.sent_label)[0]
    part = status_part(options)
    if part is not None:
        return Channel("state", words=part.words)
    if label.words:
        return Channel("state", words=label.words)
    unit, scale = _SENML.get(label.unit, (options.sent_unit or label.unit, 1.0))
    if label.role == "index" and label.mode != "pmepmi":
        return Channel("counter", unit, wrap=labels.INDEX_WRAP)
    if label.role == "index" and options.tariff:
        return Channel("counter", unit)
    if options.is_summed:
        return Channel("counter", unit, scale, volatile=True)
    if options.label in CURVE:
        return Channel("gauge", unit, scale, past=True)
    return Channel("gauge" if label.numeric else "text", unit, scale)


def status_part(options: TeleinfoOptions) -> fields.StatusField | None:
    """Return the field of STGE or RELAIS that the point takes; None for a whole label."""
    return next((part for part in fields.parts(options.label) if part.name == options.field), None)


def words(options: TeleinfoOptions) -> tuple[str, ...]:
    """Return the words that the label may say; none for numbers and texts."""
    return labels.named(options.sent_label)[0].words
