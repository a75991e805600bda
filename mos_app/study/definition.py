"""What a rating study is: frozen before the first rater arrives, one JSON file."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from sr_models.data.errors import InputError
from sr_models.data.image import write_bytes

Method = Literal["acr", "dcr", "pairs"]
"""ACR and DCR: integers 1 to 5 (ITU-T P.910). pairs: which of two is better, 1 left or 2 right."""
Phase = Literal["calibration", "main"]
Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

STUDY_FILE = "study.json"
REFERENCE = "hr"
"""The model name of the original (CONTRACTS: never ranked), and DCR's reference."""


class Stimulus(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One version of one picture: an untouched PNG, known by its sha256."""

    id: str
    dataset: str
    picture: str
    method: str
    sha256: str
    width: int
    height: int
    file: str
    """Relative to the study's folder, or absolute where the study refers to pictures elsewhere."""


class Anchors(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The two ends of the scale for one calibration picture, as ids of stimuli."""

    picture: str
    worst: str
    best: str


class Trial(msgspec.Struct, frozen=True):
    """One thing to rate: a version, or (DCR) a version and its reference, or (pairs) two versions."""

    stimulus: str
    other: str | None = None
    phase: Phase = "main"
    repeat: bool = False


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything a researcher may choose; the defaults suit a first study."""

    title: str = "Picture quality"
    method: Method = "acr"
    language: Language = "en"
    labels: tuple[str, ...] | None = None
    """From score 1 upwards. None: the standard's words in the rater's language."""
    seed: int = 0
    repeat_share: float = 0.0
    repeat_lag: int = 20
    """Presentations that lie at least between a picture and its hidden repeat."""
    break_every: int = 150
    """Ratings between two offered breaks; 0 offers none."""
    raters: int | None = None
    """How many people may enter; None is no limit."""
    consent: str | None = None
    """The researcher's own consent text; None is ours, in the rater's language."""
    contact: str | None = None
    completion_code: str | None = None
    """One code for everybody (some panels want that); None gives every rater their own."""
    completion_url: str | None = None
    panel_parameter: str = "id"
    """The query parameter by which a panel hands over its own id of a person; PROLIFIC_PID always is one."""
    panel_again: Literal["resume", "refuse"] = "resume"
    """What a panel's id that has entered before does."""
    touch: Literal["refuse", "allow"] = "refuse"
    """Whether phones and tablets may take part: their screens rarely show a picture at exact pixels."""
    checks: Literal["strict", "warn"] = "strict"
    """Whether zoom and grey steps hold somebody up, or are only recorded."""
    screen_out_code: str | None = None
    """The panel's code for people whose screen does not fit."""
    screen_out_url: str | None = None
    hours: str | None = None
    """When people may rate, as `09:00-18:00 Europe/Berlin`; None is always."""
    texts: dict[str, str] = {}
    """Sentences in place of ours, by `<language>.<name>`, such as `en.welcome_lead`."""


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """More pictures, added while the study ran: everybody sees them after what came before."""

    added: str
    stimuli: tuple[Stimulus, ...]
    references: tuple[Stimulus, ...] = ()


class Study(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """A frozen study: settings, pictures, anchors."""

    name: str
    created: str
    settings: Settings
    stimuli: tuple[Stimulus, ...]
    """The versions that are rated."""
    references: tuple[Stimulus, ...] = ()
    """DCR: the originals shown beside, where they are not rated themselves."""
    anchors: tuple[Anchors, ...] = ()
    anchor_stimuli: tuple[Stimulus, ...] = ()
    format: int = 1
    consents: dict[Language, str] = {}
    """What people agree to, as the text was when the study was frozen."""
    later: tuple[Block, ...] = ()
    """Blocks of pictures added since; they follow `stimuli`."""

    @cached_property
    def by_id(self) -> dict[str, Stimulus]:
        """Every stimulus that can be on a screen."""
        return {item.id: item for item in (*self.rated, *self.originals, *self.anchor_stimuli)}

    @cached_property
    def rated(self) -> tuple[Stimulus, ...]:
        """The rated versions of every block."""
        return (*self.stimuli, *(item for block in self.later for item in block.stimuli))

    @cached_property
    def originals(self) -> tuple[Stimulus, ...]:
        """DCR's references of every block."""
        return (*self.references, *(item for block in self.later for item in block.references))

    @property
    def blocks(self) -> int:
        """How many blocks of pictures there are; one before anything was added."""
        return 1 + len(self.later)

    def versions_in(self, block: int) -> dict[tuple[str, str], list[Stimulus]]:
        """Return the rated versions of each (dataset, picture) of block 0, 1, ..., in the file's order."""
        versions: dict[tuple[str, str], list[Stimulus]] = defaultdict(list)
        for item in self.later[block - 1].stimuli if block else self.stimuli:
            versions[item.dataset, item.picture].append(item)
        return dict(versions)

    @cached_property
    def by_picture(self) -> dict[tuple[str, str], list[Stimulus]]:
        """The rated versions of each (dataset, picture) of every block."""
        return {key: items for block in range(self.blocks) for key, items in self.versions_in(block).items()}

    def reference_of(self, stimulus: Stimulus) -> Stimulus:
        """Return the original of a version, for DCR."""
        for item in (*self.originals, *self.rated, *self.anchor_stimuli):
            if item.method == REFERENCE and (item.dataset, item.picture) == (
                stimulus.dataset,
                stimulus.picture,
            ):
                return item
        raise InputError(
            f"DCR shows the original beside, but {stimulus.picture} has no version {REFERENCE!r}"
        )

    @cached_property
    def fingerprint(self) -> str:
        """Return 64 hex digits over the study as it was frozen: a database belongs to exactly one.

        Blocks added since do not count, nor do settings of later versions of this app at their defaults.
        """
        plain = msgspec.to_builtins(self)
        del plain["later"]
        if not plain["consents"]:
            del plain["consents"]
        for name, default in _LATER_SETTINGS.items():
            if plain["settings"][name] == default:
                del plain["settings"][name]
        return hashlib.sha256(msgspec.json.encode(plain)).hexdigest()

    @cached_property
    def frame(self) -> tuple[int, int]:
        """(width, height) in device pixels of the largest thing ever shown; two pictures stand beside."""
        width = max(item.width for item in self.by_id.values())
        height = max(item.height for item in self.by_id.values())
        return (width if self.settings.method == "acr" else 2 * width + PAIR_GAP_PX), height


PAIR_GAP_PX = 16
_LATER_SETTINGS: dict[str, object] = {
    "panel_again": "resume",
    "touch": "refuse",
    "checks": "strict",
    "screen_out_code": None,
    "screen_out_url": None,
    "hours": None,
    "texts": {},
}
"""Settings that the first version did not have, with the defaults that its studies get."""


def load(folder: str | Path) -> Study:
    """Return the study that `mos new` froze in folder."""
    path = Path(folder) / STUDY_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Study)
    except FileNotFoundError:
        raise InputError(f"{folder}: no {STUDY_FILE} in it; a study is made by `mos new`") from None
    except msgspec.DecodeError as error:
        raise InputError(f"{path}: not a study of this version ({error})") from None


def save(study: Study, folder: str | Path) -> None:
    """Write the study into folder."""
    write_bytes(Path(folder) / STUDY_FILE, msgspec.json.format(msgspec.json.encode(study), indent=1) + b"\n")


def pictures_in(trials: Sequence[Trial], study: Study) -> list[tuple[str, str]]:
    """Return (dataset, picture) of each trial, in order."""
    return [(study.by_id[trial.stimulus].dataset, study.by_id[trial.stimulus].picture) for trial in trials]
