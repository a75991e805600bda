"""phi: the three sources of VGG features, each against another way to compute it."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from sr_models.data.errors import InputError
from sr_models.training.features import load_features


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory):
    """torchvision's VGG19 with random weights, as a state dict on disk, and the network."""
    from torchvision.models import vgg19

    torch.manual_seed(0)
    network = vgg19(weights=None).features.eval()
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save({f"features.{k}": v for k, v in network.state_dict().items()}, path)
    return path, network


@pytest.mark.parametrize(("layer", "layers"), [("vgg22", 9), ("vgg54", 36)])
def test_torchvision_features_are_its_layers_after_the_activation_before_the_pool(layer, layers, vgg_file):
    path, network = vgg_file
    x = torch.rand(1, 3, 48, 32)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    phi = load_features(layer, path, scale=0.5)
    with torch.no_grad():
        wanted = network[:layers](((x.permute(0, 2, 3, 1) - mean) / std).permute(0, 3, 1, 2))
        assert torch.allclose(phi(x), 0.5 * wanted, atol=1e-5)
    assert phi.source.kind == "torchvision-vgg19"


def test_features_are_frozen_but_let_gradients_through(vgg_file):
    phi = load_features("vgg22", vgg_file[0])
    x = torch.rand(1, 3, 16, 16, requires_grad=True)
    phi(x).square().mean().backward()
    assert x.grad.abs().sum() > 0
    assert all(not p.requires_grad for p in phi.parameters())


def _reflected(x, state, name, key):
    padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
    return F.relu(F.conv2d(padded, state[f"{name}{key}.weight"], state[f"{name}{key}.bias"]))


@pytest.mark.data
def test_the_normalised_file_gives_features_of_mean_one_up_to_its_calibration(data_folder, photo):
    path = data_folder / "perceptual" / "vgg_normalised_conv3_1.pth"
    state = torch.load(path, weights_only=True)
    x = torch.from_numpy(photo.transpose(2, 0, 1)[None] / 255.0).float()
    phi = load_features("vgg22", path)
    y = F.conv2d(x, state["0.weight"], state["0.bias"])
    y = _reflected(_reflected(y, state, "", "2"), state, "", "5")
    y = _reflected(_reflected(F.max_pool2d(y, 2), state, "", "9"), state, "", "12")
    with torch.no_grad():
        assert torch.allclose(phi(x), phi.source.scale * y, rtol=1e-4, atol=1e-5)
    assert 0.3 < float(y.mean()) < 3.0  # channels were scaled to mean 1 over ImageNet
    assert y.shape[1] == 128


@pytest.mark.data
def test_the_distilled_encoder_gives_512_channels_at_a_sixteenth(data_folder, photo):
    path = data_folder / "perceptual" / "collab_wct_se16x_5SE.pth"
    phi = load_features("vgg54d", path)
    x = torch.from_numpy(photo.transpose(2, 0, 1)[None] / 255.0).float()
    assert phi(x).shape == (1, 512, 96 // 16, 128 // 16)
    assert phi.source.kind == "vgg19-distilled-16x"


@pytest.mark.data
@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ("vgg54", "collab_wct_se16x_5SE.pth"),
        ("vgg54", "vgg_normalised_conv3_1.pth"),
        ("vgg22", "lpips_lin_v0.1_vgg.pth"),
    ],
)
def test_the_wrong_file_for_a_layer_is_refused(layer, name, data_folder):
    with pytest.raises(InputError, match=f"no known source of {layer} features"):
        load_features(layer, data_folder / "perceptual" / name)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "not a file of weights"),
        (b"text", "not a file of weights"),
        (torch.zeros(3), "a Tensor, but weights by name are wanted"),
        ({"features.0.weight": torch.zeros(64, 3, 3, 3)}, "no 'features.0.bias': its file is not whole"),
    ],
    ids=["folder", "text", "tensor", "part"],
)
def test_what_is_no_whole_feature_network_is_refused(content, says, tmp_path):
    path = tmp_path / "vgg.pth"
    if content is None:
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(InputError, match=says):
        load_features("vgg22", path)


def test_the_stand_in_is_never_downloaded_and_a_missing_file_says_so(tmp_path):
    with pytest.raises(InputError, match="give its file with --vgg"):
        load_features("vgg54d", None)
    with pytest.raises(InputError, match="no such file"):
        load_features("vgg22", tmp_path / "none.pth")
