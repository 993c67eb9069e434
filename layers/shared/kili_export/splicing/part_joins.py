"""Archives of more parts than an upload may have: objects are joined first, and those copied.

The pictures of a million assets are a hundred thousand objects of some megabytes. Each is copied by
the server as it is, into one of a few objects between, of which the archive is then made.
"""

from collections.abc import Sequence

from kili_export.splicing.part_limits import DEFAULT_LIMITS, PartLimits
from kili_export.splicing.upload_parts import Part, too_many


def plan_joins(parts: Sequence[Part], limits: PartLimits = DEFAULT_LIMITS) -> list[Sequence[Part]]:
    """The parts of the objects to be made before, in order; none where one upload takes all parts.

    One after another these objects have the bytes of the parts, and they take fewer parts to copy.
    Whether one upload takes these is to be asked again. Raises IntegrityError where joining does
    not help: S3 has no objects of that size.
    """
    if len(parts) <= limits.max_parts:
        return []
    count = -(-len(parts) // limits.max_parts)
    ends = [len(parts) * (index + 1) // count for index in range(count)]
    groups = [parts[first:after] for first, after in zip([0, *ends], ends, strict=False)]
    if sum(_copies(group, limits) for group in groups) >= len(parts):
        raise too_many(parts, limits)
    return groups


def _copies(parts: Sequence[Part], limits: PartLimits) -> int:
    """In how many parts their object is copied, at the fewest."""
    return -(-sum(part.length for part in parts) // limits.max_part)
