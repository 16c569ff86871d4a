"""Ops requests: a smallest one, and strategies over valid ones, bent ones, and anything at all."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from millracer.domain.operations import ACTIONS, OpsVersion, actions_of
from millracer.domain.run.options import RUN_OPTIONS
from millracer.schemas.ops.request import SCHEMA_VERSION
from millracer.schemas.run.options import FORBIDDEN_OPTIONS
from tests.support.option_values import json_values_of

Json = Any
Strategy = st.SearchStrategy[Json]

#: What Unicode calls white space; a text of nothing else is blank.
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)

#: Keys of a request and of its parts, and some unknown ones.
_KEYS = (
    *("schema_version", "request_id", "action", "workspace_ref", "source", "input", "options"),
    *("client_name", "actor", "metadata", "scoped_work_item", "expected_evidence", "context_refs"),
    *("workspace_id", "root_path", "runtime_kind", "kind", "text", "payload", "task", "tags"),
    *("item_id", "id", "session_id", "is_default", "resume", "skill", "daemon-timeout-seconds"),
    *("unheard_of", "input.x", "metadata.x", "", "ключ"),
)
#: A workspace of `tests.support.gateway.Desk`, so that some requests get as far as their work.
_WORKSPACE = "/shop"
_WORDS = (*ACTIONS, *_KEYS, SCHEMA_VERSION, "default", "local", "remote", "~nobody", "/", "\0", " ")


def version_of(action: str) -> OpsVersion:
    """Return the first version that has an action; v0.2 for an unknown one."""
    return ACTIONS[action].ops_since if action in ACTIONS else OpsVersion.V02


def asks(action: str, **fields: Json) -> dict[str, Json]:
    """Return a request that says no more than it has to, and these fields.

    Its version is the first one that has the action.
    """
    return {
        "schema_version": str(version_of(action)),
        "request_id": "req-1",
        "action": action,
        "workspace_ref": {},
        "source": {"kind": "test"},
        **fields,
    }


def encoded(document: Json) -> bytes:
    """Return the bytes a client sends; NaN and its like under their names."""
    return json.dumps(document).encode()


def texts() -> st.SearchStrategy[str]:
    """Any text, blank ones and meaningful words among them."""
    return st.one_of(
        st.text(st.characters(codec="utf-8"), max_size=8),
        st.sampled_from(_WORDS),
        st.text(WHITE_SPACE, max_size=3),
    )


def filled_texts() -> st.SearchStrategy[str]:
    """Any text that is not blank."""
    return texts().map(lambda text: text if text.strip(WHITE_SPACE) else f"{text}x")


def json_values(*, strict: bool = False) -> st.SearchStrategy[Json]:
    """Any JSON value; unless strict, also what only some call JSON: NaN, half surrogate pairs."""
    text = texts() if strict else st.one_of(texts(), st.text(max_size=3), _half_pairs())
    number = st.floats(allow_nan=not strict, allow_infinity=not strict)
    plain = st.one_of(st.none(), st.booleans(), st.integers(), number, text)
    return st.recursive(
        plain,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(_KEYS) | text, inner, max_size=4),
        ),
        max_leaves=6,
    )


def some_of(
    fields: Mapping[str, st.SearchStrategy[Json]],
) -> st.SearchStrategy[dict[str, Json]]:
    """Some of these fields; a request that says everything at once finds no more, and slower."""
    names = st.sets(st.sampled_from(sorted(fields)), max_size=4)
    return names.flatmap(
        lambda chosen: st.fixed_dictionaries({name: fields[name] for name in sorted(chosen)})
    )


def options() -> st.SearchStrategy[dict[str, Json]]:
    """Options of a request, each in one of its two spellings."""
    fields = {each.name: json_values_of(each, texts()) for each in RUN_OPTIONS}
    named = some_of({**fields, "resume": st.none() | texts()})
    return st.builds(
        lambda values, dashed: {
            name.replace("_", "-") if name in dashed else name: value
            for name, value in values.items()
        },
        named,
        st.sets(st.sampled_from([each.name for each in RUN_OPTIONS])),
    )


def scopes() -> st.SearchStrategy[dict[str, Json]]:
    """A selected entry, its id under either name."""
    text = st.none() | texts()
    return st.builds(
        lambda name, item_id, rest: {name: item_id, **rest},
        st.sampled_from(["item_id", "id"]),
        filled_texts(),
        st.fixed_dictionaries(
            {},
            optional={
                "title": text,
                "source_queue": text,
                "spec_path": text,
                "completion_ref": text,
                "constraints": st.none() | st.lists(texts(), max_size=3),
            },
        ),
    )


_TEXT = st.none() | texts()
_TEXTS = st.none() | st.lists(texts(), max_size=3)
_ITEM = {"work_item_id": filled_texts()}
_ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"

#: Of each action with fields of its own, the needed and the optional ones.
_PAYLOADS: Mapping[str, tuple[dict[str, Strategy], dict[str, Strategy]]] = {
    "list_items": ({}, {"states": _TEXTS, "all_workspaces": st.booleans()}),
    "show_work_item": (_ITEM, {}),
    "trace": (_ITEM, {}),
    "watch": (_ITEM, {"after": _TEXT}),
    "diff": (_ITEM, {}),
    "certify": (_ITEM, {}),
    "logs": (_ITEM, {"stage": _TEXT, "raw": st.booleans()}),
    "retry": (_ITEM, {"reason": _TEXT}),
    "cancel": (_ITEM, {"reason": _TEXT}),
    "list_runs": ({}, {"work_item_id": _TEXT}),
    "history": ({}, {"all_workspaces": st.booleans(), "work_item_id": _TEXT}),
    "show_run": ({"run_id": filled_texts()}, {}),
    "stop": ({}, {"force": st.booleans()}),
    "diagnose": ({}, {"with_turn": st.booleans()}),
    "models": (
        {},
        {
            "choices": _TEXTS,
            **dict.fromkeys(("follow_pi", "check_models", "compiles"), st.booleans()),
        },
    ),
    "enqueue": ({}, {"task": _TEXT, "text": _TEXT}),
    "submit": ({}, {"task": _TEXT, "text": _TEXT}),
    "select_workspace": ({}, {"workspace_id": _TEXT, "root_path": _TEXT, "mode": _TEXT}),
    "register_workspace": (
        {
            "workspace_id": st.from_regex(_ID_PATTERN, fullmatch=True),
            "root_path": st.just(_WORKSPACE) | filled_texts(),
        },
        {
            "display_name": _TEXT,
            "default_mode": _TEXT,
            "tags": _TEXTS,
            "is_default": st.none() | st.booleans(),
        },
    ),
    "forget_workspace": ({"workspace_id": filled_texts()}, {}),
    "forget_session": ({"session_id": filled_texts()}, {}),
    "fleet_submit": (
        {},
        {
            "task": _TEXT,
            "text": _TEXT,
            "workspace_id": _TEXT,
            "label": _TEXT,
            "priority": st.integers(1, 9),
            "not_before": st.none() | st.just("2030-01-02T03:04:05Z"),
            "wait": st.just(value=False),
            "wait_seconds": st.none() | st.integers(0, 9),
        },
    ),
    "fleet_list": (
        {},
        {
            **dict.fromkeys(("workspace_id", "host", "state"), _TEXT),
            **dict.fromkeys(("all_items", "newest_first"), st.booleans()),
            "limit": st.integers(1, 9),
        },
    ),
    "fleet_show": (_ITEM, {"wait": st.just(value=False), "wait_seconds": st.none() | st.just(0)}),
    "fleet_wait": (
        {"work_item_ids": st.lists(filled_texts(), min_size=1, max_size=2)},
        {"wait_seconds": st.none() | st.integers(0, 9)},
    ),
    "fleet_cancel": (_ITEM, {"reason": _TEXT, "wait_seconds": st.just(0)}),
    "fleet_retry": (_ITEM, {}),
    "fleet_drain": (
        {"host": filled_texts()},
        {
            **dict.fromkeys(("undo", "wait"), st.booleans()),
            "note": _TEXT,
            "wait_seconds": st.none() | st.integers(0, 9),
        },
    ),
    "fleet_forget": ({}, {"workspace_id": _TEXT, "lost": st.booleans()}),
    "fleet_pause": (
        {},
        {"workspace_id": _TEXT, "note": _TEXT, "for_seconds": st.none() | st.integers(0, 9)},
    ),
    "fleet_resume": ({}, {"workspace_id": _TEXT}),
    "fleet_schedules": (
        {},
        {
            "command": st.sampled_from(["list", "add", "pause", "resume", "run", "remove"]),
            **dict.fromkeys(("task", "text", "name", "workspace_id", "cron", "timezone"), _TEXT),
        },
    ),
    "fleet_prune": ({"older_than_seconds": st.integers(0, 9)}, {}),
}


def drawn_fields(action: str) -> tuple[set[str], set[str]]:
    """Return which fields of an action's payload are always drawn, and which are at all."""
    needed, optional = _PAYLOADS.get(action, ({}, {}))
    return set(needed), {*needed, *optional, "session_id"}


def payloads(action: str) -> st.SearchStrategy[dict[str, Json]]:
    """What an action can use."""
    needed, optional = _PAYLOADS.get(action, ({}, {}))
    session = {} if "session_id" in needed else {"session_id": _TEXT}
    return st.fixed_dictionaries(needed, optional={**optional, **session})


@st.composite
def valid_requests(draw: st.DrawFn, *, unknown: bool = True) -> dict[str, Json]:
    """Any readable request, for a known action or not; `unknown` adds unknown fields."""
    text = st.none() | texts()
    version = draw(st.sampled_from(OpsVersion))
    known = list(actions_of(version))
    action = draw(st.sampled_from([*known, *known, "self_destruct"]))
    payload = draw(payloads(action))
    given: st.SearchStrategy[Json] = st.fixed_dictionaries(
        {"payload": st.just(payload)}, optional={"kind": text, "text": text}
    )
    flat = st.just({"payload": None, **payload}) | st.just(payload)
    places = st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("display_name", "mode"), text),
            "workspace_id": st.none() | st.sampled_from([None, "w"]) | text,
            "root_path": st.just(_WORKSPACE) | st.just(_WORKSPACE) | text,
            "environment": text,
            "runtime_kind": st.sampled_from([None, "local", "", "fleet", "remote"]),
        },
    )
    request = {
        **draw(
            st.fixed_dictionaries(
                {
                    "schema_version": st.just(str(version)),
                    "request_id": filled_texts(),
                    "action": st.sampled_from([action, f" {action}\n"]),
                    "workspace_ref": places,
                    "source": st.fixed_dictionaries(
                        {"kind": filled_texts()},
                        optional=dict.fromkeys(("surface", "adapter_id", "trace_ref"), text),
                    ),
                    "input": given | flat,
                }
            )
        ),
        **draw(
            some_of(
                {
                    "client_name": text,
                    "client_version": text,
                    "actor": st.none()
                    | st.fixed_dictionaries(
                        {"kind": filled_texts()},
                        optional={
                            "display_name": text,
                            "metadata": st.none()
                            | st.dictionaries(texts(), json_values(strict=True), max_size=2),
                        },
                    ),
                    "route_preference": st.sampled_from(
                        [None, "auto", "direct", "millrace", "status_only", "inspect_only", " "]
                    ),
                    "intake_preference": st.sampled_from(
                        [None, "auto", "probe", "idea", "task", "none", " task\n", ""]
                    ),
                    "scoped_work_item": st.none() | scopes(),
                    "expected_evidence": st.none() | st.lists(texts(), max_size=3),
                    "context_refs": st.none() | st.lists(texts(), max_size=3),
                    "options": st.none() | options(),
                    "metadata": st.none()
                    | st.fixed_dictionaries(
                        {"anything": json_values(strict=True)}, optional={"session_id": text}
                    ),
                    "idempotency_key": st.none() | filled_texts(),
                }
            )
        ),
    }
    if unknown and draw(st.booleans()):
        key = draw(st.text(st.characters(codec="utf-8"), max_size=6)) + "?"
        places = ("workspace_ref", "source", "options", "scoped_work_item", "actor")
        parts = [request, *(request[name] for name in places if request.get(name) is not None)]
        draw(st.sampled_from(parts))[key] = draw(json_values(strict=True))
    if version is OpsVersion.V03:
        request |= draw(
            some_of(
                {
                    "work_item_ref": st.none() | scopes(),
                    "requested_authority": st.none()
                    | st.fixed_dictionaries(
                        {}, optional={"scopes": st.lists(texts(), max_size=2), "reason": text}
                    ),
                }
            )
        )
        if request.get("work_item_ref") is not None:
            request.pop("scoped_work_item", None)  # of two that differ, one is ignored
    return request


@st.composite
def bent_requests(draw: st.DrawFn) -> Json:
    """A valid request of which one to three places were changed, added or taken away."""
    request: Json = {"it": draw(valid_requests())}
    for _ in range(draw(st.integers(1, 3))):
        holder = draw(st.sampled_from(_containers(request)))
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        action = draw(st.sampled_from(["change", "change", "add", "remove"]))
        if action == "add" and isinstance(holder, dict):
            key = draw(st.sampled_from([*_KEYS, *sorted(FORBIDDEN_OPTIONS)]))
            holder[key] = draw(json_values())
        elif keys and action == "remove" and holder is not request:
            del holder[draw(st.sampled_from(keys))]
        elif keys:
            holder[draw(st.sampled_from(keys))] = draw(json_values())
    return request["it"]


@st.composite
def raw_requests(draw: st.DrawFn) -> bytes:
    """Bytes: anything, requests and other JSON whole, cut short, or with bytes put into them."""
    raw = draw(st.binary(max_size=60) | (bent_requests() | json_values()).map(encoded))
    match draw(st.sampled_from(["as it is", "as it is", "cut", "insert", "marked"])):
        case "cut":
            return raw[: draw(st.integers(0, len(raw)))]
        case "insert":
            at = draw(st.integers(0, len(raw)))
            return raw[:at] + draw(st.binary(min_size=1, max_size=3)) + raw[at:]
        case "marked":
            return b"\xef\xbb\xbf" + raw
        case _:
            return raw


def without(document: Mapping[str, Json], *path: str) -> dict[str, Json]:
    """Return a copy without the value at a path."""
    copied = copy.deepcopy(dict(document))
    holder = copied
    for name in path[:-1]:
        holder = holder[name]
    del holder[path[-1]]
    return copied


def _half_pairs() -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF), max_size=2)


def _containers(value: Json) -> list[Json]:
    found = []
    if isinstance(value, dict | list):
        found.append(value)
        for inner in value.values() if isinstance(value, dict) else value:
            found += _containers(inner)
    return found
