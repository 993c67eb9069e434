"""What takes minutes is tried by `make test-large` alone."""

import os

import pytest

large = pytest.mark.skipif(
    "KILI_EXPORT_LARGE" not in os.environ, reason="takes minutes: make test-large"
)
