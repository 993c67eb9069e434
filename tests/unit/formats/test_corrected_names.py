"""Names in corrected archives: unique, told by the asset alone, the label's like the picture's."""

from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.asset import SelectedAsset
from kili_export.core.file_paths import member_path, safe_path
from kili_export.formats.common.format import LossCollector
from kili_export.formats.corrected.names import flat_name, unique_name


def _asset(name: str, asset_id: str = "cl1") -> SelectedAsset:
    return SelectedAsset(asset_id=asset_id, external_id=name, order_key="", fields={}, labels=({},))


def test_the_id_stands_before_the_extension() -> None:
    name = unique_name(_asset("dir/car.JPG"), LossCollector())

    assert (name.stem, name.extension, name.picture) == ("dir/car-cl1", ".JPG", "dir/car-cl1.JPG")


def test_what_is_no_extension_stays_in_the_name() -> None:
    assert unique_name(_asset("v1.2"), LossCollector()).picture == "v1.2-cl1.jpg"
    assert unique_name(_asset(".jpg"), LossCollector()).picture == ".jpg-cl1.jpg"


def test_a_flat_name_has_no_folder_that_a_tool_could_take_for_its_own() -> None:
    assert flat_name(_asset("site/images/a.png"), LossCollector()).picture == (
        "site_images_a-cl1.png"
    )


@given(
    st.text(max_size=400),
    st.text(max_size=400),
    st.sampled_from(["", "_label2", "_000017"]),
)
def test_no_two_assets_share_a_name_and_a_label_is_called_like_its_picture(
    one: str, other: str, suffix: str
) -> None:
    for named in (unique_name, flat_name):
        first = named(_asset(one, "clfirst000001"), LossCollector())
        second = named(_asset(other, "clsecond00002"), LossCollector())

        assert first.stem.casefold() != second.stem.casefold()
        label = member_path("labels", f"{first.stem}{suffix}.txt")
        picture = member_path("images", f"{first.stem}{suffix}{first.extension or '.jpg'}")
        assert PurePosixPath(label).stem == PurePosixPath(picture).stem
        assert safe_path(label) == label
