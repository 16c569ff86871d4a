"""The scripted server answers with documents as they are published."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from millracer.schemas.base import Published
from millracer.schemas.names import SchemaName
from millracer.schemas.serve.board import BoardResult
from millracer.schemas.serve.items import AcceptedResult, ItemsPage
from tests.browser.documents import Document
from tests.browser.stub import World
from tests.browser.worlds import busy
from tests.support.ops_world import assert_published

_SCHEMAS = {
    "millracer.item.v1": SchemaName.ITEM_RESULT,
    "millracer.diff.v1": SchemaName.DIFF_RESULT,
    "millracer.logs.v1": SchemaName.LOGS_RESULT,
    "millracer.models.v1": SchemaName.MODELS_RESULT,
    "millracer.doctor.v1": SchemaName.DOCTOR_RESULT,
    "millracer.status.v1": SchemaName.STATUS_RESULT,
    "millracer.control.v1": SchemaName.CONTROL_RESULT,
}
#: Documents of the HTTP API alone, which its OpenAPI description publishes.
_HTTP: dict[str, type[Published]] = {
    "millracer.board.v1": BoardResult,
    "millracer.items-page.v1": ItemsPage,
    "millracer.accepted.v1": AcceptedResult,
}


def _documents(world: World) -> Iterator[Document]:
    yield from world.documents.values()
    for answer in world.answers.values():
        assert isinstance(answer, tuple)
        yield answer[1]


@pytest.mark.parametrize("version", sorted(_SCHEMAS))
def test_documents_are_as_published(version: str) -> None:
    found = [each for each in _documents(busy()) if each["schema_version"] == version]
    assert found
    for document in found:
        assert_published(_SCHEMAS[version], document)


@pytest.mark.parametrize("version", sorted(_HTTP))
def test_documents_of_the_http_api_are_as_published(version: str) -> None:
    found = [each for each in _documents(busy()) if each["schema_version"] == version]
    assert found
    for document in found:
        read = _HTTP[version].model_validate_json(json.dumps(document))
        assert set(document) == set(read.model_dump())


def test_frames_are_as_published() -> None:
    for log in busy().logs.values():
        for frame in log.frames:
            assert_published(SchemaName.EVENT_FRAME, frame)
