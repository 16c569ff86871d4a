"""The table of the API: every row can be loaded, and changes are marked as such."""

from __future__ import annotations

import pytest

from millracer.domain.operations import OPERATIONS, OperationName, load
from millracer.serve.routes import ROUTES, ApiRoute


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: each.operation_id)
def test_a_row_names_code_that_exists(route: ApiRoute) -> None:
    for target in filter(None, (route.handler, route.query, route.body, route.answer)):
        load(target)
    assert bool(route.answer or route.streams) or route.path == "/openapi.json"


def test_rows_are_unique() -> None:
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)
    assert len({route.operation_id for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: each.operation_id)
def test_only_reading_methods_are_allowed_to_a_read_only_server(route: ApiRoute) -> None:
    if route.path == "/ops":  # the gateway checks the action
        return
    assert route.writes is (route.method != "GET")
    if route.operation not in {None, OperationName.MODELS}:
        assert route.operation is not None
        assert OPERATIONS[route.operation].writes is route.writes
