"""The user's keys as files: private, outside of workspaces, and in no child's environment."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from millracer.cancellation import Wait
from millracer.certificate import library
from millracer.certificate.keys import FileKeys
from millracer.checks.runner import ProcessCheckRunner
from millracer.cli.app import invoke
from millracer.domain.certificate.names import PAYLOAD_TYPE, SIGNING_KEY_VARIABLE
from millracer.errors import CertificateImpossible, KeyUnusable
from millracer.system.processes import Command, run

_PAYLOAD = b"{}"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config"


@pytest.fixture
def keys(config: Path) -> FileKeys:
    return FileKeys({"MILLRACER_CONFIG_DIR": str(config)})


def test_a_new_key_is_private_and_signs(keys: FileKeys, config: Path, tmp_path: Path) -> None:
    made = keys.new()

    private = config / "keys" / "signing.pem"
    assert (made.path, made.is_signing) == (str(private), True)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700
    assert "BEGIN PRIVATE KEY" in private.read_text(encoding="ascii")  # PKCS8
    signed = json.dumps(keys.signer(None, str(tmp_path / "w")).sign(_PAYLOAD, PAYLOAD_TYPE))
    opened = keys.open(signed.encode(), (str(private.with_suffix(".pub")),), None)
    assert (opened.payload, opened.payload_type) == (_PAYLOAD, PAYLOAD_TYPE)
    assert opened.key_id == made.key_id
    assert keys.known() == (made,)


def test_a_key_is_never_replaced(keys: FileKeys, config: Path) -> None:
    keys.new()
    before = (config / "keys" / "signing.pem").read_bytes()

    with pytest.raises(KeyUnusable):
        keys.new()
    assert (config / "keys" / "signing.pem").read_bytes() == before


def test_only_trusted_keys_are_trusted(keys: FileKeys, tmp_path: Path) -> None:
    other = FileKeys({"MILLRACER_CONFIG_DIR": str(tmp_path / "other")})
    public = Path(other.new().path).with_suffix(".pub")
    signed = json.dumps(other.signer(None, str(tmp_path / "w")).sign(_PAYLOAD, PAYLOAD_TYPE))
    keys.new()

    with pytest.raises(KeyUnusable):  # its own key is not trusted either
        keys.open(signed.encode(), (), None)
    trusted = keys.trust(str(public), "builder")
    assert (trusted.name, trusted.is_signing) == ("builder", False)
    assert keys.open(signed.encode(), (), None).payload == _PAYLOAD
    assert keys.trust(str(public), "builder") == trusted
    assert [each.name for each in keys.known()] == ["signing", "builder"]


def test_a_trusted_name_is_not_taken_over(keys: FileKeys, tmp_path: Path) -> None:
    first, second = (
        Path(FileKeys({"MILLRACER_CONFIG_DIR": str(tmp_path / name)}).new().path).with_suffix(
            ".pub"
        )
        for name in ("a", "b")
    )
    keys.trust(str(first), "builder")

    for path, name in ((second, "builder"), (second, "../up"), (second, "")):
        with pytest.raises(KeyUnusable):
            keys.trust(str(path), name)
    assert len(keys.known()) == 1


def test_a_key_that_others_can_read_is_refused(keys: FileKeys, config: Path) -> None:
    keys.new()
    (config / "keys" / "signing.pem").chmod(0o640)

    with pytest.raises(KeyUnusable) as raised:
        keys.signer(None, "/w")
    assert "chmod 600" in (raised.value.suggested_action or "")


def test_a_key_in_the_workspace_is_refused(keys: FileKeys, tmp_path: Path) -> None:
    source = Path(keys.new().path)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    inside = workspace / "key.pem"
    inside.write_bytes(source.read_bytes())
    inside.chmod(0o600)
    link = tmp_path / "link.pem"
    link.symlink_to(inside)

    for path in (inside, link):
        with pytest.raises(KeyUnusable):
            keys.signer(str(path), str(workspace))


def test_a_key_to_trust_in_the_workspace_is_refused(keys: FileKeys, tmp_path: Path) -> None:
    public = Path(keys.new().path).with_suffix(".pub")
    signed = json.dumps(keys.signer(None, str(tmp_path / "w")).sign(_PAYLOAD, PAYLOAD_TYPE))
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    inside = workspace / "key.pub"
    inside.write_bytes(public.read_bytes())
    link = tmp_path / "link.pub"
    link.symlink_to(inside)

    for path in (inside, link):
        with pytest.raises(KeyUnusable):
            keys.open(signed.encode(), (str(path),), str(workspace))
    assert keys.open(signed.encode(), (str(public),), str(workspace)).payload == _PAYLOAD


def test_a_trusted_key_is_what_was_read(keys: FileKeys, config: Path, tmp_path: Path) -> None:
    public = Path(keys.new().path).with_suffix(".pub")
    source = tmp_path / "builder.pub"
    source.write_bytes("the key of Jörg\n".encode() + public.read_bytes() + b"more\n")

    keys.trust(str(source), None)

    assert (config / "trusted_keys" / "builder.pub").read_bytes() == public.read_bytes()


def _pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize("content", [b"", b"words", _pem(ec.generate_private_key(ec.SECP256R1()))])
def test_a_file_without_an_ed25519_key_is_refused(
    keys: FileKeys, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(KeyUnusable):
        keys.signer(str(path), "/w")
    with pytest.raises(KeyUnusable):
        keys.trust(str(path), "name")
    with pytest.raises(KeyUnusable):
        keys.open(b"{}", (str(path),), None)
    with pytest.raises(KeyUnusable):
        keys.open(b"{}", (str(tmp_path / "none.pub"),), None)


def test_a_key_in_the_environment_signs(config: Path, tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    keys = FileKeys({"MILLRACER_CONFIG_DIR": str(config), SIGNING_KEY_VARIABLE: _pem(key).decode()})
    public = tmp_path / "key.pub"
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )

    signed = keys.signer(None, "/w").sign(_PAYLOAD, PAYLOAD_TYPE)
    assert keys.open(json.dumps(signed).encode(), (str(public),), None).payload == _PAYLOAD


def test_the_key_in_the_environment_reaches_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SIGNING_KEY_VARIABLE, "a-private-key-of-the-user")
    shows = (sys.executable, "-c", "import os; print(dict(os.environ))")
    environment = {SIGNING_KEY_VARIABLE: "a-private-key-of-the-user", "KEPT": "kept"}

    inherited = run(Command(tool="pi", argv=shows, cwd=tmp_path), Wait.for_seconds(30))
    chosen = run(
        Command(tool="millrace", argv=shows, cwd=tmp_path, env=environment), Wait.for_seconds(30)
    )
    checked = ProcessCheckRunner(environment).run(shows, str(tmp_path), Wait.for_seconds(30))

    for output in (inherited.stdout, chosen.stdout, checked.output):
        assert SIGNING_KEY_VARIABLE not in output
    assert "KEPT" in chosen.stdout
    assert "KEPT" in checked.output


def test_a_missing_library_is_named(keys: FileKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "find_spec", lambda name: None)

    for use in (
        keys.new,
        keys.known,
        lambda: keys.signer(None, "/w"),
        lambda: keys.open(b"", (), None),
    ):
        with pytest.raises(CertificateImpossible) as raised:
            use()
        assert raised.value.code == "extra_missing"


def test_the_commands_make_list_and_trust_keys(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MILLRACER_CONFIG_DIR", str(config))

    assert invoke(["keys", "list"]) == 0
    assert "no keys" in capsys.readouterr().out
    assert invoke(["keys", "new", "--json"]) == 0
    (made,) = json.loads(capsys.readouterr().out)["keys"]
    assert invoke(["keys", "new", "--json"]) == 2
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert error["code"] == "key_unusable"
    public = str(Path(made["path"]).with_suffix(".pub"))
    assert invoke(["keys", "trust", public, "--name", "own"]) == 0
    capsys.readouterr()
    assert invoke(["keys", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["keys"]
    assert [(each["name"], each["is_signing"]) for each in listed] == [
        ("signing", True),
        ("own", False),
    ]
    assert {each["key_id"] for each in listed} == {made["key_id"]}
