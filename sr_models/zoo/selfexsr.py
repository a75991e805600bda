"""SelfExSR: a picture enlarged from its own transformed patches (the method: `sr_models.selfexsr`)."""

from sr_models.models import model
from sr_models.upscaler import Upscaler

_VERSION = "2"  # changes whenever the same picture would come out differently


@model("selfexsr", version=_VERSION, slow=True)
def build(scale: int) -> Upscaler:
    """Return the upscaler; the compiler is imported only here."""
    from sr_models.selfexsr.upscale import SelfExsr

    return SelfExsr(scale)


@model("selfexsr-planes", version=_VERSION, slow=True)
def build_with_planes(scale: int) -> Upscaler:
    """Return the upscaler that also follows perspective planes."""
    from sr_models.selfexsr.upscale import Options, SelfExsr

    return SelfExsr(scale, Options(planes=True))


@model("selfexsr-quick", version=_VERSION, slow=True)
def build_quick(scale: int) -> Upscaler:
    """Return the upscaler with about half the iterations."""
    from sr_models.selfexsr.upscale import Options, SelfExsr

    return SelfExsr(scale, Options(iterations=(6, 4, 3, 2, 2, 2)))
