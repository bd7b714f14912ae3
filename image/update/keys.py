"""Who may sign an update: a pair of files for this machine's own tries, and the keyring that boxes carry.

A box believes every certificate of its keyring. To change the key, an update signed by the old one brings a keyring
that holds the old and the new certificate; from then on updates are signed by the new one (docs/updating.md).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(".run/image/keys")
YEARS: Final = 30
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"


class Pair(NamedTuple):
    """A private key and its certificate, as PEM files."""

    key: Path
    cert: Path


def made(folder: Path, name: str, subject: str) -> Pair:
    """Return a pair of these names, made when it is not there. Raises FileNotFoundError for half a pair."""
    pair = Pair(folder / f"{name}-key.pem", folder / f"{name}-cert.pem")
    there = [file.exists() for file in pair]
    if any(there) and not all(there):
        raise FileNotFoundError(f"{pair[there.index(False)]} is missing beside {pair[there.index(True)]}")
    if not all(there):
        folder.mkdir(parents=True, exist_ok=True)
        # both at once, the certificate last: a try that is cut short leaves half a pair, which is said
        beside = Pair(folder / f"{name}-key.new", folder / f"{name}-cert.new")
        words = [
            "req",
            "-x509",
            "-newkey",
            "rsa:3072",
            "-nodes",
            "-days",
            str(YEARS * 365),
            "-subj",
            f"/O=vigie/CN={subject}",
        ]
        subprocess.run(
            ["openssl", *words, "-keyout", beside.key, "-out", beside.cert], check=True, stderr=subprocess.DEVNULL
        )
        beside.key.chmod(0o600)
        for new, name_ in zip(beside, pair, strict=True):
            new.rename(name_)
    return pair


def development_pair(folder: Path = FOLDER) -> Pair:
    """Return this machine's own pair for tries, and say loudly that it is no more than that."""
    pair = made(folder, "development", "development key, not for boxes in the field")
    sys.stderr.write(
        f"\n*** SIGNED WITH A DEVELOPMENT KEY: {pair.key} ***\n"
        "*** Whoever has this folder can update every box made with it. Boxes that leave the house need a key of\n"
        "*** their own, made once and kept off the network: docs/updating.md, --key and --cert.\n\n"
    )
    return pair


def keyring(certificates: Sequence[Path]) -> str:
    """Return the keyring of these certificates. Raises ValueError, naming a file that is none, or that holds a key."""
    texts = []
    for file in certificates:
        text = file.read_text(encoding="ascii", errors="replace")
        if _BEGIN not in text:
            raise ValueError(f"{file} holds no certificate")
        if "PRIVATE KEY" in text:
            raise ValueError(f"{file} holds a private key: it must not go onto a box")
        texts.append(text if text.endswith("\n") else text + "\n")
    if not texts:
        raise ValueError("a keyring needs a certificate: without one no update is ever believed")
    return "".join(texts)
