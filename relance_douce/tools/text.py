"""Dates in words, as a letter writes them."""

from odoo.tools import format_date


def long_date(env, date):
    """“3 mars 2026”, “1er mars 2026”, “3 March 2026”: the date in full, in the language of ``env``.

    :param env: environment whose ``lang`` decides
    :param date: ``datetime.date``, or a false value for an empty string
    """
    if not date:
        return ""
    text = format_date(env, date, date_format="d MMMM yyyy")
    if date.day == 1 and (env.context.get("lang") or "").startswith("fr"):
        # in French the first day of a month is an ordinal
        text = text.replace("1", "1er", 1)
    return text
