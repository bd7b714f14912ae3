"""A bundle from a web server, onto the data partition: taken up again where a cut left off, never larger than allowed.

Whether it is whole, and whose it is, is RAUC's to say: here it is only octets.
"""

from __future__ import annotations

import errno
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.runtime.rauc import UpdateError
from edge.store.checked import replace_file
from edge.store.fs import RealFs

LARGEST_BYTES: Final = 2 << 30
PIECE_BYTES: Final = 1 << 20
SILENT_S: Final = 60.0
PART: Final = "download.part"
WHOLE: Final = "download.raucb"
OF: Final = "download.json"
SCHEMES: Final = ("https", "http")
TRIES: Final = 5


class _Of(msgspec.Struct, frozen=True):
    """What the part is a part of: the same address, and the same edition of what lies there."""

    url: str
    edition: str = ""


def is_url(text: str) -> bool:
    """Return whether this is an address and no file."""
    return urllib.parse.urlsplit(text).scheme in SCHEMES and "://" in text


def fetched(
    url: str,
    folder: Path,
    *,
    reserve_bytes: int,
    largest_bytes: int = LARGEST_BYTES,
    tell: Callable[[int, int], object] = lambda _got, _of: None,
    silent_s: float = SILENT_S,
) -> Path:
    """Return the file, in this folder. Raises UpdateError: not_fetched, too_large, no_space; what came stays for later.

    `tell` hears octets so far, and of how many (0 where the server does not say).
    """
    why = ""
    for _ in range(TRIES):
        try:
            return _taken(url, folder, reserve_bytes, largest_bytes, tell, silent_s)
        except urllib.error.HTTPError as exc:
            exc.close()
            if exc.code == 416:  # the part is no part of it any more
                forget(folder)
                continue
            raise UpdateError("not_fetched", f"{url}: {exc.code} {exc.reason}") from exc
        except (OSError, HTTPException) as exc:  # URLError is an OSError
            if getattr(exc, "errno", 0) == errno.ENOSPC:
                raise UpdateError("no_space", str(exc)) from exc
            why = str(getattr(exc, "reason", None) or exc)
    raise UpdateError("not_fetched", f"{url}: {why}")


def forget(folder: Path) -> None:
    """Remove what was fetched, whole or not."""
    for name in (PART, WHOLE, OF):
        (folder / name).unlink(missing_ok=True)


def _taken(
    url: str, folder: Path, reserve_bytes: int, largest_bytes: int, tell: Callable[[int, int], object], silent_s: float
) -> Path:
    part = folder / PART
    of = _noted(folder)
    if of is None or of.url != url or not of.edition:
        forget(folder)
        of = None
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "vigie"})  # noqa: S310 - is_url has looked at it
    if of is not None and have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", of.edition)
    with _opener().open(request, timeout=silent_s) as answer:
        if answer.status != 206:
            have = 0
            _note(folder, _Of(url, _edition(answer)))
        length = int(answer.headers.get("Content-Length") or 0)
        whole = have + length if length else 0
        _make_room(folder, length, whole, reserve_bytes, largest_bytes)
        with part.open("ab" if have else "wb") as file:
            while piece := answer.read(PIECE_BYTES):
                have += len(piece)
                if have > largest_bytes:
                    raise UpdateError("too_large", f"more than {largest_bytes} octets")
                file.write(piece)
                tell(have, whole)
                if RealFs(folder).room_left("").free_bytes < reserve_bytes:
                    raise UpdateError("no_space", f"{have} octets of it are here")
            file.flush()
            os.fsync(file.fileno())
        if answer.length:  # it ended early: what is here is a part
            raise ConnectionResetError(f"it ended {answer.length} octets early")
    part.replace(folder / WHOLE)
    RealFs(folder).fsync_dir("")
    (folder / OF).unlink(missing_ok=True)
    return folder / WHOLE


def _make_room(folder: Path, more: int, whole: int, reserve_bytes: int, largest_bytes: int) -> None:
    if whole > largest_bytes:
        raise UpdateError("too_large", f"{whole} octets; at most {largest_bytes} are taken")
    free = RealFs(folder).room_left("").free_bytes
    if more + reserve_bytes > free:
        raise UpdateError("no_space", f"{more} octets to come, {free} free, {reserve_bytes} of them for the box")


def _edition(answer: HTTPResponse) -> str:
    """Return what names this edition of the file for If-Range; "" where the server names none that is sure."""
    tag = answer.headers.get("ETag") or ""
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified") or ""


def _noted(folder: Path) -> _Of | None:
    try:
        return msgspec.json.decode((folder / OF).read_bytes(), type=_Of)
    except (OSError, ValueError):
        return None


def _note(folder: Path, of: _Of) -> None:
    (folder / PART).unlink(missing_ok=True)
    replace_file(RealFs(folder), OF, msgspec.json.encode(of))


class _Redirect(urllib.request.HTTPRedirectHandler):
    """Follows to the same kinds of address only, and never from https to http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        before, after = urllib.parse.urlsplit(req.full_url).scheme, urllib.parse.urlsplit(newurl).scheme
        if after not in SCHEMES or (before == "https" and after != "https"):
            raise UpdateError("not_fetched", f"the server leads on to {newurl[:200]}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(), _Redirect(),
        urllib.request.HTTPErrorProcessor(), urllib.request.HTTPDefaultErrorHandler(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener
