"""Model files of others: what runs, and the one sentence for what does not."""

import math
import pickle
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from sr_models.data.errors import InputError
from sr_models.inference.export import export_onnx
from sr_models.inference.foreign import open_model_file
from sr_models.inference.torch_upscaler import upscaler
from sr_models.inference.weights_file import Card, save_weights
from sr_models.models import find_model
from sr_models.networks.espcn import EspcnConfig
from sr_models.networks.srcnn import SrcnnConfig
from sr_models.networks.srresnet import SrresnetConfig

SMALL = SrresnetConfig(blocks=1, width=8, init="passthrough")


class Doubler(nn.Module):
    """Nearest neighbour at x2, as a network."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


class Divided(nn.Module):
    """x / x, which is not finite where x is black."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / x


def _double(image):
    return image.repeat(2, 0).repeat(2, 1)


def _weights(path, config=SMALL):
    network = config.build().eval()
    save_weights(path, network, Card("small", config))
    return network


def test_a_file_of_ours_runs_under_a_name_of_ones_own(tmp_path, photo):
    network = _weights(tmp_path / "w.safetensors")
    model = find_model(f"mine={tmp_path}/w.safetensors")
    assert model.name == "mine"
    assert np.array_equal(model.build(4)(photo[:16, :16]), upscaler(network, 4, "rgb")(photo[:16, :16]))


def test_the_version_is_the_files_hash(tmp_path):
    _weights(tmp_path / "a.safetensors")
    first = find_model(f"m={tmp_path}/a.safetensors").version
    _weights(tmp_path / "a.safetensors")  # other random weights
    assert find_model(f"m={tmp_path}/a.safetensors").version != first
    assert len(first) == 16


def test_another_scale_is_refused(tmp_path):
    _weights(tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="expected a scale of 2, but small has scale 4"):
        find_model(f"m={tmp_path}/w.safetensors").build(2)


def _spandrel_checkpoint(path):
    from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact

    torch.manual_seed(0)
    network = SRVGGNetCompact(num_feat=8, num_conv=2, upscale=4)
    state = {"params": network.state_dict()}
    if path.suffix == ".safetensors":
        save_file(network.state_dict(), path)
    else:
        torch.save(state, path)
    return network.eval()


@pytest.mark.parametrize("name", ["compact.pth", "compact.safetensors"])
def test_a_checkpoint_that_spandrel_knows_runs(name, tmp_path, photo):
    network = _spandrel_checkpoint(tmp_path / name)
    sr = find_model(f"m={tmp_path}/{name}").build(4)(photo[:12, :10])
    x = torch.from_numpy(photo[:12, :10].transpose(2, 0, 1)[None] / 255.0).float()
    with torch.no_grad():
        wanted = (network(x)[0].clamp(0, 1) * 255 + 0.5).floor().numpy().transpose(1, 2, 0)
    assert np.array_equal(sr, wanted)


def test_an_unknown_checkpoint_names_its_keys(tmp_path):
    torch.save({"left": torch.zeros(2), "right": torch.zeros(3)}, tmp_path / "x.pth")
    with pytest.raises(InputError, match="no architecture with 2 tensors named left, right"):
        open_model_file(tmp_path / "x.pth", 4)


def test_a_known_architecture_with_missing_keys_is_one_sentence(tmp_path):
    network = _spandrel_checkpoint(tmp_path / "x.pth")
    state = network.state_dict()
    del state["body.2.weight"]
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"x\.pth: .*body\.2\.weight") as caught:
        open_model_file(tmp_path / "x.pth", 4)
    assert "\n" not in str(caught.value)


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


def test_a_pickle_that_runs_code_is_refused_and_not_run(tmp_path, capsys):
    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"a": Evil()}))
    torch.save({"a": Evil()}, tmp_path / "evil2.pth")
    for name in ("evil.pth", "evil2.pth"):
        with pytest.raises(InputError, match="not a checkpoint of plain tensors"):
            open_model_file(tmp_path / name, 4)
    assert "executed" not in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_a_torchscript_file_runs_and_tells_its_scale(tmp_path, photo):
    torch.jit.save(torch.jit.script(Doubler()), tmp_path / "d.pt")
    assert np.array_equal(find_model(f"d={tmp_path}/d.pt").build(2)(photo), _double(photo))
    with pytest.raises(InputError, match="expected a scale of 4, got a model of scale 2"):
        open_model_file(tmp_path / "d.pt", 4)


@pytest.mark.parametrize("config", [SMALL, EspcnConfig(), SrcnnConfig()], ids=["srresnet", "espcn", "srcnn"])
def test_an_exported_onnx_file_is_within_one_level_at_any_size(config, tmp_path, photo):
    network = _weights(tmp_path / "w.safetensors", config)
    assert export_onnx(tmp_path / "w.safetensors", tmp_path / "w.onnx") <= 1
    ours = upscaler(network, 4, config.colour)
    theirs = find_model(f"m={tmp_path}/w.onnx").build(4)
    for shape in ((9, 23), (40, 17)):
        lr = photo[: shape[0], : shape[1]]
        assert np.abs(ours(lr).astype(int) - theirs(lr).astype(int)).max() <= 1


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
@pytest.mark.parametrize("kind", ["torchscript", "onnx", "spandrel"])
def test_output_of_a_file_that_is_not_finite_is_an_error(kind, tmp_path, photo):
    black = np.zeros_like(photo[:8, :8])
    with pytest.raises(InputError, match="values of the network's output are not finite"):
        find_model(f"m={_diverged_file(kind, tmp_path)}").build(4 if kind == "spandrel" else 1)(black)


def _diverged_file(kind, folder):
    if kind == "torchscript":
        torch.jit.save(torch.jit.script(Divided()), folder / "d.pt")
        return folder / "d.pt"
    if kind == "onnx":
        axes = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
        torch.onnx.export(
            Divided().eval(),
            (torch.rand(1, 3, 8, 8),),
            folder / "d.onnx",
            dynamic_shapes=(axes,),
            dynamo=True,
        )
        return folder / "d.onnx"
    state = _spandrel_checkpoint(folder / "d.pth").state_dict()
    torch.save({key: torch.full_like(value, math.nan) for key, value in state.items()}, folder / "d.pth")
    return folder / "d.pth"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.onnx", b"nonsense", "onnxruntime cannot run it"),
        ("a.pth", b"nonsense", "not a checkpoint of plain tensors"),
        ("a.pt", b"", "not a checkpoint of plain tensors"),
        ("a.safetensors", b"nonsense", "cannot be read"),
    ],
)
def test_a_file_that_is_nothing_says_so(name, content, says, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        open_model_file(tmp_path / name, 4)


def test_missing_files_and_other_suffixes_say_what_is_wanted(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        find_model(f"m={tmp_path}/none.onnx")
    with pytest.raises(InputError, match=r"expected NAME=module:function, .* or NAME=FILE"):
        find_model(f"m={tmp_path}/weights.bin")


@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [("onnxruntime", "a.onnx", "onnx"), ("spandrel", "a.pth", "spandrel"), ("onnx", "export", "onnx")],
)
def test_a_missing_extra_is_named_with_a_command_that_works(module, name, extra, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(b"")
    _weights(tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=rf"pip install -e '\.\[{extra}\]'"):
        _open_or_export(tmp_path / name)


def _open_or_export(path):
    if path.name == "export":
        export_onnx(path.parent / "w.safetensors", path.parent / "w.onnx")
    open_model_file(path, 4)


FACTORIES = """
import torch
from torch import nn

class Doubler(nn.Module):
    def forward(self, x):
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

class Odd(nn.Module):
    def forward(self, x):
        return x[:, :1]

def network(scale):
    return Doubler()

def odd(scale):
    return Odd()
"""


def test_a_factory_may_return_a_plain_network(tmp_path, photo, monkeypatch):
    (tmp_path / "my_factories.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert np.array_equal(find_model("m=my_factories:network").build(2)(photo), _double(photo))
        with pytest.raises(InputError, match=r"from \(1, 3, 16, 16\), got \(1, 1, 16, 16\)"):
            find_model("m=my_factories:odd").build(2)
    finally:
        sys.modules.pop("my_factories", None)
