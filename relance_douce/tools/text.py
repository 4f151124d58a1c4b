"""Text: dates in words as a letter writes them, and what strangers typed."""

import re

from odoo.tools import consteq, format_date
from odoo.tools.misc import verify_hash_signed


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


def read_signed_token(env, scope, token):
    """What a signed token of the host holds; None where it is wrong, too old or not as it was issued.

    The host's decoder skips whatever it does not know: a link with a null byte or a line break
    in it would open what the true one opens.

    :param token: whatever somebody sent
    """
    if not isinstance(token, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", token):
        return None
    try:
        # the key that it was signed with is the database's
        return verify_hash_signed(env(su=True), scope, token)
    except (ValueError, IndexError):
        return None


def same_secret(given, kept):
    """Whether two secrets are the same, in constant time, whatever was typed."""
    return consteq(str(given or "").encode(), str(kept or "").encode())


def typed(text, size=1000):
    """What a stranger typed, as text that the database takes, at most ``size`` characters."""
    return str(text or "").replace("\x00", "").strip()[:size]
