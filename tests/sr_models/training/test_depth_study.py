"""The supplementary studies: what they train with, and what they leave."""

import pandas as pd
import pytest

from sr_models.data.errors import InputError
from sr_models.data.image import read_image
from sr_models.inference.weights_file import load_card
from sr_models.training.depth_study import study_depth, study_evolution


def test_depths_are_trained_alike_with_muon_and_without_live_norms(pack, tmp_path):
    table = pd.read_csv(study_depth(pack, tmp_path, blocks=[1, 2], width=8, steps=3, device="cpu"))
    assert list(zip(table["blocks"], table["long_skip"], strict=True)) == [
        (1, True),
        (2, True),
        (1, False),
        (2, False),
    ]
    assert (table["steps"] == 3).all()
    assert table["psnr_db"].between(5, 60).all()
    assert (table["milliseconds"] > 0).all()
    cards = [load_card(path) for path in sorted(tmp_path.glob("depth-*/last.safetensors"))]
    assert [card.recipe["optimiser"] for card in cards] == ["muon"] * 4
    assert all(card.recipe["frozen_norm"] and card.recipe["batch"] == 8 for card in cards)
    assert len({card.pictures["digest"] for card in cards}) == 1
    assert read_image(tmp_path / "depth.png").std() > 0


def test_evolution_shows_a_picture_at_every_moment(pack, tmp_path):
    figure = study_evolution(pack, tmp_path, moments=2, width=8, steps=4, device="cpu")
    assert read_image(figure).std() > 0
    assert load_card(tmp_path / "run" / "last.safetensors").recipe["steps_done"] == 4
    with pytest.raises(InputError, match="expected 1 to 4 moments, got 5"):
        study_evolution(pack, tmp_path / "x", moments=5, width=8, steps=4, device="cpu")
