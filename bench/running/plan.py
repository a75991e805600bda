"""What a run still has to do: each model's picture that is missing, and each score without a valid row."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from platform import node
from typing import TYPE_CHECKING

from bench.metric import METRICS, PictureMetric
from bench.protocols.presets import PROTOCOLS
from bench.running.entrants import Entrant, ModelEntrant, Original
from bench.running.record import device_kind
from bench.running.request import Request, Summary
from bench.store.rows import ROUNDED_16, UNTRUSTED, Place, SavedPicture, Score, key_of
from bench.store.table import Tables
from sr_models import upscaler
from sr_models.data import degrade
from sr_models.data.dataset import Picture
from sr_models.data.errors import InputError

if TYPE_CHECKING:
    from bench.running.parcel import Move


@dataclass(frozen=True)
class Need:
    """What one model on one picture still needs."""

    entrant: Entrant
    picture: Picture
    lr: str
    multiple: int | None
    """HR is cropped to a multiple of this; None: of the scale."""
    saved: SavedPicture
    """Where the upscaled picture goes, under which key; the hash counts only if it is kept."""
    is_kept: bool
    """An earlier run left this very picture."""
    rows: tuple[Score, ...]
    """The scores that are missing or out of date, complete but for their values."""

    @property
    def where(self) -> str:
        """The picture as messages name it."""
        return f"{self.picture.dataset}/{self.picture.name}"

    def on(self, device: str) -> "Need":
        """Return the same need with a network on a device."""
        if not isinstance(self.entrant, ModelEntrant):
            return self
        return replace(self, entrant=replace(self.entrant, device=device))

    def moved(self, move: "Move", results: Path) -> "Need":
        """Return the same need with the files that `move` names."""
        if self.is_kept:
            move.picture(results / "images" / self.saved.path)
        hr, lr = (path and move.picture(path) for path in (self.picture.hr_file, self.picture.lr))
        here = replace(self.picture, hr_file=hr, lr=lr)
        return replace(self, picture=here, entrant=self.entrant.moved(self.picture, move))

    def check(self) -> None:
        """Raise InputError where this machine would compute something else than the rows say."""
        self.entrant.check()
        for row in self.rows:
            metric = METRICS[row.metric]
            if isinstance(metric, PictureMetric):
                continue  # its signature names weights: the second pass checks it
            check_signature(row, metric.signature(PROTOCOLS[row.protocol], row.scale))


def plan(
    request: Request,
    pictures: Sequence[Picture],
    entrants: Sequence[Entrant],
    stated: Mapping[str, str],
    with_luma: Collection[str],
    tables: Tables,
    summary: Summary,
) -> list[Need]:
    """Return what is to be done, by picture and entrant; the summary counts what is reused and replaced.

    `stated` is what signatures say of a metric's weights, `with_luma` who can upscale luma alone. A valid row
    of an older file gets the signature that its key was made from.
    """
    needs, signed = [], []
    kind = device_kind(request.device)
    for picture in pictures:
        for entrant in entrants:
            if picture.hr_file is None and isinstance(entrant, Original):
                continue
            made_from = _picture_key(entrant, picture, request, kind)
            missing = []
            for row in _asked(request, entrant, picture, made_from, stated, with_luma):
                stored = tables.scores.get(row.identity)
                if stored is None or row.key == UNTRUSTED or stored.key != row.key or request.force:
                    summary.replaced += stored is not None
                    missing.append(row)
                    continue
                summary.reused += 1
                if not stored.signature:
                    signed.append(replace(row, value=stored.value))
            place = _place(request, entrant, picture)
            kept = tables.saved.get((place.path,))
            is_kept = (
                kept is not None
                and kept.key == made_from != UNTRUSTED
                and not request.force
                and (tables.folder / "images" / kept.path).is_file()
            )
            if missing or not is_kept:
                target = kept if is_kept and kept else SavedPicture(place.path, made_from, "0" * 64)
                needs.append(
                    Need(
                        entrant,
                        picture,
                        picture.lr_name(request.lr),
                        request.multiple,
                        target,
                        is_kept,
                        tuple(missing),
                    )
                )
    if signed:
        tables.scores.add(signed)
    return needs


def check_signature(row: Score, here: str) -> None:
    """Raise InputError where a worker's signature is not the row's."""
    if row.signature != here:
        raise InputError(
            f"worker {node()} would compute {row.metric} in another way: expected {row.signature}, "
            f"got {here}: install the same versions there"
        )


def _asked(
    request: Request,
    entrant: Entrant,
    picture: Picture,
    made_from: str,
    stated: Mapping[str, str],
    with_luma: Collection[str],
) -> Iterator[Score]:
    """Yield the rows that are asked for, without values."""
    if not entrant.is_scored:
        return
    for protocol_name in dict.fromkeys(request.protocols):
        protocol = PROTOCOLS[protocol_name]
        if protocol.luma_only and entrant.name not in with_luma:
            continue  # it never leaves luma, so it needs a model with a luma path
        for name in dict.fromkeys(request.metrics):
            metric = METRICS[name]
            if protocol.luma_only and isinstance(metric, PictureMetric):
                continue
            if picture.hr_file is None and metric.needs_original:
                continue
            signature = metric.signature(protocol, picture.scale, stated.get(name, ""))
            trusted = made_from != UNTRUSTED and metric.version
            yield Score(
                entrant.name,
                request.variant_of(entrant),
                picture.dataset,
                picture.scale,
                picture.lr_name(request.lr),
                picture.image,
                protocol_name,
                name,
                math.nan,
                signature,
                key_of(made_from, signature) if trusted else UNTRUSTED,
            )


def _place(request: Request, entrant: Entrant, picture: Picture) -> Place:
    variant = request.variant_of(entrant)
    lr = picture.lr_name(request.lr)
    return Place(entrant.name, variant, picture.dataset, picture.scale, lr, picture.image)


def _picture_key(entrant: Entrant, picture: Picture, request: Request, kind: str) -> str:
    """Return 12 hex digits over everything that could change the upscaled picture."""
    fingerprint = entrant.fingerprint(picture)
    if fingerprint is None:
        return UNTRUSTED
    low = picture.lr_sha256 or request.lr
    how = (entrant.dtype, entrant.self_ensemble, kind, *((ROUNDED_16,) if picture.round_16_bit else ()))
    return key_of(fingerprint, picture.hr_sha256, low, request.multiple, *how, *_code_versions())


def _code_versions() -> tuple[str, ...]:
    """Of our code that makes pictures; the first add nothing, so that rows from before they existed hold."""
    versions = (degrade.VERSION, upscaler.VERSION)
    return versions if versions != ("1", "1") else ()
