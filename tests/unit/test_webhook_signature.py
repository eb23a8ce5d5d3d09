from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from notification_service.channels.webhook_signature import sign

BODY = b'{"eventId":"77d37b67-13de-4112-a5df-46cb3da08ded:2"}'
AT = 1795000000
#: printf '1795000000.{"eventId":"77d37b67-13de-4112-a5df-46cb3da08ded:2"}' |
#:     openssl dgst -sha256 -hmac the-secret
BY_OPENSSL = "940fc1bdeb67b0d8047a814c01e67edc0913f59bbbaa60b46361d63d931d6e02"

ROOT = Path(__file__).parents[2]
IsGenuine = Callable[..., bool]


@pytest.fixture
def is_genuine() -> IsGenuine:
    """The receiver's example, as its readers would copy it."""
    text = (ROOT / "docs" / "how-to" / "webhooks.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?def is_genuine.*?)```", text, re.DOTALL)
    names: dict[str, IsGenuine] = {}
    exec(example, names)
    return names["is_genuine"]


def headers(body: bytes = BODY, secrets: tuple[str, ...] = ("the-secret",)) -> dict[str, str]:
    return {
        "X-Clinic-Timestamp": str(AT),
        "X-Clinic-Signature": sign(body, AT, secrets),
    }


def test_a_signature_is_the_hmac_that_others_compute() -> None:
    assert sign(BODY, AT, ["the-secret"]) == f"v1={BY_OPENSSL}"


def test_several_secrets_sign_side_by_side() -> None:
    old, new = (sign(BODY, AT, [secret]) for secret in ("old", "new"))
    assert sign(BODY, AT, ["old", "new"]) == f"{old},{new}"


def test_a_receiver_takes_what_is_genuine(is_genuine: IsGenuine) -> None:
    assert is_genuine(headers(), BODY, "the-secret", AT + 60)


def test_a_receiver_takes_either_secret_while_it_is_replaced(is_genuine: IsGenuine) -> None:
    both = headers(secrets=("old", "new"))
    assert is_genuine(both, BODY, "old", AT)
    assert is_genuine(both, BODY, "new", AT)


def test_a_receiver_refuses_what_is_changed_old_or_of_somebody_else(
    is_genuine: IsGenuine,
) -> None:
    assert not is_genuine(headers(), BODY + b" ", "the-secret", AT)
    assert not is_genuine(headers(), BODY, "another", AT)
    assert not is_genuine(headers(), BODY, "the-secret", AT + 301)
    later = headers() | {"X-Clinic-Timestamp": str(AT + 301)}
    assert not is_genuine(later, BODY, "the-secret", AT + 301)
