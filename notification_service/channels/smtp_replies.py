"""Classifies negative SMTP replies: caused by the recipient, or by the mail system.

Uses enhanced status codes (RFC 3463, and the IANA registry of RFC 5248) if the server sends them,
otherwise the reply codes of RFC 5321. An error of the recipient is final. All others are errors of
a relay, a policy, a quota or our own configuration, which may be fixed later.
"""

from __future__ import annotations

import re

from clinic.errors import ChannelUnavailable, RecipientRejected

#: Starts the first line of a reply (RFC 2034, section 4); other lines repeat it.
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])", re.ASCII)
#: X.1.x address, X.2.x mailbox, X.6.x message content. Not final: X.3.x mail system, X.4.x network
#: and routing, X.5.x protocol, X.7.x security and policy.
_FINAL_SUBJECTS = frozenset({1, 2, 6})
#: Exceptions: X.1.7 and X.1.8 concern the sender's address, X.1.9 a relay (RFC 3886), and X.2.2 a
#: quota that the recipient can clear: "should be used as a persistent transient failure".
_NOT_FINAL = frozenset({(1, 7), (1, 8), (1, 9), (2, 2)})
#: Without an enhanced code, these concern the mailbox (RFC 5321, section 4.2.2; RFC 7504), but 552
#: is a quota.
_FINAL_CODES = frozenset({550, 551, 553, 556})
#: After RCPT, 501 concerns its only argument; after DATA, 554 concerns the whole message.
_FINAL_CODES_OF_RCPT = _FINAL_CODES | {501}
_FINAL_CODES_OF_DATA = _FINAL_CODES | {554}


def rcpt_refusal(code: int, text: bytes | str) -> ChannelUnavailable | RecipientRejected:
    """Return the error for a rejected recipient address."""
    return _refusal(code, text, _FINAL_CODES_OF_RCPT)


def data_refusal(code: int, text: bytes | str) -> ChannelUnavailable | RecipientRejected:
    """Return the error for a rejected message."""
    return _refusal(code, text, _FINAL_CODES_OF_DATA)


def _refusal(
    code: int, text: bytes | str, final_codes: frozenset[int]
) -> ChannelUnavailable | RecipientRejected:
    reply = text if isinstance(text, str) else text.decode("ascii", "replace")
    enhanced = _ENHANCED.match(reply.lstrip())
    status = ".".join(enhanced.groups()) if enhanced else ""
    reason = f"the mail server answered {code} {status}".rstrip()
    if _is_final(code, status, final_codes):
        return RecipientRejected(reason)
    return ChannelUnavailable(reason)


def _is_final(code: int, status: str, final_codes: frozenset[int]) -> bool:
    if code < 500:
        return False
    kind, subject, detail = (int(part) for part in (status or "5.0.0").split("."))
    if kind != 5:
        return False  # contradicts the reply code, so retry
    if subject == 0:
        return code in final_codes  # "other undefined status": no more specific than the reply code
    return subject in _FINAL_SUBJECTS and (subject, detail) not in _NOT_FINAL
