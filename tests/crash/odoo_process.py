"""The start of every process of this house that uses the ORM beside the cron servers."""

import sys
from contextlib import contextmanager

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tools import config


def connect():
    """Read the configuration and the name of the database from the command line."""
    conf, name = sys.argv[1:3]
    config.parse_config(["-c", conf, "-d", name, "--log-level", "critical"], setup_logging=True)
    return name


@contextmanager
def transaction(name, **context):
    """An environment of the superuser, committed at the end."""
    with Registry(name).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True, **context})
        yield env
        env.flush_all()
