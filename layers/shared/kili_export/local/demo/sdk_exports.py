"""Has Kili's own SDK export a project: the judge of the demo, in a process of its own.

    python -m kili_export.local.demo.sdk_exports ENDPOINT PROJECT_ID FOLDER FORMAT…

The API key is read from standard input. Writes `{format}.zip` for each format.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal


def main(arguments: Sequence[str]) -> None:
    """Exports all formats with the SDK's defaults, but without media."""
    endpoint, project_id, folder, *formats = arguments
    # The SDK would ask its package index for a newer version of itself.
    os.environ["KILI_SDK_SKIP_CHECKS"] = "1"
    warnings.simplefilter("ignore")
    from kili.client import Kili  # noqa: PLC0415 it reads the environment when imported

    kili = Kili(
        api_endpoint=endpoint,
        api_key=sys.stdin.readline().strip(),
        disable_tqdm=True,
        graphql_client_params={"enable_schema_caching": False},
    )
    for name in formats:
        target = Path(folder) / f"{name}.zip"
        kili.export_labels(project_id, str(target), name, layout=layout_of(name), with_assets=False)


def layout_of(kind: str) -> Literal["split", "merged"]:
    """The SDK's default layout where the format has it."""
    return "merged" if kind == "pascal_voc" else "split"


if __name__ == "__main__":
    main(sys.argv[1:])
