"""The commands of `bench`: each is a thin layer over a function, imported when it runs."""

from bench.commands.comparing import COMPARE, FID, GRID
from bench.commands.finding import DATASETS, FETCH, METRICS, MODELS
from bench.commands.running import RUN
from bench.commands.scoring import SCORE
from bench.commands.sharing import PAGE, PUBLISH, PULL
from bench.commands.tending import CLEAN, REPORT

COMMANDS = [
    RUN,
    SCORE,
    REPORT,
    COMPARE,
    GRID,
    PUBLISH,
    PULL,
    FID,
    PAGE,
    CLEAN,
    DATASETS,
    MODELS,
    METRICS,
    FETCH,
]
