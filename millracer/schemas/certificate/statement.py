"""The signed statement: an in-toto Statement v1 about a completed work item.

Texts that people or models write are left out: they prove nothing, and a signature would keep a
secret in them for ever. Unknown keys are ignored, as in-toto demands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from millracer.domain.certificate.content import (
    Byproduct,
    Certificate,
    CertifiedLease,
    Conclusion,
    StatedProof,
)
from millracer.domain.certificate.names import (
    BUILD_TYPE,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    SUBJECT_NAME,
    TEST_RESULT_TYPE,
)
from millracer.domain.checks import CheckPlace, WorkVerification, is_command, name_command
from millracer.domain.requests import IntakeKind
from millracer.domain.run.evidence import (
    CheckFact,
    ClosureFact,
    Evidence,
    ItemFact,
    SpawnFact,
    StageFact,
    StageProof,
)
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import Versions
from millracer.domain.work.items import ItemState
from millracer.schemas.descriptions import describe_fields

#: The uri of the workspace's own repository.
_REPOSITORY: Final = "git+file:."
_BUILDER: Final = "urn:millracer:"

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_GitId = Annotated[str, Field(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
_Argv = Annotated[tuple[str, ...], Field(min_length=1)]


class NotACertificate(ValueError):
    """A signed payload is not a completion certificate; the text says why."""


def _describe_aliased(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Add the descriptions of the fields, whose keys in the schema are aliases."""
    names = {str(field.alias or name): name for name, field in model.model_fields.items()}
    aliased = schema["properties"]
    schema["properties"] = {names.get(key, key): part for key, part in aliased.items()}
    describe_fields(schema, model)
    described = schema["properties"]
    schema["properties"] = {key: described[names.get(key, key)] for key in aliased}


class StatementPart(BaseModel):
    """A part of the statement, with keys in camel case."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        from_attributes=True,
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
        json_schema_extra=_describe_aliased,
        json_schema_serialization_defaults_required=True,
    )


class GitTreeDigest(StatementPart):
    """The digest of the subject.

    Attributes:
        git_tree: the id of the git tree of the files.
    """

    git_tree: _GitId


class Subject(StatementPart):
    """The files that the statement is about.

    Attributes:
        name: always `worktree`.
        digest: their digest.
    """

    name: Literal["worktree"] = SUBJECT_NAME
    digest: GitTreeDigest


class CertifiedItem(StatementPart):
    """The work item.

    Attributes:
        id: its id.
        kind: Millrace's name for its kind.
        intake_kind: the kind of its intake document; null for an item that has none.
        request_hash: `sha256:` and the digest of the request; null if it is not known.
    """

    id: str
    kind: str
    intake_kind: IntakeKind | None
    request_hash: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None


class ExternalParameters(StatementPart):
    """What the caller demanded.

    Attributes:
        work_item: the work item.
        expected_checks: the demanded checks, each a program and its arguments.
    """

    work_item: CertifiedItem
    expected_checks: tuple[_Argv, ...]


class GitCommitDigest(StatementPart):
    """The digest of a commit.

    Attributes:
        git_commit: its id.
    """

    git_commit: _GitId


class Dependency(StatementPart):
    """The commit on which the work began.

    Attributes:
        uri: the workspace's repository.
        digest: HEAD as the item was enqueued.
    """

    uri: Literal["git+file:."] = _REPOSITORY
    digest: GitCommitDigest


class BuildDefinition(StatementPart):
    """The work as it was requested.

    Attributes:
        build_type: the kind of work.
        external_parameters: what the caller demanded.
        resolved_dependencies: the commit on which the work began; empty in a repository without
            commits.
    """

    build_type: Literal["urn:millracer:delegation:v1"] = BUILD_TYPE
    external_parameters: ExternalParameters
    resolved_dependencies: Annotated[tuple[Dependency, ...], Field(max_length=1)]


class BuilderVersions(StatementPart):
    """The versions of the programs; null if unknown.

    Attributes:
        millrace: of Millrace.
        pi: of pi.
    """

    millrace: str | None
    pi: str | None


class Builder(StatementPart):
    """The program that made the statement.

    Attributes:
        id: `urn:millracer:` and the version.
        version: the versions of the programs that it used.
    """

    id: Annotated[str, Field(pattern=rf"^{_BUILDER}.")]
    version: BuilderVersions


class BuildMetadata(StatementPart):
    """The times of the work.

    Attributes:
        invocation_id: `EPOCH/ATTEMPT` in the event log; null without one.
        started_on: right before the item was enqueued.
        finished_on: when the evidence was read and the checks had ended.
    """

    invocation_id: str | None
    started_on: AwareDatetime
    finished_on: AwareDatetime


class Sha256Digest(StatementPart):
    """The digest of a file.

    Attributes:
        sha256: in hex.
    """

    sha256: _Sha256


class ByproductPart(StatementPart):
    """A file of Millrace's evidence.

    Attributes:
        name: its path in the workspace.
        digest: its digest.
    """

    name: str
    digest: Sha256Digest


class RunDetails(StatementPart):
    """How the work was done.

    Attributes:
        builder: the programs.
        metadata: the times.
        byproducts: the files that the facts come from.
    """

    builder: Builder
    metadata: BuildMetadata
    byproducts: tuple[ByproductPart, ...]


class ItemFactPart(StatementPart):
    """The place of an item in Millrace.

    Attributes:
        item_id: the item.
        work_kind: Millrace's name for its kind.
        state: its state.
        source: the file that says so.
        observed_at: when it was read.
    """

    item_id: str
    work_kind: str
    state: ItemState
    source: str
    observed_at: AwareDatetime


class SpawnFactPart(StatementPart):
    """Millrace created one item from another.

    Attributes:
        parent_id: the older item.
        child_id: the derived item.
        child_kind: Millrace's name for its kind.
        how: the relation as a phrase.
        run_id: the run that created it; null if it is not known.
        source: the file that says so.
        observed_at: when it was read.
    """

    parent_id: str
    child_id: str
    child_kind: str
    how: str
    run_id: str | None
    source: str
    observed_at: AwareDatetime


class StageFactPart(StatementPart):
    """How a stage of a run ended.

    Attributes:
        run_id: the run.
        item_id: the item that the stage worked on.
        work_kind: Millrace's name for its kind.
        stage: the stage.
        terminal_result: its result in Millrace's words.
        run_status: the status of the run in Millrace's words.
        proves: what the result proves; null if nothing.
        counts: whether the results of a run with this status count.
        root_spec_id: the spec that an Arbiter's run judged.
        completed_at: when the stage ended.
        source: the file that says so.
        observed_at: when it was read.
    """

    run_id: str
    item_id: str | None
    work_kind: str | None
    stage: str
    terminal_result: str | None
    run_status: str | None
    proves: StageProof | None
    counts: bool
    root_spec_id: str | None
    completed_at: AwareDatetime | None
    source: str
    observed_at: AwareDatetime


class ClosureFactPart(StatementPart):
    """The state of the closure target of a root spec.

    Attributes:
        root_spec_id: the spec.
        open: whether it is open.
        closing_run_id: the last run that judged the spec as a whole.
        blocked_by_lineage_work: whether Millrace waits for blocked work.
        blocking_ids: that work.
        source: the file that says so.
        observed_at: when it was read.
    """

    root_spec_id: str
    open: bool
    closing_run_id: str | None
    blocked_by_lineage_work: bool
    blocking_ids: tuple[str, ...]
    source: str
    observed_at: AwareDatetime


class Facts(StatementPart):
    """Every fact that the completion gate needs; a verifier judges them again.

    Attributes:
        items: the places of the item and of the items derived from it.
        spawns: which item was created from which.
        stages: how the stages of their runs ended.
        closures: the closure targets of their specs.
    """

    items: tuple[ItemFactPart, ...]
    spawns: tuple[SpawnFactPart, ...]
    stages: tuple[StageFactPart, ...]
    closures: tuple[ClosureFactPart, ...]


class ProofPart(StatementPart):
    """One fact of the proof.

    Attributes:
        reason: the fact in words.
        source: the file or command that it comes from.
        at: when it was read.
    """

    reason: str
    source: str
    at: AwareDatetime


class VerdictPart(StatementPart):
    """The judgement of the completion gate.

    Attributes:
        outcome: how the work ended.
        scoped_completion: whether the facts prove the item done.
        runs: the runs of the proof.
        proof: the facts that prove it, in words.
        facts: all facts.
        limits: what the tree does not cover.
    """

    outcome: Outcome
    scoped_completion: bool
    runs: tuple[str, ...]
    proof: tuple[ProofPart, ...]
    facts: Facts
    limits: tuple[str, ...]


class CheckPart(StatementPart):
    """How a check of the caller ended.

    Attributes:
        item_id: the item whose work was checked.
        argv: the program and its arguments.
        exit_code: its exit code; null if it did not run to its end.
        problem: why it did not; empty if it did.
        seconds: how long it ran.
        output_sha256: the digest of both outputs together; empty if it did not start.
        place: where it ran.
        tree: the checked git tree.
        at: when it ended.
    """

    item_id: str
    argv: _Argv
    exit_code: int | None
    problem: str
    seconds: Annotated[float, Field(allow_inf_nan=False)]
    output_sha256: _Sha256 | Literal[""]
    place: CheckPlace
    tree: _GitId | None
    at: AwareDatetime


class Configuration(StatementPart):
    """What a test result is about.

    Attributes:
        name: the command as one line.
        annotations: `argv`, the program and its arguments.
    """

    name: str
    annotations: dict[str, Any]


class TestResult(StatementPart):
    """A check as the predicate of in-toto's `test-result/v0.1`.

    Attributes:
        result: whether it passed.
        configuration: the check.
        passed_tests: the check, if it passed.
        warned_tests: always empty.
        failed_tests: the check, if it did not pass.
    """

    __test__ = False

    result: Literal["PASSED", "FAILED"]
    configuration: tuple[Configuration, ...]
    passed_tests: tuple[str, ...]
    warned_tests: tuple[str, ...]
    failed_tests: tuple[str, ...]


class Witness(StatementPart):
    """The checks of the caller, which Millracer ran itself.

    Attributes:
        status: the result of all of them; null if none were demanded.
        checks: how each ended.
    """

    status: WorkVerification | None
    checks: tuple[CheckPart, ...]


class LeasePart(StatementPart):
    """The lease of a fleet under which a host did the work.

    Attributes:
        item: the item's id in the fleet.
        dispatch: which dispatch of the item it was.
        workspace: the workspace's id in the fleet.
        identity: the UUID of the checkout.
        host: the host's name in the fleet.
        session: the UUID of the host's worker.
        epoch: the number of the workspace's lease.
        attempt: how often a host had taken the item, this time included.
        claimed_at: when the host took the item, by the database's clock.
        engine: name and version of what dispatched it.
    """

    item: str
    dispatch: Annotated[int, Field(ge=1)]
    workspace: str
    identity: str
    host: str
    session: str
    epoch: Annotated[int, Field(ge=1)]
    attempt: Annotated[int, Field(ge=1)]
    claimed_at: Annotated[AwareDatetime, Field(alias="claimed_at")]
    engine: str


class Predicate(StatementPart):
    """The completion of a work item.

    Attributes:
        build_definition: the work as it was requested.
        run_details: how it was done.
        verdict: the judgement.
        witness: the caller's checks.
        fleet: the lease under which a fleet did the work; null outside of one.
    """

    build_definition: BuildDefinition
    run_details: RunDetails
    verdict: VerdictPart
    witness: Witness
    fleet: LeasePart | None = None


class CompletionStatement(StatementPart):
    """A completion certificate: the payload of the signed envelope.

    Attributes:
        type: the version of in-toto's statement.
        subject: the files that the work left.
        predicate_type: the version of the predicate.
        predicate: the completion.
    """

    type: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")] = (
        STATEMENT_TYPE
    )
    subject: tuple[Subject]
    predicate_type: Literal["urn:millracer:completion:v1"] = PREDICATE_TYPE
    predicate: Predicate


def write_statement(certificate: Certificate) -> bytes:
    """Return a certificate as the bytes to sign."""
    statement = CompletionStatement(
        subject=(Subject(digest=GitTreeDigest(git_tree=certificate.tree)),),
        predicate=_predicate(certificate),
    )
    return _bytes(statement.model_dump(mode="json"))


def read_lease(block: object) -> CertifiedLease:
    """Return the lease in the block `fleet` of a result.

    Raises:
        NotACertificate: it is not such a block.
    """
    try:
        return CertifiedLease(**dict(LeasePart.model_validate(block)))
    except ValidationError as error:
        raise NotACertificate(_reason(error)) from error


def write_test_results(certificate: Certificate) -> tuple[bytes, ...]:
    """Return each check of a certificate as an in-toto statement of its own, to sign."""
    return tuple(
        _bytes(
            {
                "_type": STATEMENT_TYPE,
                "subject": [{"name": SUBJECT_NAME, "digest": {"gitTree": fact.tree}}],
                "predicateType": TEST_RESULT_TYPE,
                "predicate": _test_result(fact).model_dump(mode="json"),
            }
        )
        for fact in certificate.evidence.checks
        if fact.tree is not None
    )


def _test_result(fact: CheckFact) -> TestResult:
    name = name_command(fact.argv)
    return TestResult(
        result="PASSED" if fact.passed else "FAILED",
        configuration=(Configuration(name=name, annotations={"argv": list(fact.argv)}),),
        passed_tests=(name,) if fact.passed else (),
        warned_tests=(),
        failed_tests=() if fact.passed else (name,),
    )


def read_statement(payload: bytes) -> Certificate:
    """Return the certificate in signed bytes.

    Raises:
        NotACertificate: they are something else, or ambiguous.
    """
    try:
        text = payload.decode("utf-8")
        json.loads(text, object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant)
        statement = CompletionStatement.model_validate_json(text, strict=False, by_name=False)
    except (UnicodeDecodeError, ValidationError, ValueError, RecursionError) as error:
        raise NotACertificate(_reason(error)) from error
    return _certificate(statement)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the statement"
        return f"{place}: {first['msg']}"
    return str(error) or "it is nested too deeply"


def _refuse_duplicates(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key occurs twice, and readers differ about which one counts")
    return members


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not a number of JSON")


def _bytes(statement: Mapping[str, Any]) -> bytes:
    return json.dumps(statement, separators=(",", ":"), sort_keys=True).encode("ascii")


def _predicate(certificate: Certificate) -> Predicate:
    evidence, stated = certificate.evidence, certificate.conclusion
    request_hash = certificate.request_hash
    base = certificate.base_commit
    return Predicate(
        build_definition=BuildDefinition(
            external_parameters=ExternalParameters(
                work_item=CertifiedItem(
                    id=certificate.item_id,
                    kind=certificate.work_kind,
                    intake_kind=evidence.kind,
                    request_hash=None if request_hash is None else f"sha256:{request_hash}",
                ),
                expected_checks=evidence.demanded_checks,
            ),
            resolved_dependencies=()
            if base is None
            else (Dependency(digest=GitCommitDigest(git_commit=base)),),
        ),
        run_details=RunDetails(
            builder=Builder(
                id=f"{_BUILDER}{certificate.versions.millracer}",
                version=BuilderVersions(
                    millrace=certificate.versions.millrace, pi=certificate.versions.pi
                ),
            ),
            metadata=BuildMetadata(
                invocation_id=certificate.invocation_id,
                started_on=certificate.enqueued_at,
                finished_on=certificate.made_at,
            ),
            byproducts=tuple(
                ByproductPart(name=each.name, digest=Sha256Digest(sha256=each.sha256))
                for each in certificate.byproducts
            ),
        ),
        verdict=VerdictPart(
            outcome=stated.outcome,
            scoped_completion=stated.scoped_completion,
            runs=stated.runs,
            proof=tuple(
                ProofPart(reason=each.reason, source=each.source, at=each.at)
                for each in stated.proof
            ),
            facts=Facts(
                items=tuple(
                    ItemFactPart.model_validate(fact, by_name=True) for fact in evidence.items
                ),
                spawns=tuple(
                    SpawnFactPart.model_validate(fact, by_name=True) for fact in evidence.spawns
                ),
                stages=tuple(
                    StageFactPart.model_validate(fact, by_name=True) for fact in evidence.stages
                ),
                closures=tuple(
                    ClosureFactPart.model_validate(fact, by_name=True) for fact in evidence.closures
                ),
            ),
            limits=certificate.limits,
        ),
        witness=Witness(status=stated.witness, checks=tuple(map(_check_part, evidence.checks))),
        fleet=None
        if certificate.fleet is None
        else LeasePart.model_validate(certificate.fleet, by_name=True),
    )


def _check_part(fact: CheckFact) -> CheckPart:
    return CheckPart(
        item_id=fact.item_id,
        argv=fact.argv,
        exit_code=fact.exit_code,
        problem=fact.problem,
        seconds=fact.seconds,
        output_sha256=fact.output_sha256,
        place=fact.place,
        tree=fact.tree,
        at=fact.observed_at,
    )


def _certificate(statement: CompletionStatement) -> Certificate:
    predicate = statement.predicate
    definition, details = predicate.build_definition, predicate.run_details
    item = definition.external_parameters.work_item
    dependencies = definition.resolved_dependencies
    verdict = predicate.verdict
    commands = definition.external_parameters.expected_checks
    if not all(map(is_command, commands)):
        raise NotACertificate("a check names no program")
    return Certificate(
        tree=statement.subject[0].digest.git_tree,
        item_id=item.id,
        work_kind=item.kind,
        request_hash=None if item.request_hash is None else item.request_hash.partition(":")[2],
        base_commit=dependencies[0].digest.git_commit if dependencies else None,
        enqueued_at=details.metadata.started_on,
        made_at=details.metadata.finished_on,
        invocation_id=details.metadata.invocation_id,
        versions=Versions(
            millracer=details.builder.id.removeprefix(_BUILDER),
            millrace=details.builder.version.millrace,
            pi=details.builder.version.pi,
        ),
        evidence=Evidence(
            item_id=item.id,
            kind=item.intake_kind,
            items=tuple(ItemFact(**dict(each)) for each in verdict.facts.items),
            spawns=tuple(SpawnFact(**dict(each)) for each in verdict.facts.spawns),
            stages=tuple(StageFact(**dict(each)) for each in verdict.facts.stages),
            closures=tuple(ClosureFact(**dict(each)) for each in verdict.facts.closures),
            demanded_checks=commands,
            checks=tuple(map(_check_fact, predicate.witness.checks)),
        ),
        byproducts=tuple(
            Byproduct(name=each.name, sha256=each.digest.sha256) for each in details.byproducts
        ),
        limits=verdict.limits,
        conclusion=Conclusion(
            outcome=verdict.outcome,
            scoped_completion=verdict.scoped_completion,
            runs=verdict.runs,
            proof=tuple(
                StatedProof(reason=each.reason, source=each.source, at=each.at)
                for each in verdict.proof
            ),
            witness=predicate.witness.status,
        ),
        fleet=None if predicate.fleet is None else CertifiedLease(**dict(predicate.fleet)),
    )


def _check_fact(part: CheckPart) -> CheckFact:
    return CheckFact(
        item_id=part.item_id,
        argv=part.argv,
        exit_code=part.exit_code,
        problem=part.problem,
        seconds=part.seconds,
        output_sha256=part.output_sha256,
        place=part.place,
        tree=part.tree,
        source=name_command(part.argv),
        observed_at=part.at,
    )
