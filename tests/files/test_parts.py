"""Names that known tools give to the parts of a model, and names of whole files that look similar."""

from __future__ import annotations

from pathlib import Path

import pytest

from tscompat.files.parts import PROCESS, SHARD, part_in

SHARDS = """
model-00001-of-00002.safetensors pytorch_model-00003-of-00003.bin model-00000-of-00002.safetensors
model.fp16-00001-of-00002.safetensors diffusion_pytorch_model-00001-of-00002.fp16.safetensors
ft-model-00002-of-00010.ckpt model-rank-0-of-2.safetensors Model-Rank-1-Of-2.PT
model_1_of_2.pt model.1of4.pth model(1of2).pt model-1-of-2.npz model-1-of-12.dat
"""
DEEPSPEED = """
mp_rank_00_model_states.pt zero_pp_rank_1_mp_rank_00_model_states.pt layer_01-model_states.pt
layer_01-model_00-model_states.pt layer_0_expert_3_mp_rank_00_model_states.pt
"""
PYTORCH = "pytorch_model_fsdp_rank0.bin __0_0.distcp shard-00001-model-00001-of-00001.safetensors"
FAIRSEQ = "checkpoint_last-shard0.pt checkpoint_1_20-model_part-1-shard0.pt reshard-model_part-0.pt"
COMPOSER = "ep0-ba100-rank0.pt latest-rank0.pt"
META = "consolidated.01.pth consolidated.07.pt"
BY_HAND = """
model_rank0.pt model_rank1.pt rank0.pt rank_3.pth ckpt.rank00.bin MODEL_RANK1.PT modelrank1.pt ckpt_rank:0.pt
ckpt_rank(1).pt model[rank=2].pt world_size_2_rank_0.pt lora_rank0.pt
model-rank-0-part-0.safetensors weights-part1.pt model.part-00002.safetensors
"""
WHOLE = """
model.safetensors pytorch_model.bin adapter_model.safetensors resnet50-0676ba61.pth model_v1.2.pth
model-00001-of-00001.safetensors model-rank-0-of-1.pt shard-1-of-1.pt consolidated.00.pth
epoch_10_of_50.pth fold-1-of-5.pt epoch=3-step=100.ckpt best_of_3.pt model_0.pt checkpoint.1.pth
lora_rank8.safetensors lora-rank-16-alpha-32.safetensors low_rank_4.pt reranker_2.pt ranker1.pt pagerank_1.pt
re-rank-2.pt frank2.pt department3.pt partial.pt sharded.pt tp53_model.pt
"""


@pytest.mark.parametrize("name", [*SHARDS.split(), "model 1 of 2.pt"])
def test_a_shard_is_known_by_its_name(name: str, tmp_path: Path) -> None:
    part = part_in(tmp_path / name)
    assert part is not None
    assert part.kind == SHARD


@pytest.mark.parametrize("name", " ".join([DEEPSPEED, PYTORCH, FAIRSEQ, COMPOSER, META, BY_HAND]).split())
def test_the_part_of_a_process_is_known_by_its_name(name: str, tmp_path: Path) -> None:
    part = part_in(tmp_path / name)
    assert part is not None
    assert part.kind == PROCESS


@pytest.mark.parametrize("name", WHOLE.split())
def test_a_whole_model_is_no_part(name: str, tmp_path: Path) -> None:
    assert part_in(tmp_path / name) is None


@pytest.mark.parametrize(
    ("name", "neighbour"),
    [
        ("consolidated.00.pth", "consolidated.01.pth"),
        ("lora_rank1.pt", "lora_rank0.pt"),
        ("model_tp0.pt", "model_tp1.pt"),
        ("model_tp1.pt", "model_tp0.pt"),
        ("model.pp03.bin", "model.pp00.bin"),
        ("model_gpu10.pt", "model_gpu0.pt"),
        ("tensor_parallel_1.pt", "tensor_parallel_0.pt"),
        ("proc0.pt", "proc1.pt"),
    ],
)
def test_a_neighbour_makes_a_part_of_what_could_be_whole(name: str, neighbour: str, tmp_path: Path) -> None:
    alone = part_in(tmp_path / name)
    (tmp_path / neighbour).touch()
    assert (alone, part_in(tmp_path / name) is None) == (None, False)


@pytest.mark.parametrize(
    "folder", ["rank0", "rank_1", "Rank-2", "mp_rank_00", "mp_rank_00_000", "tp_rank_00_pp_rank_000"]
)
@pytest.mark.parametrize("below", ["model.pt", "checkpoint/model.pt"])
def test_the_folder_of_a_process_is_known_by_its_name(folder: str, below: str, tmp_path: Path) -> None:
    (tmp_path / folder / below).parent.mkdir(parents=True)
    assert part_in(tmp_path / folder / below) is not None


@pytest.mark.parametrize(
    "path", ["rank_16/adapter_model.safetensors", "part1/model.pt", "rank16-lr3/model.pt", "1of2/m.pt"]
)
def test_the_folder_of_an_experiment_is_none(path: str, tmp_path: Path) -> None:
    (tmp_path / path).parent.mkdir()
    assert part_in(tmp_path / path) is None


@pytest.mark.parametrize("numbers", [(1, 2), (0, 1)])
def test_all_parts_of_a_set_have_the_same_rest(numbers: tuple[int, int], tmp_path: Path) -> None:
    parts = [part_in(tmp_path / f"model-{number:05}-of-00002.bin") for number in numbers]
    assert {part and part.rest for part in parts} == {"model-.bin"}
