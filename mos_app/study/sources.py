"""Where a study's pictures come from: a `bench run`, or a folder of methods; and the paper's choice."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.store.rows import Place, method_name
from mos_app.study.definition import REFERENCE
from sr_models.data.errors import InputError, UnknownNameError
from sr_models.data.image import SUFFIXES


@dataclass(frozen=True)
class Version:
    """One method's version of one picture, as a file."""

    dataset: str
    picture: str
    method: str
    path: Path


SRGAN_METHODS = (
    "nearest",
    "bicubic",
    "srcnn",
    "selfexsr",
    "drcn",
    "espcn",
    "srresnet-mse",
    "srresnet-vgg22",
    "srgan-mse",
    "srgan-vgg22",
    "srgan-vgg54",
    REFERENCE,
)
"""The 12 versions rated in Ledig et al., "Photo-Realistic Single Image Super-Resolution ...", section 3.3."""
SRGAN_NOT_ON_BSD100 = ("srresnet-vgg22", "srgan-mse", "srgan-vgg22")
SRGAN_DATASETS = ("Set5", "Set14", "BSD100")
SRGAN_SCALE = 4
SRGAN_RATERS = 26
SRGAN_CALIBRATION = 20


def versions_from(
    *,
    run: str | Path | None = None,
    images: str | Path | None = None,
    scale: int | None = None,
    lr: str | None = None,
    models: Collection[str] | None = None,
    datasets: Collection[str] | None = None,
) -> list[Version]:
    """Return the chosen versions of a run, or of a folder of methods; exactly one of the two is given."""
    if run is not None and images is None:
        found = versions_in_run(run, scale, lr)
    elif images is not None and run is None:
        found = versions_in_folder(images)
    else:
        raise InputError("expected a run or a folder of methods, one of the two")
    return only(found, models=models, datasets=datasets)


def versions_in_run(run: str | Path, scale: int | None = None, lr: str | None = None) -> list[Version]:
    """Return every picture that `bench run` saved, at one scale, of each dataset from one kind of LR picture.

    lr chooses it for datasets that were run from several. A model run in a variant is a method of its own,
    such as `espcn@bf16`.
    """
    images = Path(run) / "images"
    if not images.is_dir():
        raise InputError(f"{run}: no images/ in it: expected the folder that `bench run` wrote")
    found = list(_places_in(images))
    if not found:
        raise InputError(f"{images}: no <model>/<dataset>/x<scale>/ in it; did the run finish?")
    scales = sorted({place.scale for place, _ in found})
    if scale is None and len(scales) > 1:
        raise InputError(f"{run} has the scales {scales}: a study shows one, choose it with --scale")
    wanted = scales[0] if scale is None else scale
    found = [(place, path) for place, path in found if place.scale == wanted]
    if not found:
        raise InputError(f"{run} has no pictures at x{wanted}; it has {', '.join(f'x{s}' for s in scales)}")
    kinds: dict[str, set[str]] = {}
    for place, _ in found:
        if place.model != REFERENCE:
            kinds.setdefault(place.dataset, set()).add(place.lr)
    if lr is not None and not any(lr in each for each in kinds.values()):
        raise UnknownNameError("kind of LR picture", lr, sorted(set().union(*kinds.values())))
    for dataset, several in sorted(kinds.items()):
        if lr not in several and len(several) > 1:
            raise InputError(
                f"{run} has {dataset} from the LR pictures {', '.join(sorted(several))}: a study shows one, "
                "choose it with --lr"
            )
    return [
        Version(place.dataset, place.image, method_name(place.model, place.variant), path)
        for place, path in found
        if lr not in kinds.get(place.dataset, ()) or place.lr == lr or place.model == REFERENCE
    ]


def _places_in(images: Path) -> Iterator[tuple[Place, Path]]:
    for path in sorted(images.glob("*/*/x*/*.png")):
        with suppress(ValueError):  # another picture that somebody put there
            yield Place.of(path.relative_to(images).as_posix()), path


def versions_in_folder(folder: str | Path) -> list[Version]:
    """Return every <method>/<picture> of a folder; the folder's name is the dataset's."""
    root = Path(folder)
    found = [
        Version(root.resolve().name, path.stem, path.parent.name, path)
        for path in sorted(root.glob("*/*"))
        if path.suffix.lower() in SUFFIXES
    ]
    if not found:
        raise InputError(f"{folder}: no <method>/<picture>.png in it")
    return found


def only(
    versions: Sequence[Version], *, models: Collection[str] | None, datasets: Collection[str] | None
) -> list[Version]:
    """Return the versions of the named methods and datasets; a name that is not there raises."""
    for kind, names, known in (
        ("method", models, {version.method for version in versions}),
        ("dataset", datasets, {version.dataset for version in versions}),
    ):
        for name in names or ():
            if name not in known:
                raise UnknownNameError(kind, name, known)
    return [
        version
        for version in versions
        if (models is None or version.method in models) and (datasets is None or version.dataset in datasets)
    ]


def srgan_design(versions: Sequence[Version], stand_ins: Mapping[str, str]) -> list[Version]:
    """Return the paper's choice: 12 versions on Set5 and Set14, 9 on BSD100, 1128 in all.

    stand_ins names other models for some of the paper's ({'srgan-vgg54': 'srgan-vgg53'}); they keep
    their own names in the study.
    """
    for name in stand_ins:
        if name not in SRGAN_METHODS:
            raise UnknownNameError("method of the SRGAN study", name, SRGAN_METHODS)
    chosen = []
    for dataset in SRGAN_DATASETS:
        names = [
            stand_ins.get(method, method)
            for method in SRGAN_METHODS
            if dataset != "BSD100" or method not in SRGAN_NOT_ON_BSD100
        ]
        here = [version for version in versions if version.dataset == dataset]
        missing = sorted(set(names) - {version.method for version in here})
        if missing:
            raise InputError(
                f"the SRGAN study needs {', '.join(missing)} on {dataset}, and the run has no such pictures: "
                "run them, or name a stand-in (--stand-in srgan-vgg54=srgan-vgg53)"
            )
        chosen += [version for version in here if version.method in names]
    return chosen


def check_complete(versions: Sequence[Version]) -> None:
    """Raise InputError unless, in each dataset, every method has every picture."""
    methods: dict[str, set[str]] = defaultdict(set)
    pictures: dict[tuple[str, str], set[str]] = defaultdict(set)
    for version in versions:
        methods[version.dataset].add(version.method)
        pictures[version.dataset, version.picture].add(version.method)
    for (dataset, picture), present in pictures.items():
        missing = sorted(methods[dataset] - present)
        if missing:
            raise InputError(
                f"{dataset}/{picture} has no version of {', '.join(missing)}: methods would be judged "
                "on different pictures; complete the run, or leave the method or picture out"
            )
