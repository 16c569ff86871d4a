"""Fake secrets and texts of them; put together here, so that no file of the project holds one."""

from __future__ import annotations

from hypothesis import strategies as st

#: One key of each shape, by the name of its kind.
KEYS = {
    "anthropic": "sk-" + "ant-api03-" + "aB3" * 12,
    "openai": "sk-" + "proj-" + "Zy9_" * 10,
    "stripe": "sk" + "_live_" + "a1B2" * 6,
    "github": "ghp" + "_" + "0aZ" * 12,
    "github-fine": "github" + "_pat_" + "0aZ_" * 10,
    "gitlab": "glpat" + "-" + "aB3_" * 5,
    "slack": "xoxb" + "-" + "123456789012-abcDEF",
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "google": "AIza" + "Sy0123456789abcdefghijklmnopqrstu_-"[:35],
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxIn0." + "s1g_na-ture",
    "pem": "-----BEGIN RSA " + "PRIVATE KEY-----\n" + "MIIEvQIBADANBg/+\n" * 4 + "-----END RSA "
    "PRIVATE KEY-----",
    "pem-cut": "-----BEGIN " + "PRIVATE KEY-----\n" + "MIIEvQIBADANBgkq\n" * 3 + "hkiG9w0=",
}

#: A text, and what of it is secret.
IN_PLACE = {
    "bearer": ("Authorization: Bearer {}", "abc123DEF456ghi789"),
    "bearer-alone": ("curl -H 'bearer {}' x", "abc123DEF456ghi789"),
    "basic": ("authorization: Basic {}", "dXNlcjpwYXNz"),
    "header": ('{{"x-api-key": "{}"}}', "0123456789abcdef0123"),
    "address": ("postgres://user:{}@host:5432/db", "p4ss!word"),
    "after-escape": ("first\\n{} rest", KEYS["openai"]),
    "coloured": ("\x1b[31m{}\x1b[0m", KEYS["github"]),
    "quoted": ('"{}"', KEYS["anthropic"]),
}

#: Not a key, although it has a part of one.
HARMLESS = (
    "task-0123456789abcdef0123456789abcdef",
    "risk-assessment-of-the-whole-thing",
    "pypi-trusted-publishing-setup, sk-learn-model-training_job: npm_config_cache_folder",
    "see https://example.org:8080/a?b=c@d and ssh://git@example.org/x.git",
    "Bearer authentication is described below in the documentation",
    "Authorization: required for all of these requests",
    "sk-short ghp_ AKIA eyJ eyJhbGci.x -----BEGIN CERTIFICATE-----",
    "an api-key: see the documentation of the provider",
    "sorted(items, key=operator.itemgetter(1)); token=next_token(stream)",
    "commit 0123456789abcdef0123456789abcdef01234567",
    "10:30:00 a:b@c",
)


def secrets() -> st.SearchStrategy[str]:
    """Values that a variable may hold, also such as overlap themselves and one another."""
    letters = st.text("abAB01", min_size=8, max_size=24)
    anything = st.text(st.characters(codec="utf-8"), min_size=8, max_size=40)
    return st.one_of(letters, anything).filter(lambda value: len(set(value)) > 2)
