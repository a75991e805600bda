"""Weights files: what goes in comes out, and nothing else is taken for one."""

import json

import pytest
import torch
from safetensors.torch import save_file

from sr_models.data.errors import InputError
from sr_models.inference.card import card_markdown
from sr_models.inference.weights_file import Card, is_ours, load_card, load_network, save_weights
from sr_models.networks.config import to_json
from sr_models.networks.espcn import EspcnConfig
from sr_models.networks.srresnet import SrresnetConfig

SMALL = SrresnetConfig(blocks=1, width=4)


def _saved(path, config=SMALL, **card):
    network = config.build()
    save_weights(path, network, Card("small", config, **card))
    return network


def test_weights_and_card_come_back(tmp_path):
    network = _saved(tmp_path / "w.safetensors", recipe={"steps": 3}, measured={"psnr": 1.5}, notes="a note")
    again, card = load_network(tmp_path / "w.safetensors")
    for name, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    assert not again.training
    assert card == Card("small", SMALL, recipe={"steps": 3}, measured={"psnr": 1.5}, notes="a note")


def test_a_card_of_a_later_version_is_one_sentence(tmp_path):
    metadata = {"name": "x", "network": to_json(SMALL), "mood": "sunny"}
    save_file({"x": torch.zeros(1)}, tmp_path / "w.safetensors", {"srmos": json.dumps(metadata)})
    with pytest.raises(InputError, match="its card has mood, which this version of srmos does not know"):
        load_card(tmp_path / "w.safetensors")


def test_half_precision_halves_the_file(tmp_path):
    config = SrresnetConfig(blocks=1, width=48)
    network = config.build()
    for name, half in (("full", False), ("half", True)):
        save_weights(tmp_path / name, network, Card("x", config), half=half)
    assert (tmp_path / "half").stat().st_size < 0.55 * (tmp_path / "full").stat().st_size
    again, _ = load_network(tmp_path / "half")
    assert torch.allclose(again.tail.weight, network.tail.weight, rtol=1e-3, atol=1e-7)
    assert again.tail.weight.dtype is torch.float32


def test_weights_of_another_network_name_the_keys(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, EspcnConfig().build(), Card("x", SMALL))
    with pytest.raises(InputError, match=r"missing .*blocks\.0.* and \d+ more; unexpected body\.0\.bias"):
        load_network(path)
    save_weights(path, SrresnetConfig(blocks=1, width=8).build(), Card("x", SMALL))
    with pytest.raises(InputError, match="different shape blocks"):
        load_network(path)


def test_other_files_are_not_ours(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "bare.safetensors")
    assert not is_ours(tmp_path / "bare.safetensors")
    with pytest.raises(InputError, match="without the card of srmos"):
        load_card(tmp_path / "bare.safetensors")
    _saved(tmp_path / "w.safetensors")
    assert is_ours(tmp_path / "w.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "w.safetensors").read_bytes()[:900])
    assert not is_ours(tmp_path / "cut.safetensors")
    with pytest.raises(InputError, match="not a complete safetensors file"):
        load_card(tmp_path / "cut.safetensors")
    with pytest.raises(InputError, match="no such file"):
        load_card(tmp_path / "none.safetensors")


def test_a_card_states_only_what_is_known():
    assert card_markdown(Card("x", SMALL), 10).splitlines() == [
        "# x",
        "",
        "|            |     |",
        "| ---------- | --- |",
        "| network    | srresnet (scale 4; blocks 1; width 4; norm batch; long skip yes; init default) |",
        "| parameters | 10  |",
        "| trained    | not stated |",
        "| licence    | Apache-2.0 |",
    ]


def test_a_card_is_tables_of_what_was_done():
    recipe = {
        "name": "x", "steps_done": 7000, "batch": 4, "crop_px": 64, "lr": {"peak": 1e-4}, "start": None,
        "adversarial": 0.0, "discriminator_width": 64,
    }  # fmt: skip
    measured = {
        "held_out": {"psnr_db": 28.3},
        "scores": {"srgan": {"Set5": {"psnr": 30.5}}, "rgb": {"Set5": {"lpips": 0.1}}},
    }
    pictures = {"checked_against": ["Set5"], "folders": {"a": 3, "b|c": 4}}
    card = Card(
        "x", SMALL, recipe, pictures, machine="a CPU", seconds=90.0, measured=measured, notes="Honest."
    )
    text = card_markdown(card, 1234)
    for line in (
        "| parameters | 1,234 |",
        "| trained    | 7,000 steps of 4 crops of 64 px, 1.5 minutes, a CPU |",
        "| lr peak | 0.0001 |",
        "| folders         | a (3), b\\|c (4) |",
        "| held out psnr db | 28.3 |",
        "| srgan    | Set5    | 30.5 |     |",
        "| rgb      | Set5    |      | 0.1 |",
    ):
        assert line in text.splitlines()
    assert text.endswith("\n## Notes\n\nHonest.\n")
    assert "discriminator" not in text  # there was no adversary
    assert "start" not in text


def test_every_run_of_the_history_is_a_row_and_comes_back_from_the_file(tmp_path):
    runs = (
        {"start": None, "steps": 1000, "optimiser": "adam", "hours": 1.5},
        {
            "start": "x.safetensors",
            "start_sha256": "ab" * 32,
            "steps": 20,
            "optimiser": "muon",
            "hours": 0.25,
        },
    )
    _saved(tmp_path / "w.safetensors", history=runs)
    card = load_card(tmp_path / "w.safetensors")
    assert card.history == runs
    assert card_markdown(card, 1).split("## Runs\n\n")[1].splitlines() == [
        "| start         | start sha256 | steps | optimiser | hours |",
        "| ------------- | ------------ | ----- | --------- | --- |",
        "|               |              | 1000  | adam      | 1.5 |",
        "| x.safetensors | abababababab | 20    | muon      | 0.25 |",
    ]
