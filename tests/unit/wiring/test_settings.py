"""The environment is read in one place, and what is wrong with it is named."""

import pytest

from kili_export.core.errors import InvalidConfiguration
from kili_export.wiring.settings import VARIABLES, Settings


def test_everything_has_a_default_or_is_asked_for_by_name() -> None:
    settings = Settings.from_environment({})
    for variable in VARIABLES:
        name = next(
            name
            for name, one in Settings.__dataclass_fields__.items()
            if one.metadata["variable"] is variable
        )
        if variable.default is None:
            with pytest.raises(InvalidConfiguration, match=variable.name):
                settings.required(name)
        else:
            assert str(getattr(settings, name)) == variable.default


def test_what_is_given_is_used() -> None:
    given = {"WINDOW_SECONDS": " 2 ", "BUCKET_NAME": "mine", "SETTLE_SECONDS": "0"}
    settings = Settings.from_environment(given)
    assert (settings.window_seconds, settings.bucket_name, settings.settle_seconds) == (
        2,
        "mine",
        0,
    )


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "1.5", "9" * 30])
def test_a_number_that_cannot_be_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(InvalidConfiguration, match="WINDOW_SECONDS"):
        Settings.from_environment({"WINDOW_SECONDS": wrong})


def test_every_variable_says_what_it_means() -> None:
    assert len({variable.name for variable in VARIABLES}) == len(VARIABLES)
    assert all(variable.meaning for variable in VARIABLES)
