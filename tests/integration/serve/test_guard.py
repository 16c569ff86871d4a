"""Each row of the guard's table, over raw connections."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from millracer.serve.guard import HEADERS_LIMIT_BYTES
from millracer.serve.handlers.call import BODY_LIMIT_BYTES
from millracer.serve.routes import API, ROUTES
from millracer.testing.agent import ScriptedAgent
from millracer.testing.backend import ScriptedBackend
from millracer.wiring.tool_factory import PortFactory
from tests.support.cli import wait_until
from tests.support.serving import JSON, Answered, Client, key_of, serving


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of the servers that all tests of this module share."""
    folder = tmp_path_factory.mktemp("shared") / "workspace"
    (folder / "millrace-agents").mkdir(parents=True)
    return folder


def _shared(place: Path, **settings: bool) -> Iterator[Client]:
    backend = ScriptedBackend(workspace=str(place))
    tools = PortFactory(backends=lambda *_: backend, agents=lambda *_: ScriptedAgent())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILLRACER_STATE_DIR", str(place.with_name("state")))
        with serving(tools, place, **settings) as client:
            yield client


@pytest.fixture(scope="module")
def client(place: Path) -> Iterator[Client]:
    yield from _shared(place)


@pytest.fixture(scope="module")
def reader(place: Path) -> Iterator[Client]:
    yield from _shared(place, read_only=True)


BOARD = f"{API}/board"
WORKSPACES = f"{API}/workspaces"
NAMES_IN_A_PATH = {
    "ws": "0" * 8,
    "id": "an-item",
    "run_id": "a-run",
    "host": "a-host",
    "workspace_id": "a-workspace",
}
SECURITY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


def assert_refused(answered: Answered, status: int, code: str) -> None:
    assert (answered.status, answered.code) == (status, code)
    assert answered.json["error"]["suggested_action"]
    assert_guarded(answered)


def assert_guarded(answered: Answered) -> None:
    """The headers of every answer; none lets another origin read it."""
    for name, value in SECURITY.items():
        assert answered.header(name) == value
    names = {name for name, _ in answered.headers}
    assert not {name for name in names if name.startswith("access-control-")}
    assert "server" not in names
    assert "set-cookie" not in names


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LocalHost"])
def test_the_names_of_this_machine_are_admitted(client: Client, name: str) -> None:
    assert client.raw("GET", BOARD, host=f"{name}:{client.port}").status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:{port}",
        "127.0.0.2:{port}",
        "localhost.:{port}",
        "0.0.0.0:{port}",
        "user@127.0.0.1:{port}",
        "",
    ],
)
@pytest.mark.parametrize("path", [BOARD, "/", "/health", "/static/index.html"])
def test_another_host_is_misdirected(client: Client, host: str, path: str) -> None:
    answered = client.raw("GET", path, host=host.format(port=client.port))

    assert_refused(answered, 421, "wrong_host")


def test_a_request_without_a_host_is_misdirected(client: Client) -> None:
    bearer = f"Authorization: Bearer {client.token}"

    assert_refused(
        client.send(f"GET {BOARD} HTTP/1.0\r\n{bearer}\r\n\r\n".encode()), 421, "wrong_host"
    )


def test_two_hosts_are_refused(client: Client) -> None:
    answered = client.raw("GET", BOARD, "Host: evil.example")

    assert answered.status == 400


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "http://127.0.0.1",
        "https://127.0.0.1:{port}",
        "http://localhost:1",
        "http://127.0.0.1:{port}.evil.example",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_origin_is_refused(client: Client, origin: str, method: str) -> None:
    path = BOARD if method == "GET" else WORKSPACES
    header = f"Origin: {origin.format(port=client.port)}"

    assert_refused(client.raw(method, path, header), 403, "foreign_origin")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_the_own_origin_is_admitted(client: Client, name: str) -> None:
    assert client.raw("GET", BOARD, f"Origin: http://{name}:{client.port}").status == 200


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("x", 403)],
)
def test_a_request_of_another_site_is_refused(client: Client, site: str, status: int) -> None:
    answered = client.raw("GET", BOARD, f"Sec-Fetch-Site: {site}")

    assert answered.status == status
    assert_guarded(answered)


def test_a_preflight_is_refused(client: Client) -> None:
    answered = client.raw("OPTIONS", WORKSPACES, "Access-Control-Request-Method: POST", token="")

    assert_refused(answered, 403, "foreign_origin")


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: f"{each.method} {each.path}")
@pytest.mark.parametrize("token", ["", "wrong", "öüä"])
def test_every_route_needs_the_token(client: Client, token: str, route: object) -> None:
    method, path = getattr(route, "method"), getattr(route, "path")  # noqa: B009 - any row
    path = path.format_map(NAMES_IN_A_PATH)
    answered = client.raw(method, f"{API}{path}", f"Content-Type: {JSON}", token=token)

    assert_refused(answered, 401, "unauthorized")
    assert (answered.header("www-authenticate") or "").startswith("Bearer")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_of_the_token_has_no_case(client: Client, scheme: str) -> None:
    header = f"Authorization: {scheme} {client.token}"

    assert client.raw("GET", BOARD, header, token="").status == 200


@pytest.mark.parametrize("form", ["Bearer  {token}", "Basic {token}", "{token}", "Bearer{token}"])
def test_the_token_is_a_bearer_token(client: Client, form: str) -> None:
    header = f"Authorization: {form.format(token=client.token)}"

    assert client.raw("GET", BOARD, header, token="").status == 401


@pytest.mark.parametrize("query", ["token={token}", "access_token={token}"])
def test_the_token_is_never_read_from_the_query_or_a_cookie(client: Client, query: str) -> None:
    query = query.format(token=client.token)

    answered = client.raw("GET", f"{BOARD}?{query}", f"Cookie: {query}", token="")

    assert answered.status == 401


def test_two_tokens_are_refused(client: Client) -> None:
    answered = client.raw("GET", BOARD, "Authorization: Bearer wrong")

    assert_refused(answered, 400, "duplicate_header")


@pytest.mark.parametrize(
    "headers",
    [(), ("Content-Type: text/plain",), ("Content-Type: application/x-www-form-urlencoded",)],
)
def test_a_write_must_be_json(client: Client, headers: tuple[str, ...]) -> None:
    assert_refused(client.raw("POST", WORKSPACES, *headers, body=b"{}"), 415, "json_only")


def test_json_may_name_its_encoding(client: Client, place: Path) -> None:
    path = f"{WORKSPACES}/{key_of(place)}/pause"

    assert client.raw("POST", path, f"Content-Type: {JSON}; charset=utf-8").status == 200


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_beyond_the_limit_is_refused(client: Client, *, is_announced: bool) -> None:
    head = [
        f"POST {WORKSPACES} HTTP/1.1",
        f"Host: {client.host}",
        f"Authorization: Bearer {client.token}",
        f"Content-Type: {JSON}",
        f"Content-Length: {BODY_LIMIT_BYTES + 1}" if is_announced else "Transfer-Encoding: chunked",
    ]
    with client.connect() as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        if not is_announced:
            _send_chunks(connection, BODY_LIMIT_BYTES + 1)
        received = b""
        while b"body_too_large" not in received:
            chunk = connection.recv(1 << 16)
            assert chunk, received
            received += chunk

    assert received.startswith(b"HTTP/1.1 413 ")


def _send_chunks(connection: socket.socket, size: int) -> None:
    piece = b" " * (1 << 20)
    for _ in range(size // len(piece) + 1):
        connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")


def test_a_client_that_leaves_in_its_body_is_not_a_bug(
    tools: PortFactory, workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "millracer.serve.guard"), serving(tools, workspace) as client:
        head = (
            f"POST {WORKSPACES} HTTP/1.1",
            f"Host: {client.host}",
            f"Authorization: Bearer {client.token}",
            f"Content-Type: {JSON}",
            "Content-Length: 9",
        )
        with client.connect() as connection:
            connection.sendall("\r\n".join([*head, "", "{"]).encode())
        wait_until(lambda: "POST" in caplog.text, "the request ended")


def test_headers_beyond_the_limit_are_refused(client: Client) -> None:
    answered = client.raw("GET", BOARD, f"X-Long: {'x' * HEADERS_LIMIT_BYTES}")

    assert_refused(answered, 431, "headers_too_large")


def test_headers_far_beyond_the_limit_end_the_connection(client: Client) -> None:
    with suppress(ConnectionResetError):
        answered = client.raw("GET", BOARD, f"X-Long: {'x' * 8 * HEADERS_LIMIT_BYTES}")
        assert answered.status == 400

    assert client.get("/board").status == 200


@pytest.mark.parametrize("path", ["/", "/health", "/static/index.html"])
def test_the_page_needs_no_token_and_has_no_data(client: Client, path: str) -> None:
    answered = client.raw("GET", path, token="")

    assert answered.status == 200
    assert_guarded(answered)
    assert client.token.encode() not in answered.body


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/index.html%00",
    ],
)
def test_only_files_of_the_page_are_served(client: Client, path: str) -> None:
    assert_refused(client.raw("GET", path, token=""), 404, "no_such_address")


def test_an_unknown_address_of_the_api_is_not_found(client: Client) -> None:
    assert_refused(client.get("/nothing"), 404, "no_such_address")
    assert_refused(client.raw("DELETE", BOARD), 405, "method_not_allowed")


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: f"{each.method} {each.path}")
def test_a_read_only_server_refuses_every_change(reader: Client, route: object) -> None:
    if not getattr(route, "writes"):  # noqa: B009 - any row
        return
    method, path = getattr(route, "method"), getattr(route, "path")  # noqa: B009 - any row
    path = path.format_map(NAMES_IN_A_PATH)

    answered = reader.raw(method, f"{API}{path}", f"Content-Type: {JSON}", body=b"{}")

    assert_refused(answered, 405, "read_only")


def test_a_socket_has_the_same_guard(tools: PortFactory, workspace: Path, tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    with serving(tools, workspace, socket=folder / "s") as client:
        assert client.raw("GET", BOARD, host="localhost").status == 200
        assert_refused(client.raw("GET", BOARD, host="localhost", token=""), 401, "unauthorized")
        assert_refused(client.raw("GET", BOARD, host="evil.example"), 421, "wrong_host")
        assert (folder / "s").stat().st_mode & 0o077 == 0

    assert not (folder / "s").exists()


def test_a_remote_name_is_admitted_only_where_it_is_allowed(
    tools: PortFactory, workspace: Path, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("0123456789abcdef0123456789abcdef\n")
    token_file.chmod(0o600)
    with serving(
        tools, workspace, allow_remote=True, allowed_hosts=("box.example",), token_file=token_file
    ) as client:
        assert client.token == "0123456789abcdef0123456789abcdef"
        assert client.raw("GET", BOARD, host="box.example").status == 200
        origin = "Origin: https://box.example"
        assert client.raw("GET", BOARD, origin, host="box.example").status == 200
        assert client.raw("GET", BOARD, host="evil.example").status == 421
