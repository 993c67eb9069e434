"""Fixtures that every test may ask for, and how all properties are tested."""

from hypothesis import settings

from tests.seaweed import key_prefix, object_store, s3_client, seaweed

# The same examples every time, and no failure because a machine is busy.
settings.register_profile("every run", derandomize=True, deadline=None)
settings.load_profile("every run")

__all__ = ["key_prefix", "object_store", "s3_client", "seaweed"]
