"""phi: torchvision's VGG16 and VGG19, recognised by their layers."""

import pytest
import torch

from sr_models.data.errors import InputError
from sr_models.training.features import load_features


@pytest.fixture(scope="module")
def vgg_files(tmp_path_factory):
    """torchvision's two networks with random weights: their files, and their layers."""
    from torchvision.models.vgg import cfgs, make_layers

    torch.manual_seed(0)
    found = {}
    for name, plan in (("vgg16", "D"), ("vgg19", "E")):
        layers = make_layers(cfgs[plan], batch_norm=False).eval()
        path = tmp_path_factory.mktemp("vgg") / f"{name}.pth"
        torch.save({f"features.{k}": v for k, v in layers.state_dict().items()}, path)
        found[name] = path, layers
    return found


@pytest.mark.parametrize(
    ("name", "layer", "last"),
    [("vgg16", "vgg22", 9), ("vgg19", "vgg22", 9), ("vgg16", "vgg53", 30), ("vgg19", "vgg54", 36)],
)
def test_features_are_the_layers_after_the_activation_before_the_pool(name, layer, last, vgg_files):
    path, layers = vgg_files[name]
    assert isinstance(layers[last - 1], torch.nn.ReLU)
    assert isinstance(layers[last], torch.nn.MaxPool2d)
    x = torch.rand(1, 3, 48, 32)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    phi = load_features(layer, path, scale=0.5)
    with torch.no_grad():
        wanted = layers[:last](((x.permute(0, 2, 3, 1) - mean) / std).permute(0, 3, 1, 2))
        assert torch.allclose(phi(x), 0.5 * wanted, atol=1e-5)
    assert phi.source.kind == name


def test_features_are_frozen_but_let_gradients_through(vgg_files):
    phi = load_features("vgg22", vgg_files["vgg16"][0])
    x = torch.rand(1, 3, 16, 16, requires_grad=True)
    phi(x).square().mean().backward()
    assert x.grad.abs().sum() > 0
    assert all(not p.requires_grad for p in phi.parameters())


def test_a_body_in_bfloat16_takes_and_gives_float32_also_under_autocast(vgg_files):
    phi = load_features("vgg22", vgg_files["vgg16"][0])
    x = torch.rand(1, 3, 32, 32)
    wanted = phi(x)
    phi.body.to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        came = phi(x)
    assert came.dtype == torch.float32
    assert float((came - wanted).abs().max()) < 0.05 * float(wanted.abs().max())


def test_a_file_of_the_other_network_is_named(vgg_files):
    with pytest.raises(InputError, match="vgg16, but vgg54 is a layer of vgg19"):
        load_features("vgg54", vgg_files["vgg16"][0])
    with pytest.raises(InputError, match="vgg19, but vgg53 is a layer of vgg16"):
        load_features("vgg53", vgg_files["vgg19"][0])


def test_a_file_without_the_layer_says_what_is_missing(vgg_files, tmp_path):
    state = torch.load(vgg_files["vgg16"][0], weights_only=True)
    del state["features.28.bias"]
    torch.save(state, tmp_path / "short.pth")
    with pytest.raises(InputError, match=r"vgg16 without features\.28\.bias, which vgg53 needs"):
        load_features("vgg53", tmp_path / "short.pth")


def test_a_file_with_other_shapes_says_so(vgg_files, tmp_path):
    state = torch.load(vgg_files["vgg16"][0], weights_only=True)
    state["features.0.weight"] = state["features.0.weight"][:, :1]
    torch.save(state, tmp_path / "grey.pth")
    with pytest.raises(InputError, match=r"not vgg16's shapes .*0\.weight"):
        load_features("vgg22", tmp_path / "grey.pth")


@pytest.mark.parametrize("content", [b"", b"nonsense", "cut", {"a.weight": torch.zeros(1)}, [1, 2]])
def test_anything_else_is_one_sentence(content, vgg_files, tmp_path):
    path = tmp_path / "vgg.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "cut":
        whole = vgg_files["vgg16"][0].read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    else:
        torch.save(content, path)
    with pytest.raises(InputError, match=r"vgg\.pth: (not a file of weights|expected torchvision's|a list)"):
        load_features("vgg53", path)
    with pytest.raises(InputError, match="no such file"):
        load_features("vgg53", tmp_path / "none.pth")


@pytest.mark.data
def test_the_published_vgg16_is_recognised(data_folder):
    phi = load_features("vgg53", data_folder / "perceptual" / "vgg16-397923af.pth")
    assert phi.source.kind == "vgg16"
    assert phi(torch.rand(1, 3, 96, 96)).shape == (1, 512, 6, 6)
