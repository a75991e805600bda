"""The least that upscaling three sets can take: decode HR, make LR, call the model, drop what it made.

SRMOS_DATA=... python benchmarks/bare_run.py MODEL DATASET...
"""

import sys

from sr_models.data.dataset import load_sample, open_dataset
from sr_models.models import find_model


def main() -> None:
    """Run the model alone."""
    name, *datasets = sys.argv[1:]
    upscale = find_model(name).build(4)
    for dataset in datasets:
        for picture in open_dataset(dataset, 4, "matlab"):
            upscale(load_sample(picture, "matlab").lr)


if __name__ == "__main__":
    main()
