"""Where the program's own data lies, `config/` of a checkout or `edge/_config` of an installed wheel; its version."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Final

_EDGE: Final = Path(__file__).resolve().parent.parent


def config_dir() -> Path:
    """Return the folder that holds vigie.toml, sites/ and text/; raises FileNotFoundError when neither place has it."""
    places = (_EDGE / "_config", _EDGE.parent / "config")
    for place in places:
        if (place / "text").is_dir():
            return place
    raise FileNotFoundError(f"the program's own data is in neither {places[0]} nor {places[1]}; install it again")


@cache
def product_version() -> str:
    """Return the installed version, such as "0.1.0"; "0" for a source tree that was never installed.

    It stands in the name of the installed package's folder: importlib.metadata would bring email, csv and zipfile.
    """
    for place in sys.path:
        for facts in Path(place).glob("vigie-*.dist-info"):
            return facts.name.removeprefix("vigie-").removesuffix(".dist-info")
    return "0"


def find(*parts: str) -> Path:
    """Return one packaged file by its path below config/; raises FileNotFoundError when it is not there."""
    path = config_dir().joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(f"{path}: the program's own data is missing; install it again")
    return path
