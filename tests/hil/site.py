"""How the settings of a guest's station begin."""

from __future__ import annotations

from typing import Final

HEAD: Final = """
[box]
id = "b0042"
trust_clock = true
buffer_mb = 8
[site]
name = "Gymnase Sud"
tz = "Europe/Paris"
"""
