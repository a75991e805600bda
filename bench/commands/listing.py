"""What `bench datasets`, `models`, `metrics` and `fetch` say."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from bench.metric import METRICS, Metric, PictureMetric, metric_names
from bench.perceptual.weights import located, missing_libraries, weight_files
from bench.protocols.presets import PROTOCOLS
from sr_models.data.errors import InputError
from sr_models.data.fetch import FetchError, brought, fetch, is_brought, is_here
from sr_models.data.manifest import Manifest, manifest, manifest_names
from sr_models.models import MODELS


def dataset_lines() -> list[str]:
    """Return one line a set: name, kind, pictures, scales, files here, terms."""
    rows: list[tuple[str, ...]] = [("NAME", "KIND", "PICTURES", "SCALES", "FILES HERE", "TERMS")]
    rows += [_dataset_row(manifest(name)) for name in manifest_names()]
    return _aligned(rows)


def model_lines() -> list[str]:
    """Return one line a model: name, and whether it only runs when named."""
    return _aligned([(model.name, "slow: only when named" if model.slow else "") for model in MODELS])


def metric_lines(weights: Path | None = None) -> list[str]:
    """Return the metrics with their facts, then the protocols with the signature of a PSNR at x4."""
    metrics: list[tuple[str, ...]] = [("METRIC", "UNIT", "BETTER", "HERE", "SOURCE")]
    metrics += [
        (metric.name, metric.unit or "-", _better(metric), _availability(metric, weights), metric.source)
        for metric in map(METRICS.__getitem__, metric_names())
    ]
    protocols = [("PROTOCOL", "SIGNATURE AT x4", "SOURCE")]
    protocols += [(each.name, each.signature("psnr", 4), each.source) for each in PROTOCOLS.values()]
    return [*_aligned(metrics), "", *_aligned(protocols)]


def score_lines(scores: Mapping[str, Mapping[str, float]], metrics: Sequence[str]) -> list[str]:
    """Return a line for each pair of pictures, and their means if there are several; n/a: no value."""
    rows: list[tuple[str, ...]] = [("PICTURE", *(METRICS[name].heading for name in metrics))]
    rows += [
        (picture, *(_value(metric, values.get(metric)) for metric in metrics))
        for picture, values in scores.items()
    ]
    if len(scores) > 1:
        known = {metric: [v[metric] for v in scores.values() if metric in v] for metric in metrics}
        means = (_value(m, sum(v) / len(v) if len(v) == len(scores) else None) for m, v in known.items())
        rows.append((f"mean of {len(scores)}", *means))
    return _aligned(rows)


def _value(metric: str, value: float | None) -> str:
    return "n/a" if value is None else METRICS[metric].printed(value)


def fetch_named(name: str, scales: Sequence[int] | None) -> str:
    """Download what is missing of a set and return a sentence that says what is here now."""
    found = manifest(name)
    if found.ask:
        try:
            return f"{name}: {len(brought(found))} pictures here and verified. Terms: {found.licence}"
        except FetchError as error:
            raise FetchError(f"{name} cannot be downloaded: {error}") from None
    files = [file for file in found.files if scales is None or file.scale in (None, *scales)]
    if not files:
        raise InputError(f"{name} has no such scale; it has {_scales(found)}")
    missing = sum(file.bytes for file in files if not is_here(found, file))
    with tqdm(total=missing or None, desc=name, unit="B", unit_scale=True, disable=None) as bar:

        def report(n_bytes: int) -> None:
            bar.update(n_bytes)

        fetch(found, files, report)
    return f"{name}: {len(files)} files here and verified. Terms: {found.licence}"


def _better(metric: Metric) -> str:
    if isinstance(metric, PictureMetric) and metric.ideal is not None:
        return f"near {metric.ideal:g}"
    return "higher" if metric.higher_is_better else "lower"


def _availability(metric: Metric, folder: Path | None) -> str:
    """Return yes, how much the first use downloads, or which file the user has to provide."""
    if not isinstance(metric, PictureMetric):
        return "yes"
    libraries = missing_libraries(metric)
    if libraries:
        return f"needs {', '.join(libraries)}"
    files = [weight_files()[name] for name in metric.weights]
    missing = [file for file in files if located(file, folder) is None]
    brought = [file.name for file in missing if not file.url]
    if brought:
        return f"needs {', '.join(brought)}"
    return f"downloads {sum(file.megabytes for file in missing)} MB" if missing else "yes"


def _dataset_row(found: Manifest) -> tuple[str, ...]:
    count = found.count or len({(file.dataset, file.image) for file in found.files})
    if found.ask:
        here = "all" if is_brought(found) else "yours to bring"
    else:
        n_here = sum(is_here(found, file) for file in found.files)
        here = "all" if n_here == len(found.files) else f"{n_here} of {len(found.files)}"
    return (
        found.name,
        found.kind,
        str(count),
        _scales(found),
        here,
        found.licence,
    )


def _scales(found: Manifest) -> str:
    scales = found.scales()
    return "any" if scales is None else " ".join(f"x{scale}" for scale in scales)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
