"""What publishing answers about a generation that an earlier attempt of the run committed."""

import pytest

from kili_export.archives.removal_guard import NONE
from kili_export.steps.publishing.generation.answers import unchanged
from tests.support.sample_manifest import manifest_of


@pytest.mark.parametrize(("token", "status"), [(7, "committed"), (8, "unchanged")])
def test_what_an_attempt_under_the_same_lease_committed_is_to_be_announced(
    token: int, status: str
) -> None:
    manifest = manifest_of(run_id="00000007-2d9f518a")
    answer = unchanged("yolo", manifest, NONE, token)
    assert (answer.status, answer.generation) == (status, manifest.generation)


def test_before_the_first_generation_nothing_changed() -> None:
    assert unchanged("yolo", None, NONE, 1).status == "unchanged"
