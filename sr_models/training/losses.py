"""The losses of the SRGAN paper, as plain functions; pictures are (N, 3, H, W) in [0, 1].

Symbols: I_HR and I_SR are original and reconstruction, phi the feature network, D the
discriminator. `feature_distance` serves VGG22 and VGG54: they differ in phi alone.
"""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def mse(sr: Tensor, hr: Tensor) -> Tensor:
    """Return l_MSE: mean squared difference on the paper's [-1, 1] scale, which is 4 times that on [0, 1]."""
    return 4.0 * F.mse_loss(sr, hr)


def recursive_supervision(predictions: Tensor, hr: Tensor, alpha: Tensor) -> Tensor:
    """Return DRCN's loss of (N, D + 1, H, W), D recursions and their weighted sum, against (N, 1, H, W).

    alpha * mean of the recursions' MSE + (1 - alpha) * MSE of the sum (Kim et al., CVPR 2016, section 3.4).
    """
    each, joined = predictions[:, :-1], predictions[:, -1:]
    return alpha * mse(each, hr.expand_as(each)) + (1.0 - alpha) * mse(joined, hr)


def feature_distance(phi_sr: Tensor, phi_hr: Tensor) -> Tensor:
    """Return l_VGG/i.j: mean over all elements of the squared difference of (already scaled) features."""
    return F.mse_loss(phi_sr, phi_hr)


def adversarial(logits_sr: Tensor) -> Tensor:
    """Return l_Gen: batch mean of -log D(G(I_LR)); of logits x, -log(sigmoid(x)) = softplus(-x)."""
    return F.softplus(-logits_sr).mean()


def discriminator(logits_hr: Tensor, logits_sr: Tensor) -> Tensor:
    """Return what D minimises: batch mean of -log D(I_HR) - log(1 - D(G(I_LR)))."""
    return F.softplus(-logits_hr).mean() + F.softplus(logits_sr).mean()


def total_variation(sr: Tensor) -> Tensor:
    """Return l_TV: squared differences of neighbours on [-1, 1], summed over a picture, mean over the batch.

    The sum, not the mean, is what the paper's weight of 2e-8 belongs to (Johnson et al., ECCV 2016).
    """
    down = (sr[..., 1:, :] - sr[..., :-1, :]).square().sum()
    right = (sr[..., :, 1:] - sr[..., :, :-1]).square().sum()
    return 4.0 * (down + right) / sr.shape[0]


def phase_pattern(sr: Tensor, hr: Tensor, scale: int) -> Tensor:
    """Return how much of a pattern with the period of the scale SR has that HR lacks, on [-1, 1].

    The difference is averaged, per picture and channel, over all pixels of one phase (row and column modulo
    scale); returned is the mean square of these scale^2 averages around their own mean. 0 for equal pictures.
    Not in the paper: an adversary and pooled features pass a faint grid as texture.
    """
    n, c, h, w = sr.shape
    phases = (
        (sr - hr).reshape(n, c, h // scale, scale, w // scale, scale).mean((2, 4))
    )  # (N, 3, scale, scale)
    return 4.0 * (phases - phases.mean((2, 3), keepdim=True)).square().mean()


def artefacts(sr: Tensor, average: Tensor, hr: Tensor) -> Tensor:
    """Return LDL's loss (Liang et al., CVPR 2022): mean absolute error, weighted by how like artefacts it is.

    `average` is what the averaged network makes of the same LR; it is steadier, so where SR is nearer to HR
    its detail is believed and weighs nothing. Elsewhere the weight is the error's variance in 7x7 pixels
    times the fifth root of its variance in the picture; no gradient goes through it. Not in the SRGAN paper.
    """
    with torch.no_grad():
        error, of_average = ((x - hr).abs().sum(1, keepdim=True) for x in (sr, average))
        around = F.pad(error, (3, 3, 3, 3), mode="reflect").unfold(2, 7, 1).unfold(3, 7, 1)
        weight = around.var((4, 5)) * error.var((1, 2, 3), keepdim=True) ** 0.2
        weight *= error >= of_average
    return (weight * (sr - hr).abs()).mean()
