"""`python -m mos_app` is `mos`."""

from mos_app.cli import main

raise SystemExit(main())
