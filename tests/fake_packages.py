"""Stand-ins for packages that users bring themselves, with the interface that the real ones document."""

import importlib

from bench import metric as metric_module

PYIQA = '''
"""create_metric(name, device=...) -> a callable on pictures (N, 3, H, W) in [0, 1] -> values (N, 1)."""

CREATED = []


def create_metric(metric_name, as_loss=False, device=None, **kwargs):
    if metric_name not in ("clipiqa", "musiq", "maniqa", "maniqa-pipal", "topiq_nr", "topiq_fr"):
        raise KeyError(metric_name)
    CREATED.append(metric_name)

    def full(target, ref):
        return 1 - (target - ref).square().mean(dim=(1, 2, 3)).sqrt()[:, None]

    def alone(target):
        return target.mean(dim=(1, 2, 3))[:, None] * (100 if metric_name == "musiq" else 1)

    return full if metric_name.endswith("_fr") else alone
'''
FIDELITY = '''
"""calculate_metrics(input1=..., input2=..., fid=True, ...) of two datasets of uint8 pictures."""

import torch


def calculate_metrics(*, input1, input2, fid, cuda, verbose, feature_extractor_weights_path, **kwargs):
    with open(feature_extractor_weights_path, "rb") as file:
        assert fid and file.read()
    first, second = (torch.stack([each[i] for i in range(len(each))]) for each in (input1, input2))
    assert first.dtype == torch.uint8 and first.shape == second.shape
    difference = first.float().mean(dim=(0, 2, 3)) - second.float().mean(dim=(0, 2, 3))
    return {"frechet_inception_distance": float(difference.square().sum())}
'''


def install(folder, monkeypatch, module, distribution, version, source):
    """Put a package before all others on the path, with its version."""
    (folder / module).mkdir(parents=True)
    (folder / module / "__init__.py").write_text(source)
    facts = folder / f"{module}-{version}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    metric_module._installed.cache_clear()


def forget(module):
    """Let other tests find what is really there."""
    import sys

    from bench.metrics import from_pyiqa

    sys.modules.pop(module, None)
    metric_module._installed.cache_clear()
    from_pyiqa._model.cache_clear()
