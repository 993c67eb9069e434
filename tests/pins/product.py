"""All that the pins take from the product and from other tests: moving code changes this alone."""

from kili_export.adapters.dynamodb.change_store import DynamoChangeStore
from kili_export.adapters.dynamodb.project_state import DynamoProjectState
from kili_export.adapters.dynamodb.request_budget import DynamoRequestBudget, budget_name
from kili_export.adapters.dynamodb.table import Table
from kili_export.adapters.folder.following import FolderOnDisk
from kili_export.contracts.run_plan import PLAN_VERSION
from kili_export.contracts.workflow import ReconcileRequest
from kili_export.domain import errors, keys
from kili_export.domain.archive.limits import PartLimits
from kili_export.domain.definition import definition_of
from kili_export.domain.formats.registry import CORRECTED, FORMATS
from kili_export.domain.marks import asset_subject, shard_of
from kili_export.domain.options import (
    Authors,
    Compatibility,
    ExportOptions,
    ExportType,
    Layout,
    Split,
)
from kili_export.domain.project import Project
from kili_export.domain.request_budget import BudgetRules
from kili_export.domain.sharding import ShardRules
from kili_export.domain.windows import execution_name
from kili_export.ports import BegunUpload, SentPart
from kili_export.usecases.aggregation.resumable_uploads import ResumableUploads
from kili_export.usecases.second_looks import LATER
from kili_export.usecases.sync_folder import Wish, sync_folder
from kili_export.usecases.take_snapshot import take_snapshot
from local.faults.table_service import ConditionFailed, TableService
from tests.fakes import CountingTokens, InMemoryObjects, ManualClock
from tests.increments.choices import legal_options
from tests.increments.kinds import KINDS
from tests.increments.sequences import NAMES, Event
from tests.increments.world import World as Assets
from tests.kili_samples import job
from tests.template_document import ROOT, template
from tests.unit.protocol.world import PROJECT, World
from tests.workbench import Workbench

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
    "DynamoRequestBudget",
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
    "Table",
    "TableService",
    "Wish",
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
