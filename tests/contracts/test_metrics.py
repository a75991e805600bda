"""Every registered metric, under every protocol: better is better, and a picture is most like itself."""

import numpy as np
import pytest

from bench.metric import METRICS
from bench.protocol import PROTOCOLS


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", METRICS.names())
def test_every_metric_prefers_the_picture_itself(name, protocol, photo, rng):
    noisy = np.clip(photo + rng.normal(0, 25, photo.shape), 0, 255).astype(np.uint8)
    views = [PROTOCOLS[protocol].view(each, scale=4, is_grey=False) for each in (photo, noisy)]
    itself, worse = METRICS[name](views[0], views[0]), METRICS[name](views[1], views[0])
    assert itself > worse if METRICS[name].higher_is_better else itself < worse


@pytest.mark.parametrize("name", METRICS.names())
def test_every_metric_states_its_facts(name):
    metric = METRICS[name]
    assert metric.source
    assert metric.version
    assert metric.digits > 0
