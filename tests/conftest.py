"""Fixtures that every test may ask for."""

from tests.seaweed import key_prefix, object_store, s3_client, seaweed

__all__ = ["key_prefix", "object_store", "s3_client", "seaweed"]
