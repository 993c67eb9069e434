"""What people declare, and what they are told when it cannot work."""

import contextlib
from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kili_export.changes.events.change_events import ExportDependencies, interests_of
from kili_export.core.errors import InvalidConfiguration
from kili_export.core.export_options import ExportOptions, ExportType, Layout
from kili_export.formats.registry import FORMATS
from kili_export.registration.declaration import (
    ExportDeclaration,
    ProjectRegistration,
)
from kili_export.registration.parse_registration import parse_registration

SAMPLE = """
project_id: clabc123
exports:
  - {name: yolo, format: yolo_v8, layout: merged, export_type: latest_from_last_step}
  - name: raw
    format: kili
    single_file: false
    with_assets: false
    label_type_in: [DEFAULT, REVIEW]
    include_sent_back_labels: true
    normalized_coordinates: null
    filters: {label_author_in: [alice@example.com]}
"""


def _declared(**export: Any) -> dict[str, Any]:
    return {"project_id": "P", "exports": [{"format": "coco", **export}]}


def _options(**export: Any) -> ExportOptions:
    return parse_registration(_declared(**export)).exports[0].to_options()


def test_a_file_is_read() -> None:
    registration = parse_registration(yaml.safe_load(SAMPLE))

    yolo, raw = registration.exports
    assert registration.project_id == "clabc123"
    assert (yolo.name, raw.name) == ("yolo", "raw")
    assert yolo.to_options() == ExportOptions(
        "yolo_v8", layout=Layout.MERGED, export_type=ExportType.LATEST_FROM_LAST_STEP
    )
    assert raw.to_options() == ExportOptions(
        "kili", filters={"label_author_in": ["alice@example.com"]}
    )


def test_defaults_are_those_of_the_options() -> None:
    assert _options() == ExportOptions("coco")


def test_what_is_stored_is_what_was_declared() -> None:
    registration = parse_registration(yaml.safe_load(SAMPLE))

    stored = registration.to_bytes()

    assert b'"schema_version":1' in stored
    assert ProjectRegistration.from_bytes(stored) == registration
    assert [
        one.to_options().digest() for one in ProjectRegistration.from_bytes(stored).exports
    ] == [one.to_options().digest() for one in registration.exports]


def test_an_export_without_a_name_is_called_after_its_format() -> None:
    assert parse_registration(_declared(name=None)).exports[0].name == "coco"
    assert parse_registration(_declared()).exports[0].name == "coco"


@pytest.mark.parametrize("types", [None, []])
def test_no_label_types_mean_the_default_as_in_the_sdk(types: object) -> None:
    assert _options(label_type_in=types).label_type_in == ("DEFAULT", "REVIEW")


def test_label_types_count_once() -> None:
    assert _options(label_type_in=["REVIEW", "REVIEW"]).label_type_in == ("REVIEW",)


def test_selecting_nothing_is_not_selecting_all() -> None:
    assert _options(asset_ids=[]).asset_ids == ()
    assert _options(asset_ids=None).asset_ids is None
    assert _options(external_ids=["a b/é.jpg"]).external_ids == ("a b/é.jpg",)


def test_filters_that_are_null_are_left_out_and_dates_become_texts() -> None:
    filters = yaml.safe_load("{created_at_gte: 2026-01-31, skipped: null, consensus_mark_gte: 1}")

    assert _options(filters=filters).filters == {
        "created_at_gte": "2026-01-31",
        "consensus_mark_gte": 1,
    }
    assert _options(filters=None).filters == {}


def test_an_export_is_found_by_its_name() -> None:
    registration = parse_registration(yaml.safe_load(SAMPLE))

    assert registration.export("raw").format == "kili"
    with pytest.raises(InvalidConfiguration, match="no export 'coco'; it has yolo, raw"):
        registration.export("coco")


def test_interests_are_those_of_all_exports() -> None:
    assert interests_of(parse_registration(yaml.safe_load(SAMPLE))) == ExportDependencies(
        frozenset({"DEFAULT", "REVIEW"}), steps=True
    )


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        (_declared(layout="x"), "export 'coco': layout: must be one of 'split' or 'merged'"),
        (_declared(layot="split"), "'layot' is not an option; did you mean 'layout'? known are"),
        (_declared(format="cocos"), "format: 'cocos' is not known; did you mean 'coco'?"),
        (_declared(format=7), "export '7': format: must be a text"),
        (_declared(format=None), "format: must be a text"),
        (_declared(with_assets="yes"), "export 'coco': with_assets: must be true or false"),
        (_declared(single_file=1), "single_file: must be true or false"),
        (_declared(normalized_coordinates="x"), "normalized_coordinates: must be true or false"),
        (_declared(export_type="newest"), "export_type: must be one of 'latest', "),
        (_declared(label_type_in=["BEST"]), "label_type_in.0: must be one of 'AUTOSAVE', "),
        (_declared(label_type_in="DEFAULT"), "label_type_in: must be a list"),
        (_declared(asset_ids="A"), "asset_ids: must be a list"),
        (_declared(asset_ids=["../A"]), "asset_ids: has '../A', which is no asset id"),
        (_declared(external_ids=[7]), "external_ids.0: must be a text"),
        (_declared(asset_ids=[], external_ids=[]), "select the same thing; give one of them"),
        (_declared(name="../x"), "export '../x': name: must be letters, digits, _ and -"),
        (_declared(name="x" * 65), "name: must be letters"),
        (_declared(name="a\n"), "name: must be letters"),
        (_declared(name=7), "name: must be a text"),
        (_declared(filters=[]), "filters: must be an object"),
        (_declared(filters={"label_autor_in": ["a"]}), "'label_autor_in' is no filter; known are"),
        (_declared(filters={"updated_at_gte": "2026-01-01"}), "'updated_at_gte' is no filter"),
        (_declared(filters={"status_in": ["DONE"]}), "status_in has 'DONE', which is none of TODO"),
        (_declared(filters={"status_in": "TODO"}), "status_in must be a list of texts"),
        (_declared(filters={"assignee_in": []}), "assignee_in must not be empty; leave the filter"),
        (_declared(filters={"skipped": "no"}), "skipped must be true or false"),
        (_declared(filters={"consensus_mark_gte": True}), "consensus_mark_gte must be a number"),
        (_declared(filters={"consensus_mark_gte": float("nan")}), "must be a number"),
        (_declared(filters={"created_at_gte": "yesterday"}), "must be a date such as 2026-01-31"),
        (_declared(filters={"created_at_gte": 20260131}), "created_at_gte must be a text"),
        (_declared(filters={"issue_type": "BUG"}), "issue_type must be one of ISSUE, QUESTION"),
        (_declared(filters={"issue_type": ["ISSUE"]}), "issue_type must be one of"),
        (_declared(filters={"metadata_where": ["k"]}), "metadata_where must be an object"),
        *(
            (_declared(filters={"metadata_where": {"k": [wrong]}}), "holds what JSON cannot")
            for wrong in (float("nan"), 2**70, "\ud800", date(2026, 1, 31), b"x", {"y"})
        ),
        (_declared(external_ids=["\ud800"]), "the registration cannot be stored: "),
        (_declared(filters={"external_id_in": ["x"] * 11}), "use external_id_strictly_in"),
        (
            _declared(filters={"step_id_in": ["s"], "step_name_in": ["S"]}),
            "step_id_in and step_name_in select the same thing",
        ),
        ({"exports": [{"format": "coco"}]}, "project_id: is missing"),
        ({"project_id": "P"}, "exports: is missing"),
        ({"project_id": "P", "exports": []}, "exports: declare between 1 and 50 exports"),
        ({"project_id": "P", "exports": [{}]}, "export number 1: format: is missing"),
        ({"project_id": "P", "exports": [7]}, "export number 1: must be an object"),
        ({"project_id": "P", "exports": {"format": "coco"}}, "exports: must be a list"),
        ({**_declared(), "project_id": "a/b"}, "project_id: does not have the form"),
        ({**_declared(), "project_id": 7}, "project_id: must be a text"),
        ({**_declared(), "project": "P"}, "'project' is not an option; did you mean 'project_id'?"),
        ({**_declared(), "schema_version": 2}, "schema_version: must be one of 1"),
        (None, "the registration: must be an object"),
        ("text", "the registration: must be an object"),
        ([], "the registration: must be an object"),
    ],
    ids=range(55),
)
def test_a_mistake_is_named_with_the_way_out(declared: object, says: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_registration(declared, FORMATS)

    assert says in str(caught.value)


@pytest.mark.parametrize("names", [("coco", "coco"), ("coco", "COCO"), (None, "Coco")])
def test_names_must_differ_in_more_than_case(names: tuple[str | None, str]) -> None:
    exports = [{"format": "coco", "name": name} for name in names]

    with pytest.raises(InvalidConfiguration, match="names must differ in more than case"):
        parse_registration({"project_id": "P", "exports": exports})


def test_every_mistake_is_told_at_once_up_to_five() -> None:
    exports = [{"format": "coco", "name": f"e{number}", "single_file": 1} for number in range(7)]

    with pytest.raises(InvalidConfiguration) as caught:
        parse_registration({"project_id": "P", "exports": exports})

    assert "export 'e4'" in str(caught.value)
    assert str(caught.value).endswith("and 2 more")


@pytest.mark.parametrize(
    ("publish", "message"),
    [
        ({}, "publish: give one of snapshot_when and hold_latest_while"),
        ([], "publish: must be an object"),
        ({"snapshot": 1}, "'snapshot' is not an option; did you mean 'snapshot_when'?"),
        ({"snapshot_when": {"keep": 3}}, "give one of changed, every and reviewed"),
        ({"snapshot_when": {"change": 3}}, "'change' is not an option; did you mean 'changed'?"),
        ({"snapshot_when": {"changed": 0}}, "snapshot_when.changed: must not be less than 1"),
        ({"snapshot_when": {"changed": True}}, "publish.snapshot_when.changed: must be a whole"),
        ({"snapshot_when": {"every": "month"}}, "must be day, week or a whole number of hours"),
        ({"snapshot_when": {"every": 0}}, "must be day, week or a whole number of hours"),
        ({"snapshot_when": {"every": True}}, "must be day, week or a whole number of hours"),
        ({"snapshot_when": {"every": 10**30}}, "must be day, week or a whole number of hours"),
        ({"snapshot_when": {"reviewed": "some"}}, "must be one of 'all'"),
        ({"snapshot_when": {"changed": 1, "keep": 0}}, "publish.snapshot_when.keep: "),
        ({"snapshot_when": {"changed": 1, "keep": 1001}}, "keep: must not be more than 1000"),
        ({"hold_latest_while": {}}, "give one of classes_change and reviewed_below"),
        ({"hold_latest_while": {"classes_change": False}}, "must be true or {for_hours: HOURS}"),
        ({"hold_latest_while": {"classes_change": {"hours": 1}}}, "must be true or {for_hours"),
        ({"hold_latest_while": {"classes_change": {"for_hours": "1"}}}, "must be true or"),
        ({"hold_latest_while": {"reviewed_below": 0}}, "reviewed_below: must be more than 0"),
        ({"hold_latest_while": {"reviewed_below": 1.1}}, "publish.hold_latest_while.reviewed"),
        ({"hold_latest_while": {"reviewed_below": True}}, "publish.hold_latest_while.reviewed"),
        ({"hold_latest_while": {"reviewed_below": float("nan")}}, "publish.hold_latest_while"),
    ],
)
def test_gates_that_cannot_be_are_refused_in_one_line(publish: object, message: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_registration(_declared(publish=publish))
    assert message in str(caught.value)
    assert str(caught.value).startswith("export 'coco': ")
    assert "\n" not in str(caught.value)
    assert str(caught.value).count("export 'coco'") == 1, "one message for one mistake"


@pytest.mark.parametrize("every", ["day", "week", 1, 8760, None])
@pytest.mark.parametrize("classes", [True, {"for_hours": 24}, None])
def test_gates_are_stored_and_read_and_change_no_option(every: object, classes: object) -> None:
    publish = {
        "snapshot_when": {"changed": 500, "every": every, "reviewed": "all", "keep": 3},
        "hold_latest_while": {"classes_change": classes, "reviewed_below": 0.9},
    }
    registration = parse_registration(_declared(publish=publish))
    assert ProjectRegistration.from_bytes(registration.to_bytes()) == registration
    assert registration.exports[0].to_options() == _options()
    assert b"publish" not in parse_registration(_declared()).to_bytes()


def test_the_formats_that_are_known_can_be_given() -> None:
    with pytest.raises(InvalidConfiguration, match="'coco' is not known; known are kili"):
        parse_registration(_declared(), known_formats=["kili"])


def test_the_options_are_all_there_and_called_alike() -> None:
    declared = set(ExportDeclaration.model_fields) - {"name", "publish", "deliver"}

    assert declared == set(ExportOptions.__dataclass_fields__)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["project_id", "exports", "format", "name", "filters", "asset_ids"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=15,
    )
)
def test_anything_is_a_registration_or_refused(declared: object) -> None:
    with contextlib.suppress(InvalidConfiguration):
        assert parse_registration(declared).exports


def test_a_project_may_name_the_secret_of_its_own_key() -> None:
    declared = {"project_id": "clabc123", "exports": [{"format": "coco"}], "key_secret": "team-a"}
    assert parse_registration(declared).key_secret == "team-a"


@pytest.mark.parametrize("name", ["", "a/b", "../kili", "a b", "x" * 65, "*", 5])
def test_a_secret_outside_of_the_prefix_cannot_be_named(name: object) -> None:
    declared = {"project_id": "clabc123", "exports": [{"format": "coco"}], "key_secret": name}
    with pytest.raises(InvalidConfiguration, match="key_secret"):
        parse_registration(declared)
