"""All that the pins take from the product and from other tests: moving code changes this alone."""

from devtools.faults.table_service import ConditionFailed, TableService
from kili_export.aws.dynamodb.change_store import DynamoChangeStore
from kili_export.aws.dynamodb.project_state import DynamoProjectState
from kili_export.aws.dynamodb.rate_limit import DynamoRateLimits, budget_name
from kili_export.aws.dynamodb.table import Table
from kili_export.changes.comparison.definition import definition_of
from kili_export.changes.events.debounce_window import execution_name
from kili_export.changes.events.delayed_recheck import LATER
from kili_export.changes.events.pending_changes import asset_subject, shard_of
from kili_export.core import bucket_layout as keys
from kili_export.core import errors
from kili_export.core.export_options import (
    Authors,
    Compatibility,
    ExportOptions,
    ExportType,
    Layout,
    Split,
)
from kili_export.core.project import Project
from kili_export.core.rate_limit import BudgetRules
from kili_export.formats.registry import CORRECTED, FORMATS
from kili_export.maintenance.reconciliation.messages import ReconcileRequest
from kili_export.reading.folder import FolderOnDisk
from kili_export.reading.sync import SyncRequest, sync_folder
from kili_export.reading.take_snapshot import take_snapshot
from kili_export.runs.plan import PLAN_VERSION
from kili_export.splicing.part_limits import PartLimits
from kili_export.steps.publishing.documents.sharding import ShardRules
from kili_export.storage.object_store import BegunUpload, SentPart
from kili_export.storage.resumable_uploads import ResumableUploads
from tests.increments.choices import legal_options
from tests.increments.kinds import KINDS
from tests.increments.sequences import NAMES, Event
from tests.increments.world import World as Assets
from tests.support.fakes import CountingTokens, InMemoryObjects, ManualClock
from tests.support.kili_samples import job
from tests.support.protocol_world import PROJECT, World
from tests.support.template_document import ROOT, template
from tests.support.workbench import Workbench

__all__ = [
    "CORRECTED",
    "FORMATS",
    "KINDS",
    "LATER",
    "NAMES",
    "PLAN_VERSION",
    "PROJECT",
    "ROOT",
    "Assets",
    "Authors",
    "BegunUpload",
    "BudgetRules",
    "Compatibility",
    "ConditionFailed",
    "CountingTokens",
    "DynamoChangeStore",
    "DynamoProjectState",
    "DynamoRateLimits",
    "Event",
    "ExportOptions",
    "ExportType",
    "FolderOnDisk",
    "InMemoryObjects",
    "Layout",
    "ManualClock",
    "PartLimits",
    "Project",
    "ReconcileRequest",
    "ResumableUploads",
    "SentPart",
    "ShardRules",
    "Split",
    "SyncRequest",
    "Table",
    "TableService",
    "Workbench",
    "World",
    "asset_subject",
    "budget_name",
    "definition_of",
    "errors",
    "execution_name",
    "job",
    "keys",
    "legal_options",
    "shard_of",
    "sync_folder",
    "take_snapshot",
    "template",
]
