"""A share of `make chaos`: whatever happens in whatever order, the archives come to be right."""

from hypothesis import HealthCheck, Phase, settings

from tests.chaos.machine import AnyOrder

# A failure is told as it was found: to make it shorter would take minutes.
AnyOrder.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=40,
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestAnyOrder = AnyOrder.TestCase
