"""A model in several parts is taken whole, with the names that its tool gives them; none of its parts in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from samples import save_safetensors
from tscompat.files.item import Item, ModelFileError
from tscompat.files.kinds import read

TRANSFORMER: dict[str, object] = {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}
POOLING: dict[str, object] = {
    "idx": 1,
    "name": "1",
    "path": "1_Pooling",
    "type": "sentence_transformers.models.Pooling",
}
DENSE: dict[str, object] = {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}


def sentences(folder: Path, *modules: dict[str, object]) -> Path:
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text("{}")
    save_safetensors({"embeddings.weight": torch.ones(2)}, folder / "model.safetensors")
    if DENSE in modules:
        (folder / "2_Dense").mkdir()
        torch.save({"linear.weight": torch.zeros(2)}, folder / "2_Dense" / "pytorch_model.bin")
    return folder


def test_a_model_of_sentence_transformers_has_the_names_of_its_sequential(tmp_path: Path) -> None:
    model = read(sentences(tmp_path, TRANSFORMER, POOLING, DENSE), "", print)
    assert [each.name for each in model.contents] == ["0.auto_model.embeddings.weight", "2.linear.weight"]


def test_the_model_in_a_clip_has_another_name(tmp_path: Path) -> None:
    clip = {**TRANSFORMER, "type": "sentence_transformers.models.CLIPModel"}
    model = read(sentences(tmp_path, clip, DENSE), "", print)
    assert model.contents[0].name == "0.model.embeddings.weight"


def test_the_parts_are_in_the_order_of_their_list(tmp_path: Path) -> None:
    model = read(sentences(tmp_path, DENSE, {**TRANSFORMER, "idx": 7}), "", print)
    assert [each.name for each in model.contents] == ["2.linear.weight", "0.auto_model.embeddings.weight"]


def test_an_older_layout_of_sentence_transformers(tmp_path: Path) -> None:
    modules = ({**TRANSFORMER, "path": "0_Transformer"}, POOLING, DENSE)
    sentences(tmp_path, *modules)
    (tmp_path / "0_Transformer").mkdir()
    (tmp_path / "model.safetensors").rename(tmp_path / "0_Transformer" / "model.safetensors")
    assert [each.name for each in read(tmp_path, "", print).contents] == [
        "0.auto_model.embeddings.weight",
        "2.linear.weight",
    ]


def test_a_part_without_its_weights_is_missed(tmp_path: Path) -> None:
    sentences(tmp_path, TRANSFORMER, POOLING, DENSE)
    (tmp_path / "2_Dense" / "pytorch_model.bin").unlink()
    with pytest.raises(ModelFileError, match=r"parts whose weights are not here \(2_Dense \(Dense\)\): get them"):
        read(tmp_path, "", print)


def test_a_tensor_of_several_files_has_no_offset(tmp_path: Path) -> None:
    model = read(sentences(tmp_path, TRANSFORMER, POOLING, DENSE), "", print)
    assert [each.offset for each in model.contents if isinstance(each, Item)] == [None, None]


def test_the_parts_are_named(tmp_path: Path) -> None:
    said: list[str] = []
    read(sentences(tmp_path, TRANSFORMER, POOLING, DENSE), "", said.append)
    assert said[-1].endswith(
        "a model of sentence-transformers, of which these parts are taken: . as 0.auto_model.*, 2_Dense as 2.*; "
        "for one part, give its folder or file"
    )


def test_a_transformer_alone_keeps_its_names(tmp_path: Path) -> None:
    model = read(sentences(tmp_path, TRANSFORMER, POOLING), "", print)
    assert [each.name for each in model.contents] == ["embeddings.weight"]


def test_one_part_is_read_by_its_folder(tmp_path: Path) -> None:
    model = read(sentences(tmp_path, TRANSFORMER, POOLING, DENSE) / "2_Dense", "", print)
    assert [each.name for each in model.contents] == ["linear.weight"]


def test_a_part_with_parts_of_its_own_is_refused(tmp_path: Path) -> None:
    router = {**DENSE, "path": "2_Router", "type": "sentence_transformers.models.Router"}
    sentences(tmp_path, TRANSFORMER, router)
    for name in ("query_0_Dense", "document_0_Dense"):
        (tmp_path / "2_Router" / name).mkdir(parents=True)
        save_safetensors({"linear.weight": torch.ones(2)}, tmp_path / "2_Router" / name / "model.safetensors")
    with pytest.raises(ModelFileError, match="give one of 2_Router/document_0_Dense, 2_Router/query_0_Dense"):
        read(tmp_path, "", print)


PIPELINE = {
    "_class_name": "StableDiffusionPipeline",
    "requires_safety_checker": True,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "feature_extractor": ["transformers", "CLIPImageProcessor"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "text_encoder": ["transformers", "CLIPTextModel"],
}


def pipeline(folder: Path, *parts: str) -> Path:
    (folder / "model_index.json").write_text(json.dumps(PIPELINE))
    (folder / "scheduler").mkdir()
    files = {"unet": "diffusion_pytorch_model.safetensors", "text_encoder": "model.safetensors"}
    for part in parts:
        (folder / part).mkdir()
        save_safetensors({"weight": torch.full((1,), len(part))}, folder / part / files[part])
    return folder


def test_a_pipeline_of_diffusers_has_its_parts_names(tmp_path: Path) -> None:
    model = read(pipeline(tmp_path, "unet", "text_encoder"), "", print)
    assert (model.kind, [each.name for each in model.contents]) == (
        "a pipeline of diffusers",
        ["unet.weight", "text_encoder.weight"],
    )


def test_a_part_without_its_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"names parts whose weights are not here \(text_encoder\)"):
        read(pipeline(tmp_path, "unet"), "", print)


@pytest.mark.parametrize("place", ["../../secret", "/secret"])
def test_a_part_elsewhere_is_refused(place: str, tmp_path: Path) -> None:
    sentences(tmp_path, TRANSFORMER, {**DENSE, "path": place})
    with pytest.raises(ModelFileError, match=rf"names the folder '{place}', which does not lie in this one"):
        read(tmp_path, "", print)


@pytest.mark.parametrize("content", [b"{", b"[1]", b"[" * 100_000, b'[{"idx": "x"}]'])
def test_a_list_of_parts_that_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"modules\.json: "):
        read(tmp_path, "", print)


@pytest.mark.parametrize(("kind", "refused"), [("SparseAutoEncoder", True), ("OwnClass", True), ("Dropout", False)])
def test_a_module_of_a_class_that_may_have_weights(kind: str, *, refused: bool, tmp_path: Path) -> None:
    odd: dict[str, object] = {"idx": 2, "name": "2", "path": "2_Odd", "type": f"sentence_transformers.models.{kind}"}
    sentences(tmp_path, TRANSFORMER, POOLING, odd)
    if refused:
        with pytest.raises(ModelFileError, match=rf"weights are not here \(2_Odd \({kind}\)\)"):
            read(tmp_path, "", print)
    else:
        assert [each.name for each in read(tmp_path, "", print).contents] == ["embeddings.weight"]


def test_weights_beside_the_parts_are_named(tmp_path: Path) -> None:
    """MultiControlNetModel of diffusers writes controlnet_1 beside the controlnet that model_index.json names."""
    (tmp_path / "model_index.json").write_text(json.dumps({"controlnet": ["diffusers", "ControlNetModel"]}))
    for name in ("controlnet", "controlnet_1"):
        (tmp_path / name).mkdir()
        save_safetensors({"w": torch.ones(2)}, tmp_path / name / "diffusion_pytorch_model.safetensors")
    notes: list[str] = []
    assert [each.name for each in read(tmp_path, "", notes.append).contents] == ["controlnet.w"]
    assert notes[-1] == "left, because its list of parts does not name them: controlnet_1"
