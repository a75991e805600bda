"""The `mos` commands that make, run and empty a study. Each is a thin layer over a function."""

from mos_app.commands.changing import EDIT, EXTEND, PAUSE, RESUME
from mos_app.commands.making import NEW
from mos_app.commands.running import INVITE, REHEARSE, SERVE
from mos_app.commands.tending import BACKUP, CLOSE, EXPORT, FORGET, IMPORT, RESTORE, STATUS

STUDY_COMMANDS = [
    NEW,
    INVITE,
    REHEARSE,
    SERVE,
    STATUS,
    EDIT,
    PAUSE,
    RESUME,
    EXTEND,
    CLOSE,
    EXPORT,
    IMPORT,
    FORGET,
    BACKUP,
    RESTORE,
]
