"""What fuzzing found once is tried with every run, and so is what it begins with."""

import random
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS, seeds

FINDS = sorted(path for path in Path(__file__).with_name("finds").iterdir() if path.suffix != ".md")


@pytest.mark.parametrize("find", FINDS, ids=[find.name for find in FINDS])
def test_a_find_breaks_nothing_any_more(find: Path) -> None:
    TARGETS[find.name.partition("-")[0]](find.read_bytes())


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_target_takes_its_seeds_and_what_chance_makes_of_them(target: str) -> None:
    chance = random.Random(1)
    for seed in seeds()[target]:
        TARGETS[target](seed)
        for _ in range(30 if target in {"answer", "graphql", "rows"} else 300):
            spoiled = bytearray(seed)
            for _ in range(chance.randint(1, 4)):
                spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
            TARGETS[target](bytes(spoiled[: chance.randint(1, len(spoiled))]))
