"""The documents that cross a boundary: events, payloads, manifests. Validated by pydantic."""
