"""The modem's own work, while nobody else has it: `python -m sms.modem identity|mode|signal|pin|drain --device …`.

A program of its own, because python-gammu can block for minutes and is GPL: `sms.modem_child` starts it with a deadline
and reads its one line of JSON. `fault` in it says why something could not be done; what is not known is not in it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sms.at import At, AtError, NoAnswerError
from sms.pin_latch import PinLatch

WORK: Final = ("identity", "mode", "signal", "pin", "drain")
FOLDER: Final = Path("/var/lib/vigie-sms")
LATCH: Final = "pin-tried.json"
STUCK: Final = "stuck.jsonl"
STUCK_MOST: Final = 1 << 20

PIN_S: Final = 15.0

Found = dict[str, Any]


def identity(device: str) -> Found:
    """Return what the modem, its SIM and the network say of themselves; of a SIM that is not ready, its state alone."""
    with At(device) as at:
        at.wake()
        found: Found = {"sim": at.sim()}
        if found["sim"] != "READY":
            return found
        found |= _mode(at)
        found["used"], found["capacity"] = at.stored()
        _keep_mode(at)
    phone = _phone(device)
    try:
        for name, ask in (
            ("manufacturer", phone.GetManufacturer), ("model", lambda: phone.GetModel()[1] or phone.GetModel()[0]),
            ("firmware", lambda: phone.GetFirmware()[0]), ("imei", phone.GetIMEI), ("imsi", phone.GetSIMIMSI),
            ("smsc", lambda: phone.GetSMSC()["Number"]),
        ):  # fmt: skip
            _add(found, name, ask)
        return found | _of_radio(phone)
    finally:
        _ended(phone)


def mode(device: str) -> Found:
    """Return whether the modem has fallen back into text mode; it is in PDU mode afterwards."""
    with At(device) as at:
        at.wake()
        found = _mode(at)
        if found.get("text_mode"):
            at.ask("AT+CMGF=0")
            _keep_mode(at)
    return found


def _mode(at: At) -> Found:
    with contextlib.suppress(AtError):
        return {"text_mode": at.is_text_mode()}
    return {}


def _keep_mode(at: At) -> None:
    """Write PDU mode into the modem's profile: one that keeps to that does not start anew in text mode."""
    with contextlib.suppress(AtError):
        at.ask("AT&W")


def signal(device: str) -> Found:
    """Return signal and operator alone."""
    phone = _phone(device)
    try:
        return _of_radio(phone)
    finally:
        _ended(phone)


def _of_radio(phone: Any) -> Found:
    found: Found = {}
    _add(found, "network", phone.GetNetworkInfo)
    network = found.pop("network", {})
    found["operator"] = network.get("NetworkName") or network.get("NetworkCode") or ""
    found["state"] = network.get("State", "")
    _add(found, "quality", phone.GetSignalQuality)
    quality = found.pop("quality", {})
    for name, key, least, most in (
        ("signal_percent", "SignalPercent", 0, 100),
        ("signal_dbm", "SignalStrength", -120, -1),
    ):
        figure = quality.get(key)
        if isinstance(figure, int) and least <= figure <= most:
            found[name] = figure
    return found


def _add(found: Found, name: str, ask: Callable[[], Any]) -> None:
    """Add an answer; one that the modem refuses is left out, and is not empty or zero."""
    import gammu

    try:
        answer = ask()
    except gammu.GSMError:
        return
    if answer not in (None, ""):
        found[name] = answer


def _phone(device: str) -> Any:
    import gammu

    phone = gammu.StateMachine()
    phone.SetConfig(0, {"Device": device, "Connection": "at115200"})
    phone.Init()
    return phone


def _ended(phone: Any) -> None:
    import gammu

    with contextlib.suppress(gammu.GSMError):
        phone.Terminate()


def pin(device: str, secret: str, latch: PinLatch) -> Found:
    """Give a PIN to a SIM that asks for it, once."""
    with At(device) as at:
        at.wake()
        state = at.sim()
        if state != "SIM PIN":
            return {"sim": state}
        if not (secret.isdigit() and 4 <= len(secret) <= 8):
            return {"sim": state, "fault": "no_pin"}
        card, tries = at.card(), at.pin_tries()
        why = latch.why_not(card, secret, tries)
        if why:
            return {"sim": state, "fault": why, "tries": tries}
        latch.trying(card, secret)
        try:
            at.ask(f'AT+CPIN="{secret}"', PIN_S)
        except NoAnswerError:
            raise  # whether it counted shows in the tries that are left
        except AtError:
            latch.refused(card, secret)
            return {"sim": at.sim(), "fault": "pin_refused", "tries": at.pin_tries()}
        latch.accepted(card)
        return {"sim": at.sim()}


def drain(device: str, folder: Path) -> Found:
    """Take the messages off the SIM that can't be read, all where each can; they are on the card as raw PDUs before."""
    with At(device) as at:
        at.wake()
        state = at.sim()
        if state != "READY":
            return {"sim": state}
        text_mode = _mode(at)
        _used, capacity = at.stored()
        pdus = at.pdus(capacity)
        unreadable = {place: pdu for place, pdu in pdus.items() if not is_readable(pdu)}
        # in text mode gammu-smsd reads none of them: nothing is wrong with them, and it reads them now
        taken = unreadable or ({} if text_mode.get("text_mode") else pdus)
        if taken:
            _keep(folder / STUCK, list(taken.values()))
        for place in taken:
            at.ask(f"AT+CMGD={place}", 10.0)
        used, capacity = at.stored()
    found: Found = {"sim": state, "drained": list(taken.values()), "used": used, "capacity": capacity}
    return found | text_mode | ({"fault": "undeletable"} if len(taken) > len(pdus) - used else {})


def is_readable(pdu: str) -> bool:
    """Return whether gammu can read a message that came in."""
    import gammu

    try:
        gammu.DecodePDU(bytes.fromhex(pdu), SMSC=True)
    except (gammu.GSMError, ValueError):
        return False
    return True


def _keep(path: Path, pdus: list[str]) -> None:
    """Write raw messages down, durably, before they are deleted; the file is begun anew when it is large."""
    line = json.dumps({"utc_s": int(time.time()), "pdus": pdus}).encode() + b"\n"
    is_large = path.exists() and path.stat().st_size > STUCK_MOST
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if is_large else os.O_APPEND)
    descriptor = os.open(path, flags, 0o660)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def found_by(what: str, device: str, secret: str, folder: Path) -> Found:
    """Return what came of it; a modem that is not there, is silent or refuses is a `fault`."""
    import serial

    try:
        if what == "identity":
            return identity(device)
        if what in {"signal", "mode"}:
            return signal(device) if what == "signal" else mode(device)
        return pin(device, secret, PinLatch(folder / LATCH)) if what == "pin" else drain(device, folder)
    except NoAnswerError as exc:
        return {"fault": "no_answer", "text": str(exc)}
    except AtError as exc:
        return {"fault": "refused", "text": str(exc)}
    except serial.SerialException as exc:
        return {"fault": "no_device", "text": str(exc)}
    except OSError as exc:
        return {"fault": "failed", "text": str(exc)}


def main(arguments: list[str]) -> int:
    """Do it and print one line of JSON; a PIN comes by standard input, where nobody lists it."""
    parser = argparse.ArgumentParser(prog="python -m sms.modem", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=WORK)
    parser.add_argument("--device", default="/dev/modem")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where tried PINs and raw messages are kept")
    parser.add_argument("--json", action="store_true", help="one line (this is all there is)")
    args = parser.parse_args(arguments)
    secret = sys.stdin.readline().strip() if args.what == "pin" else ""
    try:
        found = found_by(args.what, args.device, secret, args.folder)
    except Exception as exc:  # noqa: BLE001 - gammu's own errors are made at run time, and one is its whole answer
        found = {"fault": _fault_of(exc), "text": f"{type(exc).__name__}: {exc}"}
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


def _fault_of(exc: Exception) -> str:
    names = {"ERR_TIMEOUT": "no_answer", "ERR_DEVICEOPENERROR": "no_device", "ERR_DEVICENOTEXIST": "no_device"}
    return names.get(type(exc).__name__, "failed")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
