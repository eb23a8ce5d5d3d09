from __future__ import annotations

import pytest

from gateway.http.status_names import code_of_status, title_of


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (404, "Not Found"),
        (413, "Request Entity Too Large"),
        (422, "Unprocessable Entity"),
        (431, "Request Header Fields Too Large"),
    ],
)
def test_a_status_has_the_same_name_in_every_python(status: int, title: str) -> None:
    assert title_of(status) == title
    assert code_of_status(status) == title.lower().replace(" ", "_")
