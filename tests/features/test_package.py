"""A machine that runs already: one package, with all that it needs (`docs/install.md`)."""

from __future__ import annotations

import re

from image.deb import build, libraries
from tests.support import ROOT


def test_one_command_installs_a_package_that_brings_all_libraries() -> None:
    """I1: the command of the page takes the file that make deb makes; each library is locked, for both Debians."""
    for page in ("docs/install.md", "docs/fr/installer.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        globs = re.findall(r"\./(vigie_\S+\.deb)", text)
        assert {glob.replace("*", "0.1.0+7") for glob in globs} == {
            build.deb_name("0.1.0+7", architecture) for architecture in libraries.MACHINES
        }
    wanted = libraries.locked(ROOT)
    for python in libraries.PYTHONS:
        for architecture in libraries.MACHINES:
            lock = libraries.lock_for(libraries.Target(architecture, python), wanted)
            assert lock.count("==") > 20
            assert all("--hash=sha256:" in part for part in lock.split("==")[1:])
