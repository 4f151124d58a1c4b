"""Work that another transaction may overtake."""

from psycopg2 import Error as DatabaseError

from odoo.tools import mute_logger


def again_if_lost(cr, work, errors=DatabaseError, tries=3):
    """Do ``work``; where another transaction was quicker, once more on what it left.

    Each new try begins with a rollback: only what was committed before counts.

    :param work: function without arguments; it flushes what it wrote
    :param errors: exceptions that mean a lost race
    :raise: the last error, once all ``tries`` were lost
    :return: what ``work`` returns
    """
    for left in reversed(range(tries)):
        try:
            # its log line would read as an error; a lost race is none
            with mute_logger("odoo.sql_db"):
                return work()
        except errors:
            if not left:
                raise
            cr.rollback()
    return None
