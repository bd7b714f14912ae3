"""Why a broker can't be reached or refuses us: one code a cause, the same in journal, status, doctor and docs.

"not yet valid" and "expired" are told apart since a box with a wrong clock meets the first and only a new certificate
cures the second.
"""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Final

CODES: Final[dict[str, str]] = {
    "name_not_found": "the broker's name has no address: check host and the DNS",
    "name_timeout": "the name server does not answer",
    "unreachable": "no way to the broker's address: check cable, modem or route",
    "nobody_listens": "the machine answers, but no broker listens on this port: check host and port",
    "silent": "the broker took the call and says nothing",
    "wrong_ca": "the broker's certificate is not signed by an authority of ca_file",
    "wrong_name": "the broker's certificate is for another name than host",
    "cert_expired": "the broker's certificate has expired",
    "cert_not_yet_valid": "the broker's certificate is not valid yet: check the clock of this box",
    "own_cert_refused": "the broker does not accept the certificate of this box (cert_file)",
    "not_tls": "the broker does not speak TLS on this port: set tls = false or another port",
    "tls": "TLS failed",
    "bad_file": "a certificate, key or password file cannot be read",
    "wrong_password": "the broker does not accept user name and password, or not this client",
    "client_id": "the broker does not accept this box's id as client id",
    "banned": "the broker has banned this client",
    "no_qos1": "the broker takes no messages that it must confirm (QoS 1): the box needs that",
    "no_retain": "the broker keeps no messages for whoever comes later (retained): the box needs that",
    "broker_busy": "the broker is busy or over its quota",
    "protocol": "the broker does not speak MQTT 5",
    "acl": "the broker does not let this box publish on its topics: check the broker's ACL",
    "acl_ack": "the broker does not let this box read its acknowledgements (down/ack): check the broker's ACL",
    "store_unreadable": "the card can't be read: what waits can't be sent",
    "taken_over": "another client with this box's id has taken the connection over",
    "too_large": "the broker closed the connection: a message was too large",
    "keepalive": "the link has fallen silent",
    "closed": "the broker closed the connection",
    "refused": "the broker refused the connection",
}

# MQTT 5 §2.4, reason codes of CONNACK and DISCONNECT
_REASONS: Final = {
    0x81: "protocol", 0x82: "protocol", 0x84: "protocol", 0x85: "client_id", 0x86: "wrong_password",
    0x87: "wrong_password", 0x88: "broker_busy", 0x89: "broker_busy", 0x8A: "banned", 0x8C: "wrong_password",
    0x8E: "taken_over", 0x93: "broker_busy", 0x95: "too_large", 0x96: "broker_busy", 0x97: "broker_busy",
    0x9A: "no_retain", 0x9B: "no_qos1", 0x9F: "broker_busy", 0x8D: "keepalive",
}  # fmt: skip

# X509_V_ERR_* of OpenSSL, as ssl gives them in verify_code
_VERIFY: Final = {9: "cert_not_yet_valid", 10: "cert_expired", 62: "wrong_name", 64: "wrong_name"}

_OWN_CERT_ALERTS: Final = ("UNKNOWN_CA", "CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED",
                           "CERTIFICATE_REVOKED", "CERTIFICATE_UNKNOWN", "HANDSHAKE_FAILURE")  # fmt: skip


def code_from_reason(reason: int, otherwise: str) -> str:
    """Return the code of an MQTT reason code, or `otherwise` for one that says nothing more."""
    return _REASONS.get(reason, otherwise)


def code_from_error(error: BaseException) -> str:
    """Return the code of what a socket or TLS call raised while connecting or later."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, "wrong_ca")
    if isinstance(error, ssl.SSLError):
        return _code_from_tls(error)
    if isinstance(error, socket.gaierror):
        return "name_timeout" if error.errno == socket.EAI_AGAIN else "name_not_found"
    if isinstance(error, ConnectionRefusedError):
        return "nobody_listens"
    if isinstance(error, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
        return "closed"
    if isinstance(error, TimeoutError) or getattr(error, "errno", None) in {
        errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL,
    }:  # fmt: skip
        return "unreachable"
    return "refused"


def _code_from_tls(error: ssl.SSLError) -> str:
    reason = error.reason or ""
    if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER_FAILURE" in reason:
        return "not_tls"
    if "ALERT" in reason and any(alert in reason for alert in _OWN_CERT_ALERTS):
        return "own_cert_refused"
    return "tls"
