"""Exactly once, while processes are killed, the mail server fails and people pay.

    dev/test --slow tests/test_crash.py -s            three seeds
    RELANCE_SEED=7 dev/test --slow tests/test_crash.py -s

With ``-s`` each run says what it did and found.
"""

import json
import os
import time

import pytest

from odoo.tools import config

from .crash.audit import Audit
from .crash.house import DATABASE_KILLS, KILLS, House

SEEDS = [int(seed) for seed in os.environ.get("RELANCE_SEED", "1,2,3").split(",")]


@pytest.mark.relance_slow
@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_once_under_kill_9(seed):
    origin = config["db_name"]
    origin = origin[0] if isinstance(origin, list) else origin
    started = time.monotonic()
    with House(seed, origin) as house:
        with house.office():
            house.live()
        house.come_to_rest()
        audit = Audit(house)
        figures = {"seed": seed, **audit.figures, "seconds": round(time.monotonic() - started)}
        print(json.dumps(figures, indent=1, ensure_ascii=False))  # noqa: T201
        keep = os.environ.get("RELANCE_CRASH_LOGS")
        if keep:
            house.keep_logs(os.path.join(keep, str(seed)))
    assert house.counts["database"] == DATABASE_KILLS
    assert house.counts["master"] + house.counts["worker"] == KILLS
    assert not audit.wrong, "\n".join(audit.wrong[:40])
