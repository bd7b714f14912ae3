"""Fixtures of the tests that boot a card: the image that `make image` left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.image.emulated import image, needs


@pytest.fixture(scope="session")
def card_image() -> Path:
    """The image; skips, saying what to do, where it or an emulator is missing."""
    if missing := needs():
        pytest.skip(f"a card is emulated by: {', '.join(missing)} (make image-test installs them)")
    made = image()
    if made is None:
        pytest.skip("no card to boot: make image")
    return made
