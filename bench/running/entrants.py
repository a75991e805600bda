"""Who is compared: models that upscale here, and pictures that somebody upscaled elsewhere."""

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from sr_models.data.dataset import Picture, Sample
from sr_models.data.errors import InputError
from sr_models.data.fetch import Report, fetch, locate, sha256_of
from sr_models.data.image import Image, check_pair, read_image
from sr_models.data.manifest import manifest, manifest_names
from sr_models.data.names import check_name
from sr_models.models import MODELS, find_model
from sr_models.upscaler import Luma, LumaUpscaler, Upscaler

if TYPE_CHECKING:
    from sr_models.inference.torch_upscaler import Dtype

PATTERNS = (
    "{dataset}/x{scale}/{image}.png",
    "{dataset}/{image}.png",
    "{dataset}/{name}.png",
    "{image}.png",
    "{name}.png",
)
"""How published pictures are looked for in a folder, unless --pattern says otherwise."""


@dataclass(frozen=True)
class Running:
    """How networks run; anything else is not affected."""

    device: str = "auto"
    dtype: str = "fp32"
    self_ensemble: bool = False


AS_PUBLISHED = Running()
"""How models are built when nothing else is asked for."""


@dataclass(frozen=True)
class ModelEntrant:
    """A model, built from its text in whichever process needs it."""

    name: str
    text: str
    """What the user wrote: a registered name or NAME=SPEC."""
    version: str | None
    running: Running
    is_published: ClassVar[bool] = False

    def fingerprint(self, _picture: Picture) -> str | None:
        """Return what the output depends on besides the picture; None: unknown."""
        return self.version

    def upscale(self, picture: Picture, sample: Sample) -> Image:
        """Return the super-resolved picture."""
        return built(self.text, picture.scale, self.running)(sample.lr)

    def luma(self, picture: Picture) -> Callable[[Luma], Luma] | None:
        """Return the model's path for luma alone, or None if it has none."""
        upscaler = built(self.text, picture.scale, self.running)
        return upscaler.upscale_luma if isinstance(upscaler, LumaUpscaler) else None


@dataclass(frozen=True)
class OutputEntrant:
    """Pictures made elsewhere, found by (dataset, image)."""

    name: str
    files: Mapping[tuple[str, str], tuple[Path, str]]
    """(dataset, image) -> (file, its sha256)."""
    is_published: ClassVar[bool] = True
    """Pixels are never touched, not even to make grey what was published in colour."""

    def fingerprint(self, picture: Picture) -> str | None:
        """Return the hash of the published file."""
        found = self.files.get((picture.dataset, picture.image))
        return found[1] if found else ""

    def upscale(self, picture: Picture, sample: Sample) -> Image:
        """Return the published picture, or raise InputError where it is missing or of another size."""
        found = self.files.get((picture.dataset, picture.image))
        if found is None:
            raise InputError(f"{self.name} has no picture of {picture.dataset}/{picture.name}")
        image = read_image(found[0])
        try:
            check_pair(image, sample.hr)
        except InputError as error:
            raise InputError(f"{found[0]}: {error}") from None
        return image

    def luma(self, picture: Picture) -> None:
        """Published pictures have no luma path."""


@dataclass(frozen=True)
class Original:
    """HR itself: saved for studies and pages, never scored."""

    name: str = "hr"
    is_published: ClassVar[bool] = False

    def fingerprint(self, _picture: Picture) -> str | None:
        """Return a constant: the picture says it all."""
        return "hr"

    def upscale(self, _picture: Picture, sample: Sample) -> Image:
        """Return HR."""
        return sample.hr

    def luma(self, picture: Picture) -> None:
        """HR is never scored."""


Entrant = ModelEntrant | OutputEntrant | Original


def model_entrants(texts: Sequence[str], running: Running) -> list[ModelEntrant]:
    """Return the entrants for --models: names, NAME=SPEC, `all`; none given: everything that is not slow."""
    if not texts:
        texts = [model.name for model in MODELS if not model.slow]
    elif "all" in texts:
        texts = [*MODELS.names(), *(text for text in texts if "=" in text)]
    entrants = []
    for text in dict.fromkeys(texts):
        model = find_model(text)
        entrants.append(ModelEntrant(model.name, text, model.version, running))
    return entrants


def output_entrants(
    specs: Sequence[str], pictures: Sequence[Picture], pattern: str | None, report: Report = lambda _: None
) -> list[OutputEntrant]:
    """Return the entrants for --outputs: a manifest's name (all its models), or NAME=FOLDER."""
    entrants: list[OutputEntrant] = []
    for spec in specs:
        name, is_folder, folder = spec.partition("=")
        if is_folder:
            check_name(name)
            entrants.append(_from_folder(name, Path(folder), pictures, pattern))
        else:
            entrants += _from_manifest(name, pictures, report)
    return entrants


@lru_cache(maxsize=4)
def built(text: str, scale: int, running: Running) -> Upscaler:
    """Return the model that text means, run as asked; each process builds it once."""
    model = find_model(text).build(scale)
    if running == AS_PUBLISHED:
        return model
    from sr_models.inference.torch_upscaler import Inference, with_inference

    return with_inference(
        model, Inference(running.device, cast("Dtype", running.dtype), self_ensemble=running.self_ensemble)
    )


def _from_folder(name: str, folder: Path, pictures: Sequence[Picture], pattern: str | None) -> OutputEntrant:
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder: --outputs NAME=FOLDER takes a folder of upscaled pictures"
        )
    patterns = PATTERNS if pattern is None else (_checked(pattern),)
    files = {}
    for picture in pictures:
        tried = [folder / each.format(**_facts(picture)) for each in patterns]
        found = next((path for path in tried if path.is_file()), None)
        if found:
            files[picture.dataset, picture.image] = (found, sha256_of(found))
    if pictures and not files:
        tried_names = ", ".join(each.format(**_facts(pictures[0])) for each in patterns)
        raise InputError(
            f"{folder} holds none of the pictures; looked for {tried_names}: name them so, or give --pattern"
        )
    return OutputEntrant(name, files)


def _facts(picture: Picture) -> dict[str, str | int]:
    return {
        "dataset": picture.dataset,
        "scale": picture.scale,
        "image": picture.image,
        "name": picture.name,
    }


def _checked(pattern: str) -> str:
    known = ("dataset", "scale", "image", "name")
    try:
        used = {field for _, field, _, _ in string.Formatter().parse(pattern) if field is not None}
    except ValueError as error:
        raise InputError(f"--pattern {pattern!r}: {error}") from None
    if not used <= set(known) or not used & {"image", "name"}:
        raise InputError(
            f"--pattern {pattern!r}: use {{image}} or {{name}}, and if you like {{dataset}}, {{scale}}"
        )
    return pattern


def _from_manifest(name: str, pictures: Sequence[Picture], report: Report) -> list[OutputEntrant]:
    outputs = [each for each in manifest_names() if manifest(each).kind == "outputs"]
    if name not in outputs:
        raise InputError(f"no published outputs called {name!r}; known: {', '.join(outputs)}, or NAME=FOLDER")
    found = manifest(name)
    wanted = {(picture.dataset, picture.image, picture.scale) for picture in pictures}
    files = [file for file in found.files if (file.dataset, file.image, file.scale) in wanted]
    if not files:
        covered = ", ".join(sorted({f"{file.dataset} x{file.scale}" for file in found.files}))
        raise InputError(f"{name} has none of these pictures; it covers {covered}")
    fetch(found, files, report)
    entrants: dict[str, dict[tuple[str, str], tuple[Path, str]]] = {}
    for file in files:
        path = locate(found, file)
        if path is not None:
            entrants.setdefault(file.model, {})[file.dataset, file.image] = (path, file.sha256)
    return [OutputEntrant(model, located) for model, located in entrants.items()]
