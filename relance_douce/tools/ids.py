"""Ids as they come from outside."""

#: the largest id that the database can hold
LARGEST = 2**63 - 1


def plausible(values):
    """Those of ``values`` that can be ids: positive whole numbers, in their order.

    Whatever else a caller over the network makes of a list of ids names no record.
    """
    if not isinstance(values, (list, tuple, set, frozenset)):
        return []
    return [value for value in values if type(value) is int and 0 < value <= LARGEST]


def without_junk(condition):
    """A condition of a domain on ``id`` without what cannot be an id; others as they are."""
    operator = {"=": "in", "!=": "not in"}.get(condition.operator, condition.operator)
    if condition.field_expr != "id" or operator not in ("in", "not in"):
        return condition
    values = condition.value if operator == condition.operator else [condition.value]
    if isinstance(values, str):
        values = []
    try:
        values = list(values)
    except TypeError:
        return condition  # a query of the host
    return type(condition)("id", operator, plausible(values))
