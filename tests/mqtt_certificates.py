"""Certificates made by openssl when a test asks for them: authorities, brokers, boxes, expired and not yet valid."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.mqtt_broker import program

CONFIG = """
[ca]
default_ca = here
[here]
dir = {folder}
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[server]
basicConstraints = CA:FALSE
subjectAltName = {names}
[box]
basicConstraints = CA:FALSE
"""


class Authority:
    """One certificate authority in its own folder."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.cert = folder / "ca.crt"
        self._key = folder / "ca.key"
        (folder / "index.txt").touch()
        (folder / "serial").write_text("01\n")
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", f"/CN={name}", "-keyout", str(self._key), "-out", str(self.cert),
        )  # fmt: skip

    def issue(
        self, name: str, *, kind: str = "server", names: str = "IP:127.0.0.1,DNS:localhost",
        from_days: float = -1, to_days: float = 30,
    ) -> tuple[Path, Path]:  # fmt: skip
        """Return certificate and key for a common name, valid between two days counted from now."""
        stem = f"{name}-{from_days}-{to_days}".replace(" ", "_")
        cert, key, request = (self.folder / f"{stem}.{end}" for end in ("crt", "key", "csr"))
        config = self.folder / f"{stem}.cnf"
        config.write_text(CONFIG.format(folder=self.folder, names=names))
        openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request),
        )  # fmt: skip
        now = datetime.now(UTC)
        start, end = ((now + timedelta(days=days)).strftime("%Y%m%d%H%M%SZ") for days in (from_days, to_days))
        openssl(
            "ca", "-batch", "-notext", "-config", str(config), "-extensions", kind, "-in", str(request),
            "-out", str(cert), "-cert", str(self.cert), "-keyfile", str(self._key),
            "-startdate", start, "-enddate", end,
        )  # fmt: skip
        return cert, key


def openssl(*words: str) -> None:
    done = subprocess.run([program("openssl", "openssl"), *words], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
