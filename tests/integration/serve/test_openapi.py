"""The OpenAPI document is valid, and the server keeps to it for any request that a tool makes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from millracer.domain.work.items import ItemState
from millracer.serve.openapi import openapi_document
from millracer.serve.routes import API, ROUTES
from millracer.testing.agent import ScriptedAgent
from millracer.testing.steps import Step
from millracer.wiring.tool_factory import PortFactory
from tests.support.serving import Client, LiveBackend, serving

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    ignored_auth,
)
ITEM = "fix-it-0123456789abcdef0123"
_EXAMPLES = 6
_MOST_WATCHES = 200

schema = schemathesis.openapi.from_dict(openapi_document())
#: A stream does not end, and ops requests have results of their own.
bounded = schema.exclude(path_regex=r"/(events|log|ops)$")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    place = tmp_path_factory.mktemp("any") / "workspace"
    (place / "millrace-agents").mkdir(parents=True)
    backend = LiveBackend(workspace=str(place))
    backend.holds(ITEM, ItemState.BLOCKED)
    backend.will_show(*[Step(until_deadline=True)] * _MOST_WATCHES)
    tools = PortFactory(backends=lambda *_: backend, agents=lambda *_: ScriptedAgent())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILLRACER_STATE_DIR", str(place.with_name("state")))
        with serving(tools, place) as running:
            yield running


@bounded.parametrize()
@settings(
    max_examples=_EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_any_request_is_answered_as_described(case: schemathesis.Case, client: Client) -> None:
    is_positive = case.meta is not None and case.meta.generation.mode.is_positive
    if is_positive and case.path_parameters.get("ws"):
        case.path_parameters["ws"] = client.get("/workspaces").json["workspaces"][0]["key"]
    case.call_and_validate(
        base_url=client.result.url,
        headers={"Authorization": f"Bearer {client.token}"},
        checks=CHECKS,
    )


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(openapi_document()).validate()


def test_the_document_describes_each_route_once() -> None:
    document = openapi_document()
    described = [
        (method.upper(), path.removeprefix(API))
        for path, operations in document["paths"].items()
        for method in operations
    ]
    ids = [
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
    ]

    assert sorted(described) == sorted((each.method, each.path) for each in ROUTES)
    assert len(ids) == len(set(ids))
