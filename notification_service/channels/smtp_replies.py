"""Whom a mail server's refusal blames: the recipient, or the mail system.

By enhanced status codes (RFC 3463, and the IANA registry of RFC 5248), where the server gives
them, else by the reply codes of RFC 5321. A recipient's fault is final. All others are faults of a
relay, a policy, a quota or our own setup, and may be gone when somebody has mended it.
"""

from __future__ import annotations

import re

from clinic.errors import ChannelUnavailable, RecipientRejected

#: The first line of a reply begins with it (RFC 2034, section 4); the others repeat it.
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])", re.ASCII)
#: X.1.x address, X.2.x mailbox, X.6.x content of the message. Not X.3.x mail system, X.4.x network
#: and routing, X.5.x protocol, X.7.x security and policy.
_FINAL_SUBJECTS = frozenset({1, 2, 6})
#: Of those, X.1.7 and X.1.8 blame the sender's address, X.1.9 a relay (RFC 3886), and X.2.2 a quota
#: that the recipient can clear: "should be used as a persistent transient failure".
_OTHERS_FAULTS = frozenset({(1, 7), (1, 8), (1, 9), (2, 2)})
#: Without such a code, these blame the mailbox (RFC 5321, section 4.2.2; RFC 7504). 552 is a quota.
_FINAL_CODES = frozenset({550, 551, 553, 556})
#: To RCPT, 501 is about its only argument; to DATA, 554 is the answer to the whole message.
_FINAL_CODES_OF_RCPT = _FINAL_CODES | {501}
_FINAL_CODES_OF_DATA = _FINAL_CODES | {554}


def rcpt_refusal(code: int, text: bytes | str) -> ChannelUnavailable | RecipientRejected:
    """Judge a refusal of the recipient's address."""
    return _refusal(code, text, _FINAL_CODES_OF_RCPT)


def data_refusal(code: int, text: bytes | str) -> ChannelUnavailable | RecipientRejected:
    """Judge a refusal of the message."""
    return _refusal(code, text, _FINAL_CODES_OF_DATA)


def _refusal(
    code: int, text: bytes | str, final_codes: frozenset[int]
) -> ChannelUnavailable | RecipientRejected:
    told = text if isinstance(text, str) else text.decode("ascii", "replace")
    enhanced = _ENHANCED.match(told.lstrip())
    status = ".".join(enhanced.groups()) if enhanced else ""
    answered = f"the mail server answered {code} {status}".rstrip()
    if _is_final(code, status, final_codes):
        return RecipientRejected(answered)
    return ChannelUnavailable(answered)


def _is_final(code: int, status: str, final_codes: frozenset[int]) -> bool:
    if code < 500:
        return False
    kind, subject, detail = (int(part) for part in (status or "5.0.0").split("."))
    if kind != 5:
        return False  # it contradicts itself, so it is too early to give up
    if subject == 0:
        return code in final_codes  # "other undefined status": it says no more than the code
    return subject in _FINAL_SUBJECTS and (subject, detail) not in _OTHERS_FAULTS
