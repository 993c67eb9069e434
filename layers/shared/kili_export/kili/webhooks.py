"""Makes Kili call a webhook for a project, and stops it."""

import re
from typing import Any

from kili_export.changes.events.event_catalogue import EVENT_MATCHER, HANDLER_TYPES
from kili_export.core.errors import AccessDenied, ExportError, RequestRefused, Unavailable
from kili_export.kili.http.transport import GraphQLTransport, Operation

_ARGUMENTS = (
    "$eventMatcher: [String!], $handlerTypes: [PluginHandlerType!], $pluginName: String!, "
    "$webhookUrl: String!, $header: String"
)
_VALUES = (
    "eventMatcher: $eventMatcher, handlerTypes: $handlerTypes, header: $header, "
    "pluginName: $pluginName, webhookUrl: $webhookUrl"
)
_ON_PROJECT = "$pluginName: String!, $projectId: ID!"
_WHERE = "where: {pluginName: $pluginName, projectId: $projectId}"
CREATE = Operation(
    "createWebhook",
    f"mutation createWebhook({_ARGUMENTS}) {{ data: createWebhook(data: {{{_VALUES}}}) }}",
    mutation=True,
)
UPDATE = Operation(
    "updateWebhook",
    f"mutation updateWebhook({_ARGUMENTS}) {{ data: updateWebhook(data: {{{_VALUES}}}) }}",
    mutation=True,
)
ACTIVATE = Operation(
    "activatePluginOnProject",
    f"mutation activatePluginOnProject({_ON_PROJECT}) {{\n"
    f"  data: activatePluginOnProject({_WHERE})\n}}",
    mutation=True,
)
DEACTIVATE = Operation(
    "deactivatePluginOnProject",
    f"mutation deactivatePluginOnProject({_ON_PROJECT}) {{\n"
    f"  data: deactivatePluginOnProject({_WHERE})\n}}",
    mutation=True,
)
DELETE = Operation(
    "deletePlugin",
    "mutation deletePlugin($pluginName: String!) "
    "{ data: deletePlugin(where: {pluginName: $pluginName}) }",
    mutation=True,
)
_EXISTS = re.compile("an entity Plugin already exists with value", re.IGNORECASE)
_ACTIVE = re.compile("an entity Project already exists with value", re.IGNORECASE)
_ABSENT = re.compile(
    r"not found|no (entity|plugin|webhook)|does ?n[o']t exist|not (active|activated)|cannot find",
    re.IGNORECASE,
)


class Webhooks:
    """The webhooks of Kili's organization."""

    def __init__(self, transport: GraphQLTransport) -> None:
        self._transport = transport

    def install(self, project_id: str, url: str, header: str, name: str) -> None:
        """See KiliClient.install_webhook."""
        variables = {
            "eventMatcher": list(EVENT_MATCHER),
            "handlerTypes": list(HANDLER_TYPES),
            "pluginName": name,
            "webhookUrl": url,
            "header": header,
        }
        is_new = self._done(CREATE, variables, _EXISTS)
        if not is_new:
            self._done(UPDATE, variables)
        try:
            self._done(ACTIVATE, {"pluginName": name, "projectId": project_id}, _ACTIVE)
        except ExportError as failure:
            if is_new:
                self._undo(name, failure)
            raise

    def remove(self, project_id: str, name: str) -> None:
        """See KiliClient.remove_webhook."""
        self._done(DEACTIVATE, {"pluginName": name, "projectId": project_id}, _ABSENT)
        self._done(DELETE, {"pluginName": name}, _ABSENT)

    def _undo(self, name: str, failure: ExportError) -> None:
        """Deletes a webhook that was just created and is of no use. Raises what failed first."""
        try:
            self._done(DELETE, {"pluginName": name}, _ABSENT)
        except ExportError as second:
            raise type(failure)(
                f"{failure} The webhook {name} was created and could not be deleted again: {second}"
            ) from failure

    def _done(
        self,
        operation: Operation,
        variables: dict[str, Any],
        needless: re.Pattern[str] | None = None,
    ) -> bool:
        """Whether it was done; False when Kili says that it is so already."""
        try:
            self._transport.execute(operation, variables)
        except (RequestRefused, AccessDenied, Unavailable) as refusal:
            if needless is None or not needless.search(str(refusal)):
                raise
            return False
        return True
