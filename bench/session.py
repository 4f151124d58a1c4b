"""One Odoo environment outside the server: no requests, no scheduled actions."""

import contextlib
import threading
from datetime import datetime
from datetime import time as clock_time

import pytz

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tools import config

PARIS = pytz.timezone("Europe/Paris")


@contextlib.contextmanager
def environment(conf, database, log):
    """The environment in which a scheduled action works, in French.

    :param log: file of Odoo's warnings
    """
    options = ["-c", str(conf), "-d", database, "--no-http", "--log-level=warn", "--logfile", str(log)]
    config.parse_config(options, setup_logging=True)
    threading.current_thread().dbname = database
    with Registry(database).cursor() as cr:
        yield api.Environment(cr, SUPERUSER_ID, {"lang": "fr_FR", "tz": PARIS.zone})


def moment(day, hour=11):
    """Naive UTC of that hour in Paris."""
    local = PARIS.localize(datetime.combine(day, clock_time(hour)))
    return local.astimezone(pytz.utc).replace(tzinfo=None)
