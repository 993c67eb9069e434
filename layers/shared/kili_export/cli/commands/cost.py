"""`kili-export cost`: what changes and full exports cost by list price, by what runs have used."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kili_export.archives.compaction import CompactionCost
from kili_export.archives.manifest import Manifest
from kili_export.cli.executions import Executions
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output, bytes_text
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import connect
from kili_export.cli.yaml_files import read_yaml
from kili_export.core.counted import counted
from kili_export.core.errors import InvalidConfiguration
from kili_export.costs.estimate import (
    EVENT,
    CountedRun,
    CountedRuns,
    Republished,
    at_rest,
    full_export,
    per_million_events,
)
from kili_export.costs.prices import LIST_PRICES, LISTED, PriceList, Unit
from kili_export.runs.messages import FinishAnswer

_LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class _Estimate:
    """One of the estimates."""

    name: str
    title: str
    usage: Mapping[Unit, float]

    def described(self, prices: PriceList) -> dict[str, Any]:
        """Its dollars, altogether and by service."""
        return {
            "dollars": round(prices.dollars(self.usage), 4),
            "by_service": {
                name: round(cost, 4) for name, cost in prices.by_service(self.usage).items()
            },
            "usage": {unit.value: round(amount, 3) for unit, amount in self.usage.items()},
        }


def cost(arguments: Namespace) -> ExitCode:
    """Estimates, from the runs that a stack still knows of one project."""
    output = Output(as_json=arguments.json)
    prices = _prices(arguments.prices)
    connection = connect(arguments)
    services = StackServices.of(connection)
    answers = Executions(connection).answers(arguments.project_id, _LOOKED_AT)
    counted_runs = _sorted(answers)
    changes, full = counted_runs.changes, counted_runs.full
    if not changes and not full:
        raise InvalidConfiguration(
            f"No run of project {arguments.project_id} is known that counted what it used. Start "
            f"one: kili-export run {arguments.project_id} --wait"
        )
    status = services.status.read(arguments.project_id)
    manifests = [one.manifest for one in status.exports if one.manifest is not None]
    settings = connection.settings
    retention = timedelta(hours=settings.retention_hours)
    window = timedelta(seconds=arguments.window or settings.window_seconds)
    rule = settings.rewriting.republishing
    size = sum(one.archive.size + sum(table.size for table in one.tables) for one in manifests)
    replaced = Republished(sum(_written(one, rule, window) for one in manifests), retention)
    estimates = []
    if changes:
        usage = per_million_events(counted_runs, replaced, arguments.events_per_window, window)
        estimates.append(_Estimate("million_events", "a million label events", usage))
    if full:
        assets = arguments.assets or max((one.counts.assets for one in manifests), default=0)
        usage = full_export(full, assets)
        title = f"a full export of {assets:,} asset{'' if assets == 1 else 's'}"
        estimates.append(_Estimate("full_export", title, usage))
    rest = at_rest(size, arguments.projects, dashboard=arguments.dashboard)
    estimates.append(_Estimate("month_at_rest", "a month in which nothing changes", rest))
    assumptions = _assumptions(arguments, prices, window, replaced, counted_runs)
    if output.as_json:
        described = {one.name: one.described(prices) for one in estimates}
        answer = {"project_id": arguments.project_id, "prices": prices.name, **described}
        output.result({**answer, "assumptions": assumptions}, "")
    else:
        _show(output, estimates, prices, assumptions)
    return ExitCode.OK


def _prices(name: str | None) -> PriceList:
    """The listed prices, with those of a file in their place. Raises InvalidConfiguration."""
    if name is None:
        return LIST_PRICES
    given = read_yaml(name)
    try:
        return LIST_PRICES.but({key: float(value) for key, value in dict(given).items()})
    except (TypeError, ValueError) as error:
        known = ", ".join(unit.value for unit in Unit)
        raise InvalidConfiguration(
            f"{name} must hold dollars for one of a unit, such as `transition: 0.000025` "
            f"({error}). Units: {known}"
        ) from error


def _sorted(answers: Sequence[FinishAnswer]) -> CountedRuns:
    """The runs that counted what they used, by what they did."""
    runs = CountedRuns([], [], [])
    for answer in answers:
        spending = answer.spending
        if spending is None or not answer.converted:
            continue
        run = CountedRun(
            plan=spending.plan.as_step(),
            convert=spending.convert.as_step(),
            publish=spending.publish.as_step(),
            finish=spending.finish.as_step(),
            exports=spending.exports,
            assets=answer.converted,
        ).with_state()
        published = any(one.added or one.changed or one.removed for one in answer.exports)
        unchanged = runs.changes if published else runs.looks
        (runs.full if spending.rebuilt else unchanged).append(run)
    return runs


def _written(manifest: Manifest, rule: CompactionCost, window: timedelta) -> int:
    """Bytes that a run writes: newest tables, and the archive as often as its budget allows."""
    interval = max(window, rule.interval(manifest.archive.size))
    return round(manifest.archive.size * (window / interval)) + manifest.newest_tables


def _assumptions(
    arguments: Namespace,
    prices: PriceList,
    window: timedelta,
    replaced: Republished,
    runs: CountedRuns,
) -> list[str]:
    per_window = arguments.events_per_window
    each_window = CompactionCost(kept=replaced.kept, prices=prices).size_for(window)
    return [
        (
            f"List prices of {prices.name}{' with your own' if arguments.prices else ''}, without "
            "free tiers, discounts, taxes, and traffic out of the region."
        ),
        (
            f"The estimate rests on {counted(len(runs.changes), 'run')} that published changes, "
            f"{len(runs.looks)} that looked again and found none, and {len(runs.full)} that made "
            "full exports, on the machine where they ran; a function of AWS may take longer or "
            "shorter."
        ),
        (
            f"{counted(per_window, 'event')} in each window of {window.total_seconds():.0f} s, "
            f"each of another asset; {EVENT.seconds * 1000:.0f} ms for each at the webhook. What "
            "an event named is looked at once more, for one event alone in a run of its own."
        ),
        (
            f"A run writes {bytes_text(replaced.size)} of archives and ledgers again; what it "
            f"replaces is kept for {replaced.kept.total_seconds() / 3600:.0f} hours."
        ),
        (
            f"The month at rest is that of {counted(arguments.projects, 'project')}, with "
            f"{'a' if arguments.dashboard else 'no'} dashboard."
        ),
        (
            f"A dollar a day and export allows an archive of {bytes_text(each_window)} to be "
            f"written again every {window.total_seconds():.0f} s."
        ),
    ]


def _show(
    output: Output, estimates: list[_Estimate], prices: PriceList, assumptions: list[str]
) -> None:
    services = list(dict.fromkeys(priced.service for priced in LISTED.values()))
    costs = [prices.by_service(one.usage) for one in estimates]
    rows = [
        [service, *(f"${shares.get(service, 0.0):,.4f}" for shares in costs)]
        for service in services
    ]
    rows.append(["together", *(f"${prices.dollars(one.usage):,.4f}" for one in estimates)])
    output.table(f"Estimated cost ({prices.name})", ["", *(one.title for one in estimates)], rows)
    for line in assumptions:
        output.line(f"- {line}")
