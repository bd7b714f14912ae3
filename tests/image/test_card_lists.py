"""The list of what a card is made of, and of its hashes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from image.card import manifest, sbom

STATUS = """Package: rauc
Status: install ok installed
Architecture: arm64
Version: 1.8-2
Description: updates
 longer text

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2026a-0+deb12u1
"""
COPYRIGHT = "Format: copyright-format/1.0\n\nFiles: *\nLicense: LGPL-2.1\n\nFiles: x\nLicense: LGPL-2.1\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("var/lib/dpkg", "usr/share/doc/rauc", "usr/share/doc/tzdata"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(STATUS)
    (tmp_path / "usr/share/doc/rauc/copyright").write_text(COPYRIGHT)
    (tmp_path / "usr/share/doc/tzdata/copyright").write_text("This is free.\nLicense: none of ours\n")
    return tmp_path


def wheel(site: Path, name: str, more: str) -> None:
    (site / f"{name}.dist-info").mkdir(parents=True)
    (site / f"{name}.dist-info/METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.2\n{more}\n\nbody"
    )


def test_installed_packages_are_listed_with_the_licences_they_state(root: Path) -> None:
    assert list(sbom.debian_parts(root)) == [
        sbom.Part("deb", "rauc", "1.8-2", ("LGPL-2.1",), "arm64"),
        sbom.Part("deb", "tzdata", "2026a-0+deb12u1", (), "all"),
    ]


def test_python_packages_are_listed_by_their_own_metadata(tmp_path: Path) -> None:
    wheel(tmp_path, "One_Two", "License-Expression: MIT")
    wheel(tmp_path, "classified", "Classifier: License :: OSI Approved :: BSD License")
    wheel(tmp_path, "whole-text", "License: " + "word " * 40)
    found = {part.name: part.licences for part in sbom.python_parts(tmp_path)}
    assert found == {"One_Two": ("MIT",), "classified": ("BSD License",), "whole-text": ()}
    assert list(sbom.python_parts(tmp_path / "none")) == []


def test_list_is_valid_cyclonedx_and_the_same_each_time(root: Path, tmp_path: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    wheel(tmp_path / "site", "One_Two", "License-Expression: MIT")
    parts = [*sbom.debian_parts(root), *sbom.python_parts(tmp_path / "site")]
    text = sbom.as_json(parts, version="0.1.0", epoch=1_763_000_000)
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text) is None
    assert text == sbom.as_json(list(reversed(parts)), version="0.1.0", epoch=1_763_000_000)
    addresses = {component["purl"] for component in json.loads(text)["components"]}
    assert "pkg:pypi/one-two@1.2" in addresses
    assert "pkg:deb/debian/rauc@1.8-2?arch=arm64&distro=debian-12" in addresses
    assert len(addresses) == 3


def test_list_of_nothing_is_valid_too() -> None:
    assert json.loads(sbom.as_json([], version="0.1.0", epoch=0)).get("components", []) == []


def test_manifest_has_each_file_once_by_its_hash_and_no_links(tmp_path: Path) -> None:
    folder = tmp_path / "system"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc/b").write_bytes(b"")
    (folder / "etc/a").write_bytes(b"content")
    (folder / "etc/link").symlink_to("a")
    image = tmp_path / "vigie.img"
    image.write_bytes(b"image")
    assert manifest.lines({"system": folder}, [image]) == [
        f"{hashlib.sha256(b'content').hexdigest()}  system/etc/a",
        f"{hashlib.sha256(b'').hexdigest()}  system/etc/b",
        f"{hashlib.sha256(b'image').hexdigest()}  vigie.img",
    ]
