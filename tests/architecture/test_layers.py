from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

_ROOT = Path(__file__).parents[2]


def test_imports_point_inwards_and_each_module_has_its_layer() -> None:
    status = lint_imports(config_filename=str(_ROOT / "pyproject.toml"), no_cache=True)

    assert status == EXIT_STATUS_SUCCESS
