"""The configuration. This module alone reads the environment.

Endpoints of AWS services are boto3's own business (`AWS_ENDPOINT_URL_S3` and its siblings), and so
are credentials and the region.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any, Self

from kili_export.archives.compaction import CompactionCost, CompactionPolicy
from kili_export.core.errors import InvalidConfiguration
from kili_export.kili.http.addresses import Network, parse_networks
from kili_export.maintenance.retention.retention_rules import RetentionRules
from kili_export.splicing.part_limits import DEFAULT_LIMITS

_INFINITE = 10**12


@dataclass(frozen=True, slots=True)
class Variable:
    """What an environment variable means. `default` is None where it must be given."""

    name: str
    meaning: str
    unit: str
    default: str | None


def _variable(
    name: str, meaning: str, default: str | float | None, unit: str = "", *, least: int = 0
) -> Any:
    shown = None if default is None else str(default)
    described = Variable(name, meaning, unit, shown)
    return field(
        default="" if default is None else default,
        metadata={"variable": described, "least": least},
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, with defaults for those that were not given.

    A setting without a default is empty when it was not given: not every function needs every
    one. `required` is how to read those.
    """

    bucket_name: str = _variable("BUCKET_NAME", "The bucket of archives, state and runs", None)
    copies_bucket_name: str = _variable(
        "COPIES_BUCKET_NAME", "The bucket of copies of registrations, for commands alone", ""
    )
    table_name: str = _variable("TABLE_NAME", "The table of change marks and leases", None)
    state_directory: str = _variable(
        "STATE_DIRECTORY",
        "Keeps state and secrets in files of this directory, in place of the table, Secrets"
        " Manager and the bus: one machine alone",
        "",
        "path",
    )
    state_machine_arn: str = _variable("STATE_MACHINE_ARN", "The workflow", None)
    event_bus_name: str = _variable(
        "EVENT_BUS_NAME", "The bus that events for consumers are sent to", None
    )
    kili_api_endpoint: str = _variable(
        "KILI_API_ENDPOINT",
        "Kili's GraphQL endpoint",
        "https://cloud.kili-technology.com/api/label/v2/graphql",
        "URL",
    )
    kili_api_key_secret_id: str = _variable(
        "KILI_API_KEY_SECRET_ID", "The secret that holds Kili's API key", None, "name or ARN"
    )
    kili_key_prefix: str = _variable(
        "KILI_KEY_PREFIX",
        "What the names of secrets begin with that hold the keys of single projects",
        None,
    )
    notify_secret_prefix: str = _variable(
        "NOTIFY_SECRET_PREFIX",
        "What the names of secrets begin with that deliveries to endpoints are signed with",
        None,
    )
    notify_queue_url: str = _variable(
        "NOTIFY_QUEUE_URL", "The queue of events to be delivered to endpoints, on AWS", None, "URL"
    )
    webhook_secret_id: str = _variable(
        "WEBHOOK_SECRET_ID",
        "The secret that Kili sends as the Authorization header",
        None,
        "name or ARN",
    )
    secret_rotation_hours: int = _variable(
        "SECRET_ROTATION_HOURS",
        "How long the former webhook secret is accepted after a change",
        24,
        "hours",
    )
    window_seconds: int = _variable(
        "WINDOW_SECONDS",
        "How long a project's changes are collected before a run",
        60,
        "seconds",
        least=1,
    )
    settle_seconds: int = _variable(
        "SETTLE_SECONDS",
        "How long a run waits after its window, for labels to become readable",
        10,
        "seconds",
    )
    lease_seconds: int = _variable(
        "LEASE_SECONDS",
        "How long the holder of a project is believed to be at work without asking",
        60,
        "seconds",
    )
    kili_requests_per_minute: int = _variable(
        "KILI_REQUESTS_PER_MINUTE",
        "What Kili's API is asked at most with one key, by all workers together",
        250,
        "requests a minute",
        least=1,
    )
    private_networks: str = _variable(
        "PRIVATE_NETWORKS",
        "Networks such as 10.0.0.0/8, by commas, that media may be fetched from, and events"
        " delivered to, although they are not public",
        "none",
    )
    max_concurrency: int = _variable(
        "MAX_CONCURRENCY", "How many batches of a run are converted at once", 6, least=1
    )
    batch_size: int = _variable(
        "BATCH_SIZE", "Assets in a batch; ten for videos at most", 50, "assets", least=1
    )
    media_file_limit: int = _variable(
        "MEDIA_FILE_LIMIT",
        "The largest media file that an export takes in; a worker needs twice as much disk and"
        " 256 MiB",
        256 * 1024**2,
        "bytes",
        least=1,
    )
    ffmpeg_path: str = _variable(
        "FFMPEG_PATH",
        "ffmpeg, 5.1 or newer, where it is there: it cuts videos that have no frames of their own",
        "/opt/bin/ffmpeg",
    )
    marks_per_run: int = _variable(
        "MARKS_PER_RUN",
        "Changed assets that one run takes on; the rest follow in the next",
        5_000,
        "assets",
        least=1,
    )
    slice_assets: int = _variable(
        "SLICE_ASSETS",
        "Assets of a full export that one run takes on; changes come in between",
        5_000,
        "assets",
        least=1,
    )
    rewrite_limit: int = _variable(
        "REWRITE_LIMIT",
        "Archives up to this size are rewritten from their bytes; S3 copies larger ones",
        DEFAULT_LIMITS.rewrite_below,
        "bytes",
    )
    latest_copy_limit: int = _variable(
        "LATEST_COPY_LIMIT",
        "Archives above this size get no copy at the fixed key latest.zip",
        5 * 1024**3,
        "bytes",
    )

    archive_budget_cents: int = _variable(
        "ARCHIVE_BUDGET_CENTS",
        "What compaction of an export may cost a day; deltas follow larger archives meanwhile",
        100,
        "US cents",
        least=1,
    )
    retained_generations: int = _variable(
        "RETAINED_GENERATIONS",
        "Former generations whose archives are kept whatever their age",
        10,
        "generations",
    )
    retention_hours: int = _variable(
        "RETENTION_HOURS",
        "How long archives and deltas are kept after they were current, for downloads under way",
        24,
        "hours",
        least=1,
    )
    log_level: str = _variable("LOG_LEVEL", "The least level of lines in the log", "INFO")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Reads the environment. Raises InvalidConfiguration, naming the variable."""
        given = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for one in fields(cls):
            text = given.get(one.metadata["variable"].name, "").strip()
            if text:
                values[one.name] = _value(one.metadata, one.type, text)
        return cls(**values)

    def required(self, name: str) -> str:
        """The text of a setting that must be given. Raises InvalidConfiguration otherwise."""
        value: str = getattr(self, name)
        if not value:
            described = type(self).__dataclass_fields__[name].metadata["variable"]
            raise InvalidConfiguration(f"{described.name} is not set: {described.meaning}")
        return value

    @property
    def secret_rotation(self) -> timedelta:
        """How long the former webhook secret is accepted after a change."""
        return timedelta(hours=self.secret_rotation_hours)

    @property
    def rewriting(self) -> CompactionPolicy:
        """When archives are written again."""
        republishing = CompactionCost(self.retention.recent, self.archive_budget_cents / 100)
        return CompactionPolicy(republishing, timedelta(seconds=self.window_seconds))

    @property
    def networks(self) -> tuple[Network, ...]:
        """The private networks that contents and media may be fetched from."""
        try:
            return parse_networks(self.private_networks)
        except InvalidConfiguration as error:
            raise InvalidConfiguration(f"PRIVATE_NETWORKS: {error}") from error

    @property
    def retention(self) -> RetentionRules:
        """What is kept beside the current generation."""
        return RetentionRules(self.retained_generations, timedelta(hours=self.retention_hours))


VARIABLES: tuple[Variable, ...] = tuple(one.metadata["variable"] for one in fields(Settings))
"""Every environment variable that is read, in the order in which a person should learn of them."""


def _value(metadata: Mapping[str, Any], kind: object, text: str) -> str | int:
    if kind is str:
        return text
    variable: Variable = metadata["variable"]
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not metadata["least"] <= number <= _INFINITE:
        raise InvalidConfiguration(
            f"{variable.name} must be a whole number of at least {metadata['least']}"
            f"{f' ({variable.unit})' if variable.unit else ''}, not {text[:40]!r}"
        )
    return number
