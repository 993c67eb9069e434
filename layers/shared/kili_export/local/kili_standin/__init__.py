"""A stand-in of Kili: the parts of its API that exports and webhooks use, on this machine.

It is honest because Kili's own SDK works with it, and independent of the exporter that it judges.

    world = KiliWorld(api_key="key")
    project = world.add_project(sample_project())
    with start_standin(world) as standin:
        ...  # a client of standin.endpoint
        world.submit_label("scene-28.png")

`python -m kili_export.local.kili_standin` runs it as a process; `control` tells how to
direct it over HTTP, `faults` what it can do wrong, `label_rules` which labels count as the latest.
"""

from kili_export.local.kili_standin.changes.world import KiliWorld
from kili_export.local.kili_standin.http.server import StandIn, start_standin
from kili_export.local.kili_standin.projects.generated_project import generate_project
from kili_export.local.kili_standin.projects.project_documents import read_project
from kili_export.local.kili_standin.projects.sample_project import sample_project

__all__ = [
    "KiliWorld",
    "StandIn",
    "generate_project",
    "read_project",
    "sample_project",
    "start_standin",
]
