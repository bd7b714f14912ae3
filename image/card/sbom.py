"""What a card is made of, as a CycloneDX list: Debian's packages and the Python packages below /opt/vigie.

Read from what lies in the card's root, not from what was asked for. Licences are those that the packages themselves
state: Debian's in their machine-readable copyright file (DEP-5), Python's in their metadata; none where none is stated.
"""

from __future__ import annotations

import datetime as dt
import email.parser
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot5
from packageurl import PackageURL

NAMESPACE: Final = uuid.UUID("76696731-0000-4000-8000-000000000000")
DISTRO: Final = "debian-12"


class Part(msgspec.Struct, frozen=True, order=True):
    """One package."""

    kind: str
    """deb or pypi."""
    name: str
    version: str
    licences: tuple[str, ...] = ()
    architecture: str = ""


def debian_parts(root: Path) -> Iterator[Part]:
    """Yield the installed packages of a root, from dpkg's own list."""
    for stanza in (root / "var/lib/dpkg/status").read_text("utf-8").split("\n\n"):
        fields = dict(re.findall(r"(?m)^([A-Za-z-]+): (.*)$", stanza))
        if fields.get("Status", "").endswith(" installed"):
            name = fields["Package"]
            yield Part("deb", name, fields["Version"], debian_licences(root, name), fields["Architecture"])


def debian_licences(root: Path, name: str) -> tuple[str, ...]:
    """Return the short names in a package's copyright file, each once; none where it is not machine-readable."""
    try:
        text = (root / "usr/share/doc" / name / "copyright").read_text("utf-8", errors="replace")
    except OSError:
        return ()
    if not text.startswith("Format:"):
        return ()
    return tuple(sorted({found.strip() for found in re.findall(r"(?m)^License: *(\S.*)$", text)}))


def python_parts(site: Path) -> Iterator[Part]:
    """Yield the packages of a site-packages folder, from the metadata that came with each."""
    for path in sorted(site.glob("*.dist-info/METADATA")):
        said = email.parser.Parser().parsestr(path.read_text("utf-8", errors="replace"), headersonly=True)
        stated = said.get("License-Expression") or (said.get("License") or "").strip().partition("\n")[0]
        classified = [
            text.rpartition(" :: ")[2] for text in said.get_all("Classifier", []) if text.startswith("License ::")
        ]
        licences = (stated,) if stated and len(stated) <= 60 else tuple(sorted(set(classified)))
        yield Part("pypi", str(said["Name"]), str(said["Version"]), licences)


def purl(part: Part) -> PackageURL:
    """Return the package's address in the form that advisories name it by."""
    if part.kind == "deb":
        return PackageURL("deb", "debian", part.name, part.version, {"arch": part.architecture, "distro": DISTRO})
    return PackageURL("pypi", None, part.name.lower().replace("_", "-"), part.version)


def as_json(parts: Iterator[Part] | list[Part], *, version: str, epoch: int) -> str:
    """Return the list as CycloneDX 1.5 JSON; the same parts give the same text."""
    bom = Bom(serial_number=uuid.uuid5(NAMESPACE, f"{version}+{epoch}"))
    bom.metadata.timestamp = dt.datetime.fromtimestamp(epoch, dt.UTC)
    card = Component(name="vigie card", version=version, type=ComponentType.FIRMWARE, bom_ref=f"vigie-card@{version}")
    bom.metadata.component = card
    listed = []
    for part in sorted(parts):
        address = purl(part)
        component = Component(
            name=part.name,
            version=part.version,
            type=ComponentType.LIBRARY if part.kind == "pypi" else ComponentType.APPLICATION,
            purl=address,
            bom_ref=address.to_string(),
            licenses=[DisjunctiveLicense(name=name) for name in part.licences],
        )
        bom.components.add(component)
        listed.append(component)
    bom.register_dependency(card, listed)
    return JsonV1Dot5(bom).output_as_string(indent=1) + "\n"
