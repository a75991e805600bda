"""Which network, with which options: what a recipe states and a weights file carries."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from sr_models.data.errors import InputError, UnknownNameError
from sr_models.networks.drcn import DrcnConfig
from sr_models.networks.espcn import EspcnConfig
from sr_models.networks.srcnn import SrcnnConfig
from sr_models.networks.srresnet import SrresnetConfig

NetworkConfig = SrcnnConfig | EspcnConfig | DrcnConfig | SrresnetConfig
_CONFIGS: tuple[type[NetworkConfig], ...] = (SrcnnConfig, EspcnConfig, DrcnConfig, SrresnetConfig)
FAMILIES: dict[str, type[NetworkConfig]] = {config.family: config for config in _CONFIGS}


def to_json(config: NetworkConfig) -> dict[str, Any]:
    """Return config as plain values, its family included."""
    return {"family": config.family, **asdict(config)}


def from_json(values: Mapping[str, Any]) -> NetworkConfig:
    """Return the config that `to_json` made; unknown families and options raise InputError."""
    options = dict(values)
    family = options.pop("family", None)
    if family not in FAMILIES:
        raise UnknownNameError("network family", str(family), FAMILIES)
    known = {field.name for field in fields(FAMILIES[family])}
    if unknown := sorted(options.keys() - known):
        raise InputError(f"{family} has no option {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    build: Callable[..., NetworkConfig] = FAMILIES[family]
    return build(**{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()})


def started_alike(config: NetworkConfig) -> NetworkConfig:
    """Return config with the options that do not change the shape of its weights set to one value.

    Those are the initialisation, and the number of recursions of a DRCN. Two networks that are equal after
    this can start from each other's weights.
    """
    if isinstance(config, DrcnConfig):
        return replace(config, recursions=1)
    return replace(config, init="default") if isinstance(config, SrresnetConfig) else config
