"""SelfExSR: a picture enlarged from its own transformed patches (the method: `sr_models.selfexsr`)."""

from sr_models.models import model
from sr_models.upscaler import Upscaler


@model("selfexsr", version="1", slow=True)
def build(scale: int) -> Upscaler:
    """Return the upscaler; the compiler is imported only here."""
    from sr_models.selfexsr.upscale import SelfExsr

    return SelfExsr(scale)
