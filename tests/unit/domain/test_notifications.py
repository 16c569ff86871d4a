"""Which addresses may receive notifications, and how a receiver is named."""

from __future__ import annotations

import pytest

from millracer.domain.notifications import NotifyTarget, secret_variables, url_problem


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook?x=1",
        "https://example.com:8443",
        "http://127.0.0.1:8080/hook",
        "http://127.9.9.9/",
        "http://localhost/hook",
        "http://[::1]:80/",
    ],
)
def test_an_address_is_encrypted_or_stays_on_this_machine(url: str) -> None:
    assert url_problem(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "http://example.com/",
        "http://127.0.0.1.example.com/",
        "http://localhost.example.com/",
        "http://0.0.0.0/",
        "http://[::ffff:10.0.0.1]/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://user:word@example.com/",
        "https://example.com:port/",
        "https://[::1/",
        "https://example.com/a b",
        "https://example.com/\n",
        "https:///hook",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    assert url_problem(url)


def test_a_label_has_no_path() -> None:
    target = NotifyTarget(outcomes=frozenset(), url="https://example.com:1/services/T0/B0?k=v")

    assert target.label == "https://example.com:1"


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({}, set()),
        ({"notify": "x"}, set()),
        ({"notify": {"secret_env": "A"}}, set()),
        ({"notify": [{"secret_env": "A"}, {"secret_env": 1}, "x", {"url": "u"}]}, {"A"}),
    ],
)
def test_the_variables_with_secrets_are_read_from_an_unchecked_file(
    config: dict[str, object], names: set[str]
) -> None:
    assert secret_variables(config) == names
