"""Assets of which a label was exported right after its event, and when to look again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from kili_export.contracts.base import Document


class PendingLooks(Document):
    """When each asset is to be looked at again, by its id."""

    schema_version: Literal[1] = 1
    due: Mapping[str, datetime] = {}
