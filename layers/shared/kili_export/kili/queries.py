"""The GraphQL documents, written for the fields that a server turned out to have."""

from collections.abc import Callable, Mapping
from typing import Any

from kili_export.core.asset import ASSET_MARKS, LABEL_MARKS
from kili_export.core.errors import RequestRefused
from kili_export.kili.http.failures import UnknownField
from kili_export.kili.http.transport import GraphQLTransport, Operation
from kili_export.steps.conversion.asset_source import FetchNeeds

OPTIONAL_FIELDS = frozenset(
    {"createdAt", "geospatialSettings", "steps", "updatedAt", "workflowVersion"}
)
"""Fields that not every version of Kili's server knows, and that we can do without."""
LABEL_FIELDS = (
    "createdAt",
    "isLatestLabelForUser",
    "isSentBackToQueue",
    "jsonResponse",
    "jsonResponseUrl",
    "labelType",
    "modelName",
)
AUTHOR_FIELDS = ("id", "email", "firstname", "lastname")
_AUTHOR = f"author {{ {' '.join(AUTHOR_FIELDS)} }}"
ASSET_FIELDS = ("id", "externalId", "content", "jsonContent", "jsonMetadata", "status")
Absent = frozenset[str]


class SchemaAdapter:
    """Asks for optional fields until the server says that it does not have them."""

    def __init__(self, transport: GraphQLTransport) -> None:
        self._transport = transport
        self._absent: Absent = frozenset()

    def ask(self, write: Callable[[Absent], Operation], variables: Mapping[str, Any]) -> Any:
        """The answer to the document that `write` writes without the absent fields.

        Raises what GraphQLTransport.execute does, but UnknownField.
        """
        while True:
            operation = write(self._absent)
            try:
                return self._transport.execute(operation, variables)
            except UnknownField as refusal:
                named = {name for name in OPTIONAL_FIELDS if name in str(refusal)}
                if named <= self._absent:
                    raise RequestRefused(f"Kili refused: {refusal}") from None
                self._absent |= named


_PROJECT_FIELDS = {
    "id": "id",
    "title": "title",
    "description": "description",
    "inputType": "inputType",
    "jsonInterface": "jsonInterface",
    "geospatialSettings": "geospatialSettings",
    "workflowVersion": "workflowVersion",
    "dataConnections": "dataConnections { id }",
    "steps": "steps { id name }",
}
COUNT_ASSETS = Operation(
    "countAssets", "query countAssets($where: AssetWhere!) { data: countAssets(where: $where) }"
)
ANSWER_FILE_ADDRESS = Operation(
    "annotationFileUrl",
    """query AnnotationFileUrl($projectId: ID!, $assetId: ID!, $fileId: String!) {
  data: annotationFileUrl(projectId: $projectId, assetId: $assetId, fileId: $fileId)
}""",
)
EVENTS = Operation(
    "events",
    """query Events($where: EventsWhere!, $pagination: EventPagination!, $order: Order) {
  data: events(where: $where, pagination: $pagination, order: $order) {
    createdAt event id payload projectId
  }
}""",
)


def project_query(absent: Absent) -> Operation:
    """One project with all that exports need of it."""
    selection = " ".join(text for name, text in _PROJECT_FIELDS.items() if name not in absent)
    return Operation(
        "projects",
        f"""query projects($where: ProjectWhere!, $first: PageSize!, $skip: Int!) {{
  data: projects(where: $where, first: $first, skip: $skip) {{ {selection} }}
}}""",
    )


def matching_assets(_absent: Absent) -> Operation:
    """The ids of assets."""
    return _assets("matchingAssets", ["id"])


def listed_assets(absent: Absent) -> Operation:
    """Assets with what their fingerprint and their order are made of."""
    marks = [name for name in ASSET_MARKS if name not in absent]
    return _assets("listAssets", [*marks, f"labels {{ {' '.join(_label_marks(absent))} }}"])


def full_assets(needs: FetchNeeds) -> Callable[[Absent], Operation]:
    """Assets with their labels' contents, as far as needed."""

    def write(absent: Absent) -> Operation:
        fields = [*ASSET_FIELDS, *(name for name in ("createdAt",) if name not in absent)]
        fields.append("resolution { height width }")
        fields.append("pageResolutions { pageNumber height width rotation }")
        if needs.input_type == "GEOSPATIAL":
            fields.append("geospatialExportMetadata")
        if needs.latest_label:
            fields.append(f"latestLabel {{ {' '.join(('id', *LABEL_FIELDS))} {_AUTHOR} }}")
        if needs.latest_labels:
            selection = " ".join(("id", "isLastForStep", *LABEL_FIELDS))
            fields.append(f"latestLabels {{ {selection} {_AUTHOR} }}")
        fields.append(f"labels {{ {_labels(absent, needs)} }}")
        return _assets("fetchAssets", fields)

    return write


def _labels(absent: Absent, needs: FetchNeeds) -> str:
    marks = _label_marks(absent)
    if not needs.labels:
        return " ".join(marks)
    return " ".join([*dict.fromkeys([*marks, *LABEL_FIELDS]), _AUTHOR])


def _label_marks(absent: Absent) -> list[str]:
    # Every server knows when a label was created; that an asset's creation is not known there
    # says nothing about labels.
    return [name for name in LABEL_MARKS if name == "createdAt" or name not in absent]


def _assets(name: str, fields: list[str]) -> Operation:
    return Operation(
        name,
        f"""query assets($where: AssetWhere!, $first: PageSize!, $skip: Int!) {{
  data: assets(where: $where, skip: $skip, first: $first) {{
    {" ".join(fields)}
  }}
}}""",
    )
