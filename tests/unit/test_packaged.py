"""What the program knows of itself: its version, without the libraries that it would take to ask for it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

from edge.settings.packaged import product_version
from tests.support import ROOT

HEAVY = "import sys; import edge.runtime.box, edge.cli.serve; print(*sorted(sys.modules))"
NEVER_IN_THE_SERVICE = {
    "bottle", "waitress", "gpiozero", "smbus2", "serial", "w1thermsensor", "tinydb", "tomlkit", "asyncio",
    "importlib.metadata", "difflib", "PIL", "luma", "hal.fake.meter", "edge.runtime.demo", "paho.mqtt.client",
}  # fmt: skip
AT_EACH_START = (
    "import sys; import edge.runtime.card_start, edge.cli.card, edge.cli.update; print(*sorted(sys.modules))"
)
NEVER_BEFORE_THE_SERVICE = {"edge.runtime.restore", "edge.runtime.stores", "sqlite3", "ssl", "http.client", "segno"}


def test_the_version_is_that_of_the_installed_package() -> None:
    assert product_version() == version("vigie")


def test_the_service_loads_no_library_before_something_needs_it() -> None:
    """Each costs every box memory for ever: vendor libraries wait for their bus, the web server for a question."""
    found = subprocess.run([sys.executable, "-c", HEAVY], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not NEVER_IN_THE_SERVICE & set(found.split())


def test_what_a_card_does_before_its_service_loads_neither_stores_nor_the_network() -> None:
    """On a board with one slow core each of them is a second of every start."""
    words = [sys.executable, "-c", AT_EACH_START]
    found = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not NEVER_BEFORE_THE_SERVICE & set(found.split())
