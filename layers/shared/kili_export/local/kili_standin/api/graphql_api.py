"""Executes GraphQL documents against a world.

Parsing, validation, coercion of variables, fragments, aliases and directives are graphql-core's.
Reading the selected fields is done here: its general executor takes several times as long for a
page of assets, and nothing in this schema waits for anything.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    get_named_type,
    get_operation_ast,
    graphql_sync,
    parse,
    validate,
)
from graphql.execution.collect_fields import collect_fields, collect_sub_fields
from graphql.execution.values import get_argument_values, get_variable_values

from kili_export.local.kili_standin.api.fields import FIELDS
from kili_export.local.kili_standin.api.operations import OPERATIONS
from kili_export.local.kili_standin.changes.project_changes import ProjectChanges
from kili_export.local.kili_standin.state.state import PushedLabel
from kili_export.local.kili_standin.state.webhooks import WebhookConflict

MAXIMUM_PAGE = 100
_SCHEMA_FILE = Path(__file__).with_name("schema.graphql")
Reader = tuple[str, Callable[[Any], Any], "list[Reader] | None"]
Answer = dict[str, Any]


def load_schema() -> GraphQLSchema:
    """The schema, with the limit on pages."""
    schema = build_schema(_SCHEMA_FILE.read_text(encoding="utf-8"))
    page_size: Any = schema.type_map["PageSize"]
    page_size.parse_value = _page_size
    page_size.parse_literal = lambda node, _variables=None: _page_size(int(node.value))
    return schema


def _page_size(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAXIMUM_PAGE:
        raise GraphQLError(f"PageSize must be between 0 and {MAXIMUM_PAGE}, got {value!r}")
    return value


class GraphQLApi:
    """Answers documents about one world."""

    def __init__(self, world: ProjectChanges) -> None:
        self._world = world
        self._schema = load_schema()
        self._prepare = lru_cache(maxsize=256)(self._parse_and_validate)

    def root_fields(self, query: str) -> list[str]:
        """The root fields that a document asks for; none if it is invalid."""
        prepared = self._prepare(query)
        if isinstance(prepared, list):
            return []
        operation = get_operation_ast(prepared)
        if operation is None:
            return []
        selections = operation.selection_set.selections
        return [node.name.value for node in selections if isinstance(node, FieldNode)]

    def execute(self, query: str, variables: dict[str, Any]) -> Answer:
        """The answer as a JSON object: `data`, or `errors` with `data` null."""
        prepared = self._prepare(query)
        if isinstance(prepared, list):
            return _failed(prepared, "GRAPHQL_VALIDATION_FAILED")
        operation = get_operation_ast(prepared)
        if operation is None:
            return _failed([GraphQLError("Must provide an operation.")])
        if any(name.startswith("__") for name in self.root_fields(query)):
            result = graphql_sync(self._schema, query, variable_values=variables)
            return dict(result.formatted)
        try:
            with self._world.lock:
                return {"data": self._run(prepared, operation, variables)}
        except GraphQLError as error:
            return _failed([error])
        except (ValueError, WebhookConflict) as error:
            return _failed([GraphQLError(str(error))])

    def push(self, query: str, variables: dict[str, Any], label: PushedLabel) -> Answer:
        """What a subscription answers for one label."""
        with self._world.lock:
            self._world.pushing = label
            try:
                return self.execute(query, variables)
            finally:
                self._world.pushing = None

    def _parse_and_validate(self, query: str) -> DocumentNode | list[GraphQLError]:
        try:
            document = parse(query, no_location=False)
        except GraphQLError as error:
            return [error]
        errors = validate(self._schema, document)
        return [_double_quoted(error) for error in errors] or document

    def _run(
        self, document: DocumentNode, operation: OperationDefinitionNode, given: dict[str, Any]
    ) -> Answer:
        variables = get_variable_values(self._schema, operation.variable_definitions or (), given)
        if isinstance(variables, list):
            raise variables[0]
        fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        root = self._schema.get_root_type(operation.operation)
        if root is None:
            raise GraphQLError(f"Schema is not configured for {operation.operation.value}.")
        selected = collect_fields(self._schema, fragments, variables, root, operation.selection_set)
        compiler = _Compiler(self._schema, fragments, variables)
        return {
            alias: self._resolve(root, nodes, variables, compiler)
            for alias, nodes in selected.items()
        }

    def _resolve(
        self,
        root: GraphQLObjectType,
        nodes: list[FieldNode],
        variables: dict[str, Any],
        compiler: "_Compiler",
    ) -> Any:
        name = nodes[0].name.value
        if name == "__typename":
            return root.name
        field = root.fields[name]
        arguments = get_argument_values(field, nodes[0], variables)
        value = OPERATIONS[name](self._world, arguments)
        answer = _project(compiler.readers(field.type, nodes), value)
        if name == "assets":
            self._after_page(value)
        return answer

    def _after_page(self, page: list[Any]) -> None:
        if not page:
            return
        project = page[0].project
        fault = self._world.faults.on_data("shifting_pages", project.id)
        if fault is not None:
            self._world.shift_pages(project, fault)


class _Compiler:
    """Turns selection sets into readers."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: dict[str, FragmentDefinitionNode],
        variables: dict[str, Any],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables

    def readers(self, field_type: Any, nodes: list[FieldNode]) -> list[Reader] | None:
        """How to read what these nodes select; None for a leaf."""
        named = get_named_type(field_type)
        if not isinstance(named, GraphQLObjectType):
            return None
        selected = collect_sub_fields(self._schema, self._fragments, self._variables, named, nodes)
        return [self._reader(named, alias, chosen) for alias, chosen in selected.items()]

    def _reader(self, parent: GraphQLObjectType, alias: str, nodes: list[FieldNode]) -> Reader:
        name = nodes[0].name.value
        if name == "__typename":
            return (alias, lambda _: parent.name, None)
        field = parent.fields[name]
        return (alias, FIELDS[parent.name][name], self.readers(field.type, nodes))


def _project(readers: list[Reader] | None, value: Any) -> Any:
    if readers is None or value is None:
        return value
    if isinstance(value, list):
        return [_project(readers, one) for one in value]
    return {alias: _project(sub, get(value)) for alias, get, sub in readers}


def _double_quoted(error: GraphQLError) -> GraphQLError:
    """The error in the words of the reference implementation, which quotes names with `"`."""
    return GraphQLError(error.message.replace("'", '"'), nodes=error.nodes)


def _failed(errors: list[GraphQLError], code: str = "BAD_USER_INPUT") -> Answer:
    # Clients read `extensions.context` of every error without asking whether it is there.
    extensions = {"code": code, "context": {}}
    answers = [dict(error.formatted) | {"extensions": extensions} for error in errors]
    return {"errors": answers, "data": None}
