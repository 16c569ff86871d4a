"""Millracer: one task in, one truthful result out, with Millrace doing the work.

The names below are the whole library, see docs/api.md. Each is loaded on first use, because every
command imports this package.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the same names again, for type checkers
    from millracer.api.client import Client as Client
    from millracer.api.ops import handle_request as handle_request
    from millracer.api.run_events import RunEvents as RunEvents
    from millracer.api.tasks import run_task as run_task
    from millracer.cancellation import Cancellation as Cancellation
    from millracer.cancellation import CancelReason as CancelReason
    from millracer.domain.certificate.findings import FindingResult as FindingResult
    from millracer.domain.certificate.findings import VerificationStep as VerificationStep
    from millracer.domain.checks import CheckPlace as CheckPlace
    from millracer.domain.checks import WorkVerification as WorkVerification
    from millracer.domain.control import ControlCommand as ControlCommand
    from millracer.domain.control import ControlOutcome as ControlOutcome
    from millracer.domain.doctor_report import CheckLevel as CheckLevel
    from millracer.domain.doctor_report import CheckName as CheckName
    from millracer.domain.event_log import EventType as EventType
    from millracer.domain.event_log import Severity as Severity
    from millracer.domain.fleet.items import FleetItem as FleetItem
    from millracer.domain.fleet.items import FleetItemState as FleetItemState
    from millracer.domain.fleet.items import SubmitVerdict as SubmitVerdict
    from millracer.domain.fleet.items import WaitReason as WaitReason
    from millracer.domain.models import Credentials as Credentials
    from millracer.domain.models import ModelOrigin as ModelOrigin
    from millracer.domain.programs import ToolOrigin as ToolOrigin
    from millracer.domain.requests import Finalizer as Finalizer
    from millracer.domain.requests import IntakeKind as IntakeKind
    from millracer.domain.requests import IntakePreference as IntakePreference
    from millracer.domain.requests import PiSession as PiSession
    from millracer.domain.requests import Route as Route
    from millracer.domain.requests import RoutePreference as RoutePreference
    from millracer.domain.requests import ScopedWork as ScopedWork
    from millracer.domain.run.options import RunOptions as RunOptions
    from millracer.domain.run.outcome import Outcome as Outcome
    from millracer.domain.run.progress import EventKind as EventKind
    from millracer.domain.status import DaemonOwner as DaemonOwner
    from millracer.domain.status import DaemonState as DaemonState
    from millracer.domain.work.changes import FileStatus as FileStatus
    from millracer.domain.work.items import ItemState as ItemState
    from millracer.domain.work.transcript import EntryKind as EntryKind
    from millracer.domain.workspaces import ResolutionRule as ResolutionRule
    from millracer.errors import InvalidRequest as InvalidRequest
    from millracer.errors import MillracerError as MillracerError
    from millracer.errors import ProtocolError as ProtocolError
    from millracer.errors import ToolError as ToolError
    from millracer.errors import ToolFailed as ToolFailed
    from millracer.errors import ToolNotFound as ToolNotFound
    from millracer.errors import ToolTimeout as ToolTimeout
    from millracer.errors import ToolUnsupported as ToolUnsupported
    from millracer.errors import UsageError as UsageError
    from millracer.operations.stream.frames import FrameType as FrameType
    from millracer.ports import Agent as Agent
    from millracer.ports import Backend as Backend
    from millracer.schemas.certificate.results import CertifyResult as CertifyResult
    from millracer.schemas.certificate.results import FindingDocument as FindingDocument
    from millracer.schemas.certificate.results import NotCertified as NotCertified
    from millracer.schemas.certificate.results import NotVerified as NotVerified
    from millracer.schemas.certificate.results import VerifyResult as VerifyResult
    from millracer.schemas.control import ControlNotDone as ControlNotDone
    from millracer.schemas.control import ControlResult as ControlResult
    from millracer.schemas.diff import DiffResult as DiffResult
    from millracer.schemas.diff import DiffUnknown as DiffUnknown
    from millracer.schemas.doctor import CheckDocument as CheckDocument
    from millracer.schemas.doctor import DoctorErrorDocument as DoctorErrorDocument
    from millracer.schemas.doctor import DoctorResult as DoctorResult
    from millracer.schemas.doctor import DoctorVersionsDocument as DoctorVersionsDocument
    from millracer.schemas.doctor import NotHealthy as NotHealthy
    from millracer.schemas.fleet.control import FleetControlResult as FleetControlResult
    from millracer.schemas.fleet.hosts import FleetHostDocument as FleetHostDocument
    from millracer.schemas.fleet.hosts import FleetHostsResult as FleetHostsResult
    from millracer.schemas.fleet.item import FleetItemResult as FleetItemResult
    from millracer.schemas.fleet.item import RefusedDocument as RefusedDocument
    from millracer.schemas.fleet.items import FleetListResult as FleetListResult
    from millracer.schemas.fleet.report import FleetItemDocument as FleetItemDocument
    from millracer.schemas.fleet.report import FleetNotDone as FleetNotDone
    from millracer.schemas.fleet.report import FleetProgressDocument as FleetProgressDocument
    from millracer.schemas.fleet.schedules import FleetScheduleDocument as FleetScheduleDocument
    from millracer.schemas.fleet.schedules import FleetSchedulesResult as FleetSchedulesResult
    from millracer.schemas.fleet.submit import FleetSubmitResult as FleetSubmitResult
    from millracer.schemas.fleet.wait import FleetWaitResult as FleetWaitResult
    from millracer.schemas.fleet.workspaces import FleetWorkspaceDocument as FleetWorkspaceDocument
    from millracer.schemas.fleet.workspaces import FleetWorkspacesResult as FleetWorkspacesResult
    from millracer.schemas.items.history import AttemptDocument as AttemptDocument
    from millracer.schemas.items.history import HistoryResult as HistoryResult
    from millracer.schemas.items.item import EntryDocument as EntryDocument
    from millracer.schemas.items.item import FactDocument as FactDocument
    from millracer.schemas.items.item import ItemDocument as ItemDocument
    from millracer.schemas.items.item import ItemResult as ItemResult
    from millracer.schemas.items.item import ItemStageDocument as ItemStageDocument
    from millracer.schemas.items.item import LogsResult as LogsResult
    from millracer.schemas.items.item import StageLogDocument as StageLogDocument
    from millracer.schemas.items.item import TraceResult as TraceResult
    from millracer.schemas.items.listing import ListedDocument as ListedDocument
    from millracer.schemas.items.listing import ListResult as ListResult
    from millracer.schemas.items.report import ItemsUnknown as ItemsUnknown
    from millracer.schemas.items.runs import MillraceRunDocument as MillraceRunDocument
    from millracer.schemas.items.runs import RunsResult as RunsResult
    from millracer.schemas.items.runs import ShownRunResult as ShownRunResult
    from millracer.schemas.items.watch_all import ItemsNotCompleted as ItemsNotCompleted
    from millracer.schemas.items.watch_all import WatchAllResult as WatchAllResult
    from millracer.schemas.models import AliasDocument as AliasDocument
    from millracer.schemas.models import ModelsResult as ModelsResult
    from millracer.schemas.models import ModelsUnknown as ModelsUnknown
    from millracer.schemas.models import OuterModelDocument as OuterModelDocument
    from millracer.schemas.models import StageModelDocument as StageModelDocument
    from millracer.schemas.ops.frame import EventFrame as EventFrame
    from millracer.schemas.ops.request import ActorRef as ActorRef
    from millracer.schemas.ops.request import Metadata as Metadata
    from millracer.schemas.ops.request import OpsInput as OpsInput
    from millracer.schemas.ops.request import OpsRequest as OpsRequest
    from millracer.schemas.ops.request import ScopedWorkItem as ScopedWorkItem
    from millracer.schemas.ops.request import SourceRef as SourceRef
    from millracer.schemas.ops.request import WorkspaceRef as WorkspaceRef
    from millracer.schemas.ops.request_v03 import OpsRequestV03 as OpsRequestV03
    from millracer.schemas.ops.request_v03 import RequestedAuthority as RequestedAuthority
    from millracer.schemas.ops.request_v03 import WorkItemRef as WorkItemRef
    from millracer.schemas.ops.result import CompletionDocument as CompletionDocument
    from millracer.schemas.ops.result import EnqueueReply as EnqueueReply
    from millracer.schemas.ops.result import FreshnessDocument as FreshnessDocument
    from millracer.schemas.ops.result import NotSucceeded as NotSucceeded
    from millracer.schemas.ops.result import OpsErrorDocument as OpsErrorDocument
    from millracer.schemas.ops.result import OpsResult as OpsResult
    from millracer.schemas.ops.result import OpsRoute as OpsRoute
    from millracer.schemas.ops.result import OpsStatus as OpsStatus
    from millracer.schemas.ops.result import ResolutionDocument as ResolutionDocument
    from millracer.schemas.ops.result import SessionDocument as SessionDocument
    from millracer.schemas.ops.result import SessionReply as SessionReply
    from millracer.schemas.ops.result import SessionsReply as SessionsReply
    from millracer.schemas.ops.result import Verification as Verification
    from millracer.schemas.ops.result import WarningDocument as WarningDocument
    from millracer.schemas.ops.result import WorkspaceDocument as WorkspaceDocument
    from millracer.schemas.ops.result import WorkspaceRefDocument as WorkspaceRefDocument
    from millracer.schemas.ops.result import WorkspaceReply as WorkspaceReply
    from millracer.schemas.ops.result import WorkspacesReply as WorkspacesReply
    from millracer.schemas.ops.result_v03 import AuthorityDocument as AuthorityDocument
    from millracer.schemas.ops.result_v03 import OpsResultV03 as OpsResultV03
    from millracer.schemas.run.changes import ChangesDocument as ChangesDocument
    from millracer.schemas.run.changes import FileChangeDocument as FileChangeDocument
    from millracer.schemas.run.changes import IntervalDocument as IntervalDocument
    from millracer.schemas.run.document import DecisionDocument as DecisionDocument
    from millracer.schemas.run.document import ErrorDocument as ErrorDocument
    from millracer.schemas.run.document import LineageDocument as LineageDocument
    from millracer.schemas.run.document import MissingDocument as MissingDocument
    from millracer.schemas.run.document import ProgressDocument as ProgressDocument
    from millracer.schemas.run.document import RunCheckDocument as RunCheckDocument
    from millracer.schemas.run.document import RunNotCompleted as RunNotCompleted
    from millracer.schemas.run.document import RunResultDocument as RunResultDocument
    from millracer.schemas.run.document import StepDocument as StepDocument
    from millracer.schemas.run.document import ToolDocument as ToolDocument
    from millracer.schemas.run.document import ToolsDocument as ToolsDocument
    from millracer.schemas.run.document import VersionsDocument as VersionsDocument
    from millracer.schemas.run.options import OpsOptions as OpsOptions
    from millracer.schemas.run.outcome_error import OutcomeError as OutcomeError
    from millracer.schemas.run.parts import EventDocument as EventDocument
    from millracer.schemas.run.parts import EvidenceDocument as EvidenceDocument
    from millracer.schemas.run.parts import ScopedWorkDocument as ScopedWorkDocument
    from millracer.schemas.run.usage import AgentUsageDocument as AgentUsageDocument
    from millracer.schemas.run.usage import RunFilesDocument as RunFilesDocument
    from millracer.schemas.run.usage import StageFilesDocument as StageFilesDocument
    from millracer.schemas.run.usage import StageUsageDocument as StageUsageDocument
    from millracer.schemas.run.usage import TokensDocument as TokensDocument
    from millracer.schemas.run.usage import UsageDocument as UsageDocument
    from millracer.schemas.run.usage import UsageTotalDocument as UsageTotalDocument
    from millracer.schemas.status import ActiveDocument as ActiveDocument
    from millracer.schemas.status import DaemonDocument as DaemonDocument
    from millracer.schemas.status import EndDocument as EndDocument
    from millracer.schemas.status import PlaceDocument as PlaceDocument
    from millracer.schemas.status import StatusResult as StatusResult
    from millracer.schemas.status import StatusUnknown as StatusUnknown
    from millracer.schemas.status import StatusWarningDocument as StatusWarningDocument
    from millracer.schemas.status import UnfinishedDocument as UnfinishedDocument
    from millracer.schemas.submit import NotSubmitted as NotSubmitted
    from millracer.schemas.submit import SubmitResult as SubmitResult

__version__ = "0.4.0.dev0"
DOCUMENTATION_URL = "https://github.com/tim-osterhus/millracer/tree/main/docs"

#: The modules that define the public names.
_MODULES = {
    "millracer.api.client": ("Client",),
    "millracer.api.ops": ("handle_request",),
    "millracer.api.run_events": ("RunEvents",),
    "millracer.domain.checks": ("CheckPlace", "WorkVerification"),
    "millracer.domain.doctor_report": ("CheckLevel", "CheckName"),
    "millracer.domain.event_log": ("EventType", "Severity"),
    "millracer.operations.stream.frames": ("FrameType",),
    "millracer.schemas.doctor": (
        "CheckDocument",
        "DoctorErrorDocument",
        "DoctorResult",
        "DoctorVersionsDocument",
        "NotHealthy",
    ),
    "millracer.schemas.items.runs": ("MillraceRunDocument", "RunsResult", "ShownRunResult"),
    "millracer.schemas.ops.frame": ("EventFrame",),
    "millracer.api.tasks": ("run_task",),
    "millracer.cancellation": ("CancelReason", "Cancellation"),
    "millracer.domain.control": ("ControlCommand", "ControlOutcome"),
    "millracer.domain.models": ("Credentials", "ModelOrigin"),
    "millracer.domain.programs": ("ToolOrigin",),
    "millracer.domain.requests": (
        "Finalizer",
        "IntakeKind",
        "IntakePreference",
        "PiSession",
        "Route",
        "RoutePreference",
        "ScopedWork",
    ),
    "millracer.domain.run.options": ("RunOptions",),
    "millracer.domain.run.outcome": ("Outcome",),
    "millracer.domain.run.progress": ("EventKind",),
    "millracer.domain.status": ("DaemonOwner", "DaemonState"),
    "millracer.domain.work.changes": ("FileStatus",),
    "millracer.domain.work.items": ("ItemState",),
    "millracer.domain.work.transcript": ("EntryKind",),
    "millracer.domain.workspaces": ("ResolutionRule",),
    "millracer.errors": (
        "InvalidRequest",
        "MillracerError",
        "ProtocolError",
        "ToolError",
        "ToolFailed",
        "ToolNotFound",
        "ToolTimeout",
        "ToolUnsupported",
        "UsageError",
    ),
    "millracer.ports": ("Agent", "Backend"),
    "millracer.schemas.run.changes": (
        "ChangesDocument",
        "FileChangeDocument",
        "IntervalDocument",
    ),
    "millracer.schemas.control": ("ControlNotDone", "ControlResult"),
    "millracer.domain.certificate.findings": ("FindingResult", "VerificationStep"),
    "millracer.schemas.certificate.results": (
        "CertifyResult",
        "FindingDocument",
        "NotCertified",
        "NotVerified",
        "VerifyResult",
    ),
    "millracer.schemas.diff": (
        "DiffResult",
        "DiffUnknown",
    ),
    "millracer.schemas.fleet.control": ("FleetControlResult",),
    "millracer.schemas.fleet.hosts": (
        "FleetHostDocument",
        "FleetHostsResult",
    ),
    "millracer.schemas.fleet.item": ("FleetItemResult", "RefusedDocument"),
    "millracer.schemas.fleet.items": ("FleetListResult",),
    "millracer.schemas.fleet.report": (
        "FleetItemDocument",
        "FleetNotDone",
        "FleetProgressDocument",
    ),
    "millracer.schemas.fleet.schedules": (
        "FleetScheduleDocument",
        "FleetSchedulesResult",
    ),
    "millracer.schemas.fleet.submit": ("FleetSubmitResult",),
    "millracer.schemas.fleet.wait": ("FleetWaitResult",),
    "millracer.schemas.fleet.workspaces": (
        "FleetWorkspaceDocument",
        "FleetWorkspacesResult",
    ),
    "millracer.domain.fleet.items": ("FleetItem", "FleetItemState", "SubmitVerdict", "WaitReason"),
    "millracer.schemas.items.history": (
        "AttemptDocument",
        "HistoryResult",
    ),
    "millracer.schemas.items.item": (
        "EntryDocument",
        "FactDocument",
        "ItemDocument",
        "ItemResult",
        "ItemStageDocument",
        "LogsResult",
        "StageLogDocument",
        "TraceResult",
    ),
    "millracer.schemas.items.report": ("ItemsUnknown",),
    "millracer.schemas.items.listing": (
        "ListResult",
        "ListedDocument",
    ),
    "millracer.schemas.items.watch_all": ("ItemsNotCompleted", "WatchAllResult"),
    "millracer.schemas.models": (
        "AliasDocument",
        "ModelsResult",
        "ModelsUnknown",
        "OuterModelDocument",
        "StageModelDocument",
    ),
    "millracer.schemas.ops.request": (
        "ActorRef",
        "Metadata",
        "OpsInput",
        "OpsRequest",
        "ScopedWorkItem",
        "SourceRef",
        "WorkspaceRef",
    ),
    "millracer.schemas.ops.request_v03": ("OpsRequestV03", "RequestedAuthority", "WorkItemRef"),
    "millracer.schemas.ops.result": (
        "CompletionDocument",
        "EnqueueReply",
        "FreshnessDocument",
        "NotSucceeded",
        "OpsErrorDocument",
        "OpsResult",
        "OpsRoute",
        "OpsStatus",
        "ResolutionDocument",
        "SessionDocument",
        "SessionReply",
        "SessionsReply",
        "Verification",
        "WarningDocument",
        "WorkspaceDocument",
        "WorkspaceRefDocument",
        "WorkspaceReply",
        "WorkspacesReply",
    ),
    "millracer.schemas.ops.result_v03": ("AuthorityDocument", "OpsResultV03"),
    "millracer.schemas.run.document": (
        "DecisionDocument",
        "ErrorDocument",
        "LineageDocument",
        "MissingDocument",
        "ProgressDocument",
        "RunNotCompleted",
        "RunCheckDocument",
        "RunResultDocument",
        "StepDocument",
        "ToolDocument",
        "ToolsDocument",
        "VersionsDocument",
    ),
    "millracer.schemas.run.options": ("OpsOptions",),
    "millracer.schemas.run.outcome_error": ("OutcomeError",),
    "millracer.schemas.run.parts": ("EventDocument", "EvidenceDocument", "ScopedWorkDocument"),
    "millracer.schemas.status": (
        "ActiveDocument",
        "DaemonDocument",
        "EndDocument",
        "PlaceDocument",
        "StatusResult",
        "StatusUnknown",
        "StatusWarningDocument",
        "UnfinishedDocument",
    ),
    "millracer.schemas.submit": ("NotSubmitted", "SubmitResult"),
    "millracer.schemas.run.usage": (
        "AgentUsageDocument",
        "RunFilesDocument",
        "StageFilesDocument",
        "StageUsageDocument",
        "TokensDocument",
        "UsageDocument",
        "UsageTotalDocument",
    ),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted((*_HOMES, "__version__"))  # noqa: PLE0605 - the table lists the names


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only the library's users pay for it

    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
