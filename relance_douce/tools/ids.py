"""Ids as they come from outside."""

from collections.abc import Set

from odoo.tools import SQL, Query

#: the largest id that the database can hold
LARGEST = 2**63 - 1


def plausible(values):
    """Those of ``values`` that can be ids: positive whole numbers, in their order.

    Whatever else a caller over the network makes of a list of ids names no record.
    """
    if not isinstance(values, (list, tuple, Set)):
        return []
    return [value for value in values if type(value) is int and 0 < value <= LARGEST]


def without_junk(condition):
    """A condition of a domain on ``id`` without what cannot be an id; others as they are."""
    operator = {"=": "in", "!=": "not in"}.get(condition.operator, condition.operator)
    if condition.field_expr != "id" or operator not in ("in", "not in"):
        return condition
    if isinstance(condition.value, (Query, SQL)):
        return condition
    values = condition.value if operator == condition.operator else [condition.value]
    return type(condition)("id", operator, plausible(values))
