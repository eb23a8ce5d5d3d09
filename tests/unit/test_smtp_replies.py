"""Refusals of mail servers, as real ones word them: what blames the recipient is final."""

from __future__ import annotations

import pytest

from clinic.errors import ChannelUnavailable, RecipientRejected
from notification_service.channels.smtp_replies import data_refusal, rcpt_refusal

FINAL = [
    (550, b"5.1.0 Address rejected"),
    (550, b"5.1.1 The email account that you tried to reach does not exist"),
    (550, b"5.1.1 <ana@example.com>: Recipient address rejected: User unknown"),
    (550, b"5.1.1 The email account that you tried to reach\n5.1.1 does not exist. Please try"),
    (553, b"5.1.2 We are not accepting mail for that domain"),
    (501, b"5.1.3 Bad recipient address syntax"),
    (553, b"5.1.4 Ambiguous address"),
    (551, b"5.1.6 Recipient no longer on server"),
    (550, b"5.1.10 Recipient address has null MX"),
    (556, b"5.1.10 Recipient address has null MX"),
    (550, b"5.2.0 Mailbox status"),
    (550, b"5.2.1 The email account that you tried to reach is disabled"),
    (552, b"5.2.3 Message length exceeds administrative limit"),
    (550, b"5.2.4 Mailing list expansion problem"),
    (554, b"5.6.0 Message content rejected"),
    (554, b"5.6.7 Non-ASCII addresses not permitted"),
    (550, b" 5.1.1 with a blank before it"),
    (550, b"no such mailbox"),
    (550, b"Requested action not taken: mailbox unavailable\nsee http://example.com/5.7.1"),
    (551, b"User not local"),
    (553, b"Mailbox name not allowed"),
    (556, b"Domain does not accept mail"),
    (550, b"5.0.0 no such user"),
]

LATER = [
    # policy and security
    (554, b"5.7.1 <ana@example.com>: Relay access denied"),
    (550, b"5.7.1 Service unavailable; client host [192.0.2.1] blocked using zen.spamhaus.org"),
    (550, b"5.7.1 Our system has detected that this message is\n5.7.1 likely unsolicited mail."),
    (530, b"5.7.0 Must issue a STARTTLS command first"),
    (535, b"5.7.8 Username and Password not accepted"),
    (550, b"5.7.25 The IP address sending this message does not have a PTR record"),
    (550, b"5.7.26 This mail is unauthenticated"),
    (550, b"5.7.708 Service unavailable. Access denied, traffic not accepted from this IP"),
    # network, routing and quotas
    (550, b"5.4.5 Daily user sending limit exceeded"),
    (550, b"5.4.1 Recipient address rejected: Access denied"),
    (550, b"5.4.6 Routing loop detected"),
    (554, b"5.4.14 Hop count exceeded - possible mail loop"),
    (550, b"5.4.300 Message expired"),
    # the mail system
    (554, b"5.3.0 Other or undefined mail system status"),
    (552, b"5.3.4 Message too big for system"),
    (550, b"5.3.5 System incorrectly configured"),
    # the protocol
    (503, b"5.5.1 Bad sequence of commands"),
    (501, b"5.5.4 Invalid argument"),
    (555, b"5.5.4 Unsupported parameter"),
    # the sender
    (553, b"5.1.7 Bad sender's mailbox address syntax"),
    (550, b"5.1.8 Bad sender's system address"),
    (550, b"5.1.9 Message relayed to non-compliant mailer"),
    # a mailbox that its owner can empty
    (552, b"5.2.2 Mailbox full"),
    (552, b"Requested mail action aborted: exceeded storage allocation"),
    # no enhanced code, and nothing about the mailbox
    (500, b"Syntax error, command unrecognized"),
    (502, b"Command not implemented"),
    (503, b"Bad sequence of commands"),
    (521, b"Host does not accept mail"),
    (530, b"Authentication required"),
    (535, b"Authentication failed"),
    (555, b"MAIL FROM/RCPT TO parameters not recognized or not implemented"),
    # temporary by their own word, whatever else they say
    (421, b"closing transmission channel"),
    (450, b"4.2.0 Greylisted"),
    (451, b"4.7.1 Try again later"),
    (452, b"4.5.3 Too many recipients"),
    (450, b"5.1.1 mailbox unavailable"),
    (550, b"4.1.1 mailbox unavailable"),
    # of another subject than the registry knows
    (550, b"5.9.9 unknown"),
    (-1, b""),
]


@pytest.mark.parametrize(("code", "text"), FINAL, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("judge", [rcpt_refusal, data_refusal])
def test_a_refusal_that_blames_the_recipient_is_final(judge, code, text):
    assert isinstance(judge(code, text), RecipientRejected)


@pytest.mark.parametrize(("code", "text"), LATER, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("judge", [rcpt_refusal, data_refusal])
def test_any_other_refusal_is_tried_again(judge, code, text):
    assert isinstance(judge(code, text), ChannelUnavailable)


def test_a_code_alone_is_about_what_it_answers():
    assert isinstance(rcpt_refusal(501, b"Syntax error in address"), RecipientRejected)
    assert isinstance(data_refusal(501, b"Syntax error"), ChannelUnavailable)
    assert isinstance(rcpt_refusal(554, b"Relay access denied"), ChannelUnavailable)
    assert isinstance(data_refusal(554, b"Transaction failed"), RecipientRejected)


@pytest.mark.parametrize(
    "text", [b"5.7 no code", b"5.7.1.2 an address", b"15.7.1 none", b"see 5.7.1", b"5.1234.1 none"]
)
def test_what_only_resembles_an_enhanced_code_is_none(text):
    assert isinstance(rcpt_refusal(550, text), RecipientRejected)


def test_a_refusal_tells_the_codes_and_no_more():
    assert str(rcpt_refusal(550, b"5.1.1 ana@example.com")) == "the mail server answered 550 5.1.1"
    assert str(rcpt_refusal(550, b"ana@example.com")) == "the mail server answered 550"
