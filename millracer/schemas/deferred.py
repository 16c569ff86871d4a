"""A field whose model is imported when the field has a value, as the model is slow to build."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from millracer.domain.operations import load


class Deferred:
    """Metadata of a field that holds an instance of a model; the schema is that of the model.

    Args:
        target: the model as "module:attribute".
    """

    def __init__(self, target: str) -> None:
        self._target = target

    def __get_pydantic_core_schema__(
        self, _source: object, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate with the model; the value's own type determines its JSON."""
        return core_schema.no_info_after_validator_function(
            self._validate,
            core_schema.any_schema(),
            ref=self._target,  # as a model, which gets no title from the field
        )

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of the model."""
        return handler(self._model().__pydantic_core_schema__)

    def _model(self) -> type[BaseModel]:
        model: type[BaseModel] = load(self._target)
        return model

    def _validate(self, value: Any) -> BaseModel:
        return self._model().model_validate(value)
