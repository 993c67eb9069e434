"""How large the built artifacts are."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

# What a function and its layers may hold together, unzipped.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
UNZIPPED_LIMIT = 250 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ArtifactSize:
    """One function or layer; sizes in bytes, as files and as the archive that is uploaded."""

    name: str
    unzipped: int
    zipped: int


def artifact_sizes(artifacts: Path) -> list[ArtifactSize]:
    """The sizes of everything that was built, by name."""
    return [_measure(folder) for folder in sorted(artifacts.iterdir()) if folder.is_dir()]


def _measure(folder: Path) -> ArtifactSize:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(folder))
    return ArtifactSize(folder.name, sum(path.stat().st_size for path in files), packed.tell())
