"""One colour and one printed label per model, the same in every figure of the project."""

import hashlib

# Found by a search for the largest smallest distance (OKLab) between any two of the paper's twelve versions,
# under normal vision and full protanopia, deuteranopia and tritanopia (Machado et al. 2009), each at least
# 2.5:1 in contrast on white or on the dark page. Families share a hue: greys are no network at all,
# blues and violets the fast networks, greens SRResNet, warm colours SRGAN.
_PAPER = {
    "nearest": "#876d70",
    "bicubic": "#634d59",
    "srcnn": "#17529b",
    "selfexsr": "#861cff",
    "drcn": "#5495ff",
    "espcn": "#0579b9",
    "srresnet-mse": "#7f9a6c",
    "srresnet-vgg22": "#15ce80",
    "srgan-mse": "#f5a202",
    "srgan-vgg22": "#a11f03",
    "srgan-vgg54": "#cf460f",
    "hr": "#a8b5cb",
}
_KIN = {
    "srcnn-955": "#3f6fae",
    "drcn-lite": "#86b3ff",
    "srgan-vgg53": "#e2703f",
    "authors-srresnet-mse": "#5b7549",
    "authors-srgan-vgg54": "#b8500a",
}
_OTHERS = ("#c05fa4", "#008f8a", "#8f8f00", "#b04a5a", "#5b6ee1", "#a0722a", "#4f8f4f", "#9a5fd0")

_READABLE = 4.5  # WCAG 2, level AA

_LABELS = {
    "nearest": "NN",
    "srcnn": "SRCNN",
    "srcnn-955": "SRCNN 9-5-5",
    "espcn": "ESPCN",
    "selfexsr": "SelfExSR",
    "drcn": "DRCN",
    "drcn-lite": "DRCN-lite",
    "srresnet-mse": "SRResNet-MSE",
    "srresnet-vgg22": "SRResNet-VGG22",
    "srgan-mse": "SRGAN-MSE",
    "srgan-vgg22": "SRGAN-VGG22",
    "srgan-vgg54": "SRGAN-VGG54",
    "srgan-vgg53": "SRGAN-VGG53",
    "hr": "HR",
    "authors-srresnet-mse": "SRResNet (authors)",
    "authors-srgan-vgg54": "SRGAN (authors)",
}


def colour_of(name: str) -> str:
    """Return the colour of a model, `#rrggbb`: fixed for the known names, by hash of the name for others."""
    base = name.partition("@")[0]
    known = _PAPER.get(base) or _KIN.get(base)
    if known:
        return known
    return _OTHERS[hashlib.sha256(base.encode()).digest()[0] % len(_OTHERS)]


def ink_of(name: str) -> str:
    """Return the model's colour for text on white: darkened where it must be, to a contrast of 4.5:1."""
    shares = [int(colour_of(name)[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    while 1.05 / (_luminance(shares) + 0.05) < _READABLE:
        shares = [0.98 * share for share in shares]
    return "#" + "".join(f"{int(255 * share):02x}" for share in shares)


def _luminance(shares: list[float]) -> float:
    """Relative luminance of an sRGB colour, 0 to 1 (WCAG 2)."""
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def label_of(name: str) -> str:
    """Return the label that the SRGAN paper prints for a model; other names stand for themselves."""
    base, _, variant = name.partition("@")
    label = _LABELS.get(base, base)
    return f"{label} ({variant})" if variant else label


def model_order(name: str) -> tuple[int, str]:
    """Return the sort key of a model: the paper's order, then other names, the original last."""
    known = list(_PAPER)
    if name.partition("@")[0] == "hr":
        return (len(known) + 1, name)
    kin = (
        name.partition("@")[0]
        .removeprefix("authors-")
        .removesuffix("-955")
        .removesuffix("-lite")
        .removesuffix("d")
    )
    return (known.index(kin) if kin in known else len(known), name)
