"""`vigie tic decode FILE|-`: what a Téléinfo stream says, frame by frame, and what of it is not to be believed.

With --json one object a line: a frame `{"mode","t","groups":[{"label","horodate","value","unit","raw","quality"}],
"rejected":[{"raw","why"}]}` each, and last `{"summary":{"bytes","frames_complete","groups_ok","groups_rejected"}}`.
Of a meter that is not read the summary has `"not_read"` (ICE, unknown) and `"labels"`, and none of its values is good.
`t` is seconds since the stream began, by its bytes at the line's bit rate. A frame is printed when the next one has
come, because that one confirms it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

import msgspec

from edge.cli import tic_record
from edge.cli.words import own_words
from hal.decode.teleinfo import fields
from hal.decode.teleinfo.foreign import Strangers
from hal.decode.teleinfo.frames import Decoder, Event, FrameEnd
from hal.decode.teleinfo.groups import Group
from hal.decode.teleinfo.plausible import Judge
from hal.sample import GOOD, QUALITY_NAMES, REASONS, UNCERTAIN

CHUNK: Final = 4096
BITS_PER_BYTE: Final = 10
# Text that is there for the eye: what the value column may take before the quality.
_VALUE_WIDTH: Final = 34


class _Frame(msgspec.Struct):
    """A frame that waits for its successor, and the doubt about each of its groups so far."""

    end: FrameEnd
    doubts: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `decode` and `record` with their arguments."""
    verbs = parser.add_subparsers(dest="tic_verb", metavar="VERB", required=True)
    command = verbs.add_parser("decode", help="decode a captured or piped stream")
    command.add_argument("file", help="a capture, or - for the standard input")
    command.add_argument("--json", action="store_true", help="one JSON object a frame, and a summary last")
    tic_record.add_arguments(verbs.add_parser("record", help="keep what a port says in a file, and tell what it is"))


def run(args: argparse.Namespace) -> int:
    """Carry out `vigie tic …`; return the exit code."""
    if args.tic_verb == "record":
        return tic_record.run(args)
    return decode(args.file, args.json, sys.stdout, sys.stdin.buffer)


def decode(path: str, as_json: bool, out: TextIO, stdin: BinaryIO) -> int:  # noqa: FBT001 - it is a switch of the command
    """Print what the stream holds; return 0, 1 when it holds no good group, 2 when it can't be read."""
    try:
        if path == "-":
            return _decode(stdin, out, as_json=as_json)
        with Path(path).open("rb") as stream:
            return _decode(stream, out, as_json=as_json)
    except OSError as exc:
        if isinstance(exc, BrokenPipeError):
            raise
        print(f"vigie tic decode: {path}: {exc.strerror or exc}", file=sys.stderr)
        return 2


def _decode(stream: BinaryIO, out: TextIO, *, as_json: bool) -> int:
    decoder = Decoder()
    judge, strangers = Judge(), Strangers()
    waiting: _Frame | None = None
    for event in _events(stream, decoder):
        if not isinstance(event, FrameEnd):
            continue
        is_strange = strangers.see(event)
        if not is_strange:
            judge.frame(event)
        if waiting is not None:
            _print(waiting, judge, out, as_json=as_json)
        waiting = _Frame(
            event, ["not_supported" if is_strange else _doubt(judge, group, event) for group in event.groups]
        )
    if waiting is not None:
        _print(waiting, judge, out, as_json=as_json)
    summary: dict[str, Any] = {
        "bytes": decoder.bytes,
        "frames_complete": decoder.frames_complete,
        "groups_ok": decoder.groups_ok,
        "groups_rejected": dict(sorted(decoder.groups_rejected.items())),
    }
    if strangers.kind:
        summary |= {"not_read": strangers.kind, "labels": strangers.labels()}
    if as_json:
        out.write(msgspec.json.encode({"summary": summary}).decode() + "\n")
    else:
        if strangers.kind:
            words = {"mode": strangers.kind, "baud": round(BITS_PER_BYTE * 1000 / (decoder.byte_ms or 1))}
            out.write(own_words()("tic.not_read", labels=strangers.labels(), **words) + "\n")
        out.write(_summary_line(decoder) + "\n")
    return 0 if decoder.groups_ok else 1


def _events(stream: BinaryIO, decoder: Decoder) -> Iterator[Event]:
    """Yield the decoder's events, dated by their place in the stream."""
    read = getattr(stream, "read1", stream.read)  # a pipe gives what it has
    while chunk := read(CHUNK):
        if not decoder.byte_ms:
            decoder.byte_ms = BITS_PER_BYTE * 1000 / (9600 if b"\t" in chunk else 1200)
        yield from decoder.feed(chunk, (decoder.bytes + len(chunk)) * decoder.byte_ms)
    yield from decoder.finish()


def _doubt(judge: Judge, group: Group, end: FrameEnd) -> str:
    """Return why the group is not good by what is known with its own frame, "" when it is."""
    if judge.confirms(group, end.t_ms):
        return "clock_degraded" if group.degraded else ""
    return judge.doubt(group.label) if group.spec.role == "instant" else "unconfirmed"


def _print(frame: _Frame, judge: Judge, out: TextIO, *, as_json: bool) -> None:
    """Print a frame; what its successor confirmed is good."""
    end = frame.end
    doubts = [
        ("clock_degraded" if group.degraded else "")
        if doubt == "unconfirmed" and judge.confirms(group, end.t_ms)
        else doubt
        for group, doubt in zip(end.groups, frame.doubts, strict=True)
    ]
    if as_json:
        out.write(msgspec.json.encode(_object(end, doubts)).decode() + "\n")
    else:
        out.write("\n".join(_lines(end, doubts)) + "\n")


def _object(end: FrameEnd, doubts: list[str]) -> dict[str, Any]:
    return {
        "mode": end.mode,
        "t": round(end.t_ms / 1000, 3),
        "groups": [
            {
                "label": group.label,
                "horodate": _horodate(group),
                "value": fields.decoded(group),
                "unit": group.unit,
                "raw": group.raw.decode("ascii"),
                "quality": QUALITY_NAMES[UNCERTAIN if doubt else GOOD],
            }
            for group, doubt in zip(end.groups, doubts, strict=True)
        ],
        "rejected": [{"raw": found.raw.decode("latin-1"), "why": found.why} for found in (*end.rejected, *end.own)],
    }


def _horodate(group: Group) -> str | None:
    if not group.horodate:
        return None
    try:
        return fields.horodate(group.horodate).iso()
    except ValueError:  # the calendar has no such day
        return group.horodate


def _lines(end: FrameEnd, doubts: list[str]) -> Iterator[str]:
    yield f"{end.t_ms / 1000:9.3f} s  {end.mode}{'' if end.complete else ', not complete'}"
    for group, doubt in zip(end.groups, doubts, strict=True):
        value = f"{_text(fields.decoded(group))} {group.unit}".rstrip()
        at = _horodate(group) if group.spec.role != "clock" else None
        words = "; ".join(word for word in (at, REASONS.get(doubt, doubt)) if word)
        yield f"  {group.label:<10} {value:<{_VALUE_WIDTH}} {words}".rstrip()
    for found in (*end.rejected, *end.own):
        yield f"  rejected ({found.why}): {found.raw.decode('latin-1')!r}"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {word}" for name, word in value.items())
    if isinstance(value, tuple):
        return ", ".join(f"{slot.at} index {slot.tariff or '-'}" for slot in value)
    return str(value)


def _summary_line(decoder: Decoder) -> str:
    rejected = ", ".join(f"{count} {why}" for why, count in sorted(decoder.groups_rejected.items()))
    return (
        f"{decoder.bytes} bytes, {decoder.frames_complete} complete frames, {decoder.groups_ok} good groups, "
        f"rejected: {rejected or 'none'}"
    )
