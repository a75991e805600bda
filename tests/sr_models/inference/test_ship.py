"""Shipped weights: found, honest, small, and trusted only while they are the same."""

from pathlib import Path

import pytest
import torch

from sr_models.data.errors import InputError
from sr_models.inference.card import card_markdown
from sr_models.inference.ship import mean_scores, ship
from sr_models.inference.weights_file import Card, load_card, load_network, save_weights
from sr_models.models import MODELS
from sr_models.networks.espcn import EspcnConfig
from sr_models.shipped import WEIGHTS, tensors_hash, weights_path

SHIPPED = sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))
SCORES = """model,dataset,scale,lr,image,protocol,metric,value,key
x,Set5,4,matlab,a,srgan,psnr,30.0,0
x,Set5,4,matlab,b,srgan,psnr,31.0,0
x,Set5,4,matlab,a,srgan,ssim,0.9,0
y,Set5,4,matlab,a,srgan,psnr,10.0,0
"""


RUN = {"batch": 4, "crop_px": 32}


def _weights(path):
    torch.manual_seed(0)
    network = EspcnConfig().build()
    save_weights(path, network, Card("run", EspcnConfig(), notes="old"))
    return network


def test_shipping_halves_names_and_puts_scores_in_the_card(tmp_path):
    network = _weights(tmp_path / "best.safetensors")
    (tmp_path / "scores.csv").write_text(SCORES)
    card = ship(
        [tmp_path / "best.safetensors"], tmp_path / "x.safetensors", scores=tmp_path / "scores.csv", notes="n"
    )
    assert card.name == "x"
    assert card.measured["scores"] == {"srgan": {"Set5": {"psnr": 30.5, "ssim": 0.9}}}
    again, _ = load_network(tmp_path / "x.safetensors")
    assert torch.equal(again.body[0].weight, network.body[0].weight.half().float())
    text = (tmp_path / "x.md").read_text()
    assert text.startswith("# x\n")
    assert "| srgan    | Set5    | 30.5 | 0.9 |" in text
    assert text.endswith("\nn\n")


def test_several_weights_ship_as_their_mean(tmp_path):
    names, values = ("a", "b", "c"), (0.25, 0.5, 1.5)
    for step, (name, value) in enumerate(zip(names, values, strict=True), start=1):
        network = EspcnConfig().build()
        torch.nn.init.constant_(network.body[0].bias, value)
        card = Card(
            "run", EspcnConfig(), recipe={**RUN, "steps_done": step}, measured={"held_out": {"psnr_db": 1}}
        )
        save_weights(tmp_path / f"{name}.safetensors", network, card)
    card = ship([tmp_path / f"{name}.safetensors" for name in names], tmp_path / "mean.safetensors")
    mean, _ = load_network(tmp_path / "mean.safetensors")
    assert torch.equal(mean.body[0].bias, torch.full_like(mean.body[0].bias, 0.75))
    assert card.recipe["averaged_at_steps"] == [1, 2, 3]
    assert card.measured == {}  # those were one snapshot's


def test_a_mean_of_runs_from_one_start_tells_of_all_of_them_once(tmp_path):
    start, one, two = ({"steps": n, "rate": 1e-3} for n in (10, 20, 30))
    for name, history in (("s", ()), ("a", (start, one)), ("b", (start, two))):
        card = Card("run", EspcnConfig(), recipe={**RUN, "steps_done": 1}, history=history)
        save_weights(tmp_path / f"{name}.safetensors", EspcnConfig().build(), card)
    card = ship([tmp_path / f"{name}.safetensors" for name in "sab"], tmp_path / "mean.safetensors")
    assert list(card.history) == [start, one, two]
    assert (tmp_path / "mean.md").read_text().count("| 10 ") == 1


def test_weights_of_two_networks_have_no_mean(tmp_path):
    _weights(tmp_path / "a.safetensors")
    other = EspcnConfig(scale=2)
    save_weights(tmp_path / "b.safetensors", other.build(), Card("run", other))
    with pytest.raises(InputError, match="cannot be averaged"):
        ship([tmp_path / "a.safetensors", tmp_path / "b.safetensors"], tmp_path / "c.safetensors")
    assert not (tmp_path / "c.safetensors").exists()


def test_scores_of_another_model_are_not_taken(tmp_path):
    (tmp_path / "scores.csv").write_text(SCORES)
    with pytest.raises(InputError, match="no scores of z; it has x, y"):
        mean_scores(tmp_path / "scores.csv", "z")


def test_scores_at_two_scales_are_not_one_mean(tmp_path):
    header = SCORES.splitlines()[0]
    row = "m,Set5,{},matlab,a,matlab,psnr,{},0"
    text = "\n".join([header, row.format(4, 30.0), row.format(2, 36.0)])
    (tmp_path / "scores.csv").write_text(text)
    with pytest.raises(InputError, match="more than one scale"):
        mean_scores(tmp_path / "scores.csv", "m")


def test_a_card_does_not_change_the_version_and_a_weight_does(tmp_path):
    network = _weights(tmp_path / "a.safetensors")
    save_weights(tmp_path / "b.safetensors", network, Card("other", EspcnConfig(), notes="another card"))
    assert tensors_hash(tmp_path / "a.safetensors") == tensors_hash(tmp_path / "b.safetensors")
    network.body[0].bias.data[0] += 1e-3
    save_weights(tmp_path / "b.safetensors", network, Card("run", EspcnConfig(), notes="old"))
    assert tensors_hash(tmp_path / "a.safetensors") != tensors_hash(tmp_path / "b.safetensors")


def test_unknown_weights_say_which_there_are():
    with pytest.raises(InputError, match="no shipped weights called 'nothing'; known: "):
        weights_path("nothing")


def test_all_weights_together_are_below_40_mb():
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 40e6


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_have_an_honest_card(name):
    card = load_card(weights_path(name))
    assert card.name == name
    assert card.recipe["steps_done"] > 0
    assert card.pictures["checked_against"][:3] == ["Set5", "Set14", "BSD100"]
    assert card.machine
    assert card.licence
    assert "Set5" in card.measured["scores"]["srgan"]
    assert "terms" in card.notes


@pytest.mark.parametrize("name", SHIPPED)
def test_the_page_beside_shipped_weights_is_their_card(name):
    network, card = load_network(weights_path(name))
    page = (WEIGHTS / f"{name}.md").read_text()
    assert page == card_markdown(card, sum(weight.numel() for weight in network.parameters()))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_are_models_by_name(name):
    assert MODELS[name].version == tensors_hash(weights_path(name))
    with pytest.raises(InputError, match=r"expected a scale of 2, but .* has scale 4"):
        MODELS[name].build(2)


def test_nothing_else_lies_among_the_weights():
    assert {Path(path).suffix for path in WEIGHTS.iterdir()} <= {".safetensors", ".md"}
