"""Work that another transaction may overtake."""

import logging

from psycopg2 import errors as pg_errors

from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import mute_logger

#: another transaction was quicker: the same may well succeed in a moment
LOST_RACES = (*PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, pg_errors.UniqueViolation)


def again_if_lost(env, work, tries=3):
    """Do ``work``; where another transaction was quicker, once more on what it left.

    Each new try begins with a rollback: only what was committed before counts.

    :param work: function without arguments; what it wrote is flushed
    :raise: the last of :data:`LOST_RACES`, once all ``tries`` were lost; anything else at once
    :return: what ``work`` returns
    """
    for left in reversed(range(tries)):
        try:
            # its log line would read as an error; a lost race is none
            with mute_logger("odoo.sql_db"):
                result = work()
                env.flush_all()
                return result
        except LOST_RACES:
            if not left:
                raise
            env.cr.rollback()
    return None


def done_or_logged(env, work, logger, what, lost_level=logging.INFO):
    """What ``work`` returns; None, and nothing of it kept, where it fails: the log says so.

    :param what: what ``work`` is, for whoever reads the log
    :param lost_level: how loud a lost race is told; any other failure is an error
    """
    try:
        return again_if_lost(env, work)
    except LOST_RACES:
        env.cr.rollback()
        logger.log(lost_level, "%s has to wait: another transaction was quicker", what, exc_info=True)
    except Exception:
        env.cr.rollback()
        logger.exception("%s failed", what)
    return None
