"""`make build`: the deployable application, checked."""

import sys
import time

from devtools.build.checks import check_template, check_workflow
from devtools.build.interpreter import PythonNotFound
from devtools.build.sam import ARTIFACTS, ROOT, BuildFailed, build_artifacts
from devtools.build.sbom import SBOM, write_bill_of_materials
from devtools.build.sizes import artifact_sizes


def main() -> int:
    """Checks, builds and prints a summary. Returns the exit status."""
    started = time.monotonic()
    try:
        check_template()
        print("template.yaml: cfn-lint has nothing to say")
        check_workflow()
        print("statemachine/export.asl.yaml: valid, and within what the local runner implements")
        build_artifacts()
        packages = write_bill_of_materials()
    except (BuildFailed, PythonNotFound) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{ARTIFACTS.relative_to(ROOT)}: built in {time.monotonic() - started:.1f} s")
    for artifact in artifact_sizes(ARTIFACTS):
        print(
            f"  {artifact.name:<26}{artifact.unzipped / 1024:>10,.0f} KiB"
            f"{artifact.zipped / 1024:>10,.0f} KiB zipped"
        )
    print(f"{SBOM.relative_to(ROOT)}: {packages} packages, as pinned and as built")
    print("Deploy it with: .venv-sam/bin/sam deploy --guided")
    return 0


if __name__ == "__main__":
    sys.exit(main())
