"""A second reader of Téléinfo captures, to compare the product with: groups by their checksum, and what they say.

Independent of `hal.decode`: a few lines from Enedis-NOI-CPT_54E §5.3 and §6.2, and the lengths in `labels_*.csv`.
"""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from tests.support import DATA, shared_data

FOLDER = DATA / "teleinfo"
BAUD = {"historique": 1200, "pmepmi": 1200, "standard": 9600}
GAP_S = 0.033  # the simulated line rests so long between two plays
INDEX_KIND = "index"


class Heard(NamedTuple):
    """A group with the right checksum and length."""

    label: str
    text: str
    horodate: str


class Capture(NamedTuple):
    """A row of the index, and the bytes."""

    file: str
    mode: str
    valid: int
    """How many groups the index counts as right in checksum, label and length."""
    is_framed: bool
    data: bytes

    def lasts_s(self) -> float:
        """Return how long it is on the line."""
        return len(self.data) * 10 / BAUD[self.mode] + GAP_S

    def times(self, at_least_s: float) -> int:
        """Return how often to play it to fill this time: three times, for what must be confirmed, or more."""
        return max(3, -int(-at_least_s // self.lasts_s()))


def captures() -> list[Capture]:
    """Return all captures of the index; none where this checkout has no data."""
    index = FOLDER / "index.csv"
    rows = list(csv.DictReader(index.read_text(encoding="utf-8").splitlines())) if index.exists() else []
    return [
        Capture(
            row["file"],
            "standard" if row["modes"] == "std" else "pmepmi" if row["kind"].startswith("PME") else "historique",
            int(row["lenient_known_and_length"]),
            int(row["frames_complete"]) > 0,
            shared_data("teleinfo", "captures", row["file"]).read_bytes(),
        )
        for row in rows
    ]


@lru_cache(maxsize=3)
def labels(mode: str) -> dict[str, tuple[int, str]]:
    """Return length of the data (0: any) and kind of each label of a mode."""
    rows = csv.DictReader((FOLDER / f"labels_{mode}.csv").read_text(encoding="utf-8").splitlines())
    return {row["label"]: (int(row.get("data_len") or 0), row["kind"]) for row in rows}


def heard(data: bytes, mode: str) -> list[Heard]:
    """Return the groups that must be believed, in their order."""
    found = []
    known = labels(mode)
    for raw in re.split(rb"[\x02-\x04\n-\r\x0e\x0f]+", data):
        piece = raw.strip(b"\0")
        separator = piece[-2:-1]
        if len(piece) < 4 or separator not in {b"\t", b" "}:
            continue
        covered = piece[:-1] if separator == b"\t" else piece[:-2]
        if piece[-1] != (sum(covered) & 0x3F) + 0x20:
            continue
        fields = piece[:-2].decode("latin1").split(separator.decode(), -1 if separator == b"\t" else 1)
        length = known.get(fields[0], (-1, ""))[0]
        if length in {0, len(fields[-1])}:
            found.append(Heard(fields[0], fields[-1], fields[1] if len(fields) == 3 else ""))
    return found


def confirmed(values: list[str]) -> set[str]:
    """Return the values of an index that the next one of its label bears out."""
    return {one for one, following in pairwise(values) if number(following) >= number(one)}


def number(text: str) -> float:
    """Return the number that a group's data begins with: 00525, 422Wh, -0,39."""
    matched = re.match(r"-?\d+(?:,\d+)?", text)
    if matched is None:
        raise ValueError(text)
    return float(matched[0].replace(",", "."))


def says(group: Heard, value: object, unit: str, words: list[str]) -> bool:
    """Return whether a stored value is what the group says."""
    if words:
        return isinstance(value, int) and words[value] == group.text.strip()
    if isinstance(value, int | float):
        scale = 0.001 if unit == "kVAh" and "kVAh" not in group.text else 1.0
        return abs(number(group.text) * scale - value) < 1e-9 * max(1.0, abs(value))
    return value in {group.text, group.text.strip(), iso(group.horodate or group.text)}


def iso(text: str) -> str:
    """Return a horodate or a PME/PMI moment as ISO 8601, "" when it is none."""
    for form in ("%y%m%d%H%M%S", "%d/%m/%y %H:%M:%S"):
        season = text[:1].upper() if form.startswith("%y") else ""
        try:
            local = datetime.strptime(text[len(season) :].strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return local.isoformat()[:19] + {"H": "+01:00", "E": "+02:00"}.get(season, "")
    return ""
