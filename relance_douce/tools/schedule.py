"""Instalments: a debt cut into amounts, exact to the smallest coin, and their days.

Pure functions over ``Decimal`` and ``date``; they know nothing of the database. Whatever
cannot be cut raises :class:`ScheduleError`, whose ``code`` the caller puts into words.
"""

import calendar
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from itertools import count as count_from
from itertools import islice, takewhile

#: how often an instalment falls due
EVERY = ("week", "fortnight", "month", "month_end")
STEP_DAYS = {"week": 7, "fortnight": 14}
#: nobody signs more instalments: a slip of the keyboard must not fill the memory
MOST = 10_000


class ScheduleError(ValueError):
    """A schedule that cannot be; ``code`` says why, ``values`` with which figures.

    codes: ``amount`` (nothing to divide), ``digits`` (finer than the currency's smallest
    coin, or no number at all), ``count`` (fewer than one instalment), ``long`` (more
    instalments than anybody can follow), ``coins`` (more instalments than coins),
    ``first_amount`` (none, or leaves nothing for the others), ``minimum`` (an instalment
    would be smaller), ``every`` (unknown rhythm), ``months`` (no month is left), ``rest``
    (what is set by hand leaves nothing for the others).
    """

    def __init__(self, code, **values):
        self.code = code
        self.values = values
        super().__init__(f"{code}: {values}" if values else code)


# -- amounts -----------------------------------------------------------------------------
def _coin(digits):
    return Decimal(1).scaleb(-digits)


def exact(value, digits):
    """``value`` as a Decimal of ``digits`` decimals; a float counts as it is written.

    :raise ScheduleError: ``digits`` where it is finer than the smallest coin
    """
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
        cut = number.quantize(_coin(digits))
    except InvalidOperation as error:
        raise ScheduleError("digits", amount=value, digits=digits) from error
    if not number.is_finite() or number != cut:
        raise ScheduleError("digits", amount=value, digits=digits)
    return cut


def _even(amount, count, digits):
    """``count`` parts that differ by one coin at most, the smaller ones first."""
    part, more = divmod(int(amount.scaleb(digits)), count)
    if part < 1:
        raise ScheduleError("coins", amount=amount, count=count)
    _check_count(count)
    return [Decimal(coins).scaleb(-digits) for coins in [part] * (count - more) + [part + 1] * more]


def amounts(amount, count, digits=2, first_amount=None, minimum=None):
    """``amount`` in ``count`` parts as even as can be; their sum is exactly ``amount``.

    :param amount: what is owed, in units of the currency
    :param digits: decimals of the currency
    :param first_amount: the first part, where it is another one
    :param minimum: no part is smaller; a first part asked for by itself may not be either
    :return: list of ``Decimal``
    :raise ScheduleError:
    """
    amount = exact(amount, digits)
    if amount <= 0:
        raise ScheduleError("amount", amount=amount)
    if not isinstance(count, int) or count < 1:
        raise ScheduleError("count", count=count)
    if first_amount is None:
        parts = _even(amount, count, digits)
    else:
        first_amount = exact(first_amount, digits)
        left = amount - first_amount
        if first_amount <= 0 or left < 0 or (left == 0) != (count == 1):
            raise ScheduleError("first_amount", amount=amount, first_amount=first_amount)
        parts = [first_amount] + (_even(left, count - 1, digits) if left else [])
    _check_minimum(parts, minimum)
    return parts


def amounts_of(amount, each, digits=2, first_amount=None, minimum=None):
    """``amount`` in parts of ``each``, the last one what is left.

    A rest below ``minimum`` is shared by the last two parts, or where that does not do, the
    parts become even: never is one larger than ``each``.

    :return: list of ``Decimal``
    :raise ScheduleError:
    """
    amount, each = exact(amount, digits), exact(each, digits)
    if amount <= 0:
        raise ScheduleError("amount", amount=amount)
    if each <= 0:
        raise ScheduleError("amount", amount=each)
    if first_amount is not None:
        first_amount = exact(first_amount, digits)
        if not 0 < first_amount <= amount:
            raise ScheduleError("first_amount", amount=amount, first_amount=first_amount)
        if first_amount == amount:
            return amounts(amount, 1, digits, None, minimum)
        return [
            *amounts(first_amount, 1, digits, None, minimum),
            *amounts_of(amount - first_amount, each, digits, None, minimum),
        ]
    whole, rest = divmod(amount, each)
    _check_count(whole)
    parts = [each] * int(whole) + ([rest] if rest else [])
    floor = Decimal(str(minimum or 0))
    if parts[-1] < floor and len(parts) > 1:
        parts[-2:] = _even(parts[-2] + parts[-1], 2, digits)[::-1]
        if parts[-1] < floor:
            parts = _even(amount, len(parts), digits)
    _check_minimum(parts, minimum)
    return parts


def _check_count(count):
    if count > MOST:
        raise ScheduleError("long", count=count)


def _check_minimum(parts, minimum):
    if minimum and min(parts) < Decimal(str(minimum)):
        raise ScheduleError("minimum", amount=min(parts), minimum=minimum)


def most(amount, minimum, digits=2):
    """The largest number of instalments of which none is below ``minimum``."""
    return max(int(exact(amount, digits) // max(Decimal(str(minimum or 0)), _coin(digits))), 1)


def rebalance(parts, index, value, kept=(), digits=2, minimum=None):
    """``parts`` with another amount at ``index``, the difference shared by the others.

    Parts after ``index`` bear it; where there are none left, those before. What is ``kept``
    (indexes set by hand before) stays. The sum does not change.

    :return: list of ``Decimal``
    :raise ScheduleError: ``rest`` where nothing positive is left for the others
    """
    parts = [exact(part, digits) for part in parts]
    value = exact(value, digits)
    total = sum(parts)
    free = [one for one in range(len(parts)) if one != index and one not in kept]
    later = [one for one in free if one > index]
    bearing = later or free
    left = total - value - sum(part for one, part in enumerate(parts) if one != index and one not in bearing)
    if value <= 0 or (left <= 0 if bearing else left != 0):
        raise ScheduleError("rest", amount=value, total=total)
    parts[index] = value
    if bearing:
        for one, part in zip(bearing, _even(left, len(bearing), digits), strict=True):
            parts[one] = part
    _check_minimum(parts, minimum)
    return parts


# -- days ----------------------------------------------------------------------------------
def _month_day(first, months, last_day):
    """The day of ``first`` so many months later; a month too short ends with its last day."""
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    length = calendar.monthrange(year, month + 1)[1]
    return first.replace(year=year, month=month + 1, day=length if last_day else min(first.day, length))


def dates(count, first, every="month", skipped=()):
    """``count`` days from ``first`` on, rising.

    A month too short for the day of ``first`` takes its last day, the next one has the day
    again (31 January, 28 February, 31 March).

    :param every: ``week``, ``fortnight``, ``month`` or ``month_end`` (last day of each month,
        that of ``first`` included)
    :param skipped: numbers of the months (1 to 12) in which nothing falls due
    :return: list of ``date``
    :raise ScheduleError:
    """
    _check_count(count)
    try:
        return list(islice(_rising(first, every, skipped), count))
    except ScheduleError:
        raise
    except (OverflowError, ValueError) as error:
        # the calendar ends in the year 9999
        raise ScheduleError("long", count=count) from error


def _rising(first, every, skipped):
    """The days of :func:`dates`, without end."""
    if every not in EVERY:
        raise ScheduleError("every", every=every)
    if {*range(1, 13)} <= {*skipped}:
        raise ScheduleError("months")
    for step in count_from():
        if every in STEP_DAYS:
            day = first + timedelta(days=STEP_DAYS[every] * step)
        else:
            day = _month_day(first, step, every == "month_end")
        if day.month not in skipped:
            yield day


def most_until(first, last, every="month", skipped=()):
    """How many days of :func:`dates` lie up to and including ``last``; at most ``MOST``."""
    days = _rising(first, every, skipped)
    return sum(1 for _day in takewhile(lambda day: day <= last, islice(days, MOST)))


def move_closed(days, is_open):
    """``days`` of which closed ones moved to the next open one, still rising.

    :param is_open: function of a date; a year without an open day leaves the day as it is
    """
    moved = []
    for day in days:
        candidate = max(day, moved[-1] + timedelta(days=1)) if moved else day
        openings = (candidate + timedelta(days=offset) for offset in range(366))
        moved.append(next((one for one in openings if is_open(one)), candidate))
    return moved


def split(amount, count, first, every="month", digits=2, first_amount=None, minimum=None):
    """A debt in instalments: even amounts on rising days, exact to the smallest coin.

    :param amount: what is owed, in units of a currency of ``digits`` decimals
    :param count: number of instalments
    :param first: day of the first one
    :param every: see :func:`dates`
    :param first_amount: see :func:`amounts`
    :param minimum: see :func:`amounts`
    :return: list of (``date``, ``Decimal``)
    :raise ScheduleError: with the ``code`` of what cannot be
    """
    parts = amounts(amount, count, digits, first_amount, minimum)
    return list(zip(dates(len(parts), first, every), parts, strict=True))


# -- payments ------------------------------------------------------------------------------
def impute(parts, payments, tolerance=lambda part: 0):
    """Payments imputed to instalments in order.

    An instalment is settled once it is paid, or short by less than ``tolerance``. What such
    instalments lack is made up for by what later payments leave over.

    :param parts: amounts of the instalments
    :param payments: amounts received, oldest first
    :param tolerance: function of an instalment: a shortage below it counts as paid
    :return: list of (amount paid, index of the payment that settled the instalment or None,
        dict index of payment → its share)
    """
    shares = [{} for _part in parts]
    settled = [None] * len(parts)
    current = 0

    def give(number, left, part):
        """Let payment ``number`` pay what ``part`` lacks; return what is left over."""
        share = min(left, parts[part] - sum(shares[part].values()))
        if share > 0:
            shares[part][number] = shares[part].get(number, Decimal(0)) + share
        return left - share

    def make_up(number, left):
        """Fill what settled instalments still lack; return what is left over."""
        for earlier in range(current):
            left = give(number, left, earlier)
        return left

    for number, payment in enumerate(payments):
        left = max(Decimal(payment), Decimal(0))
        while left > 0 and current < len(parts):
            left = give(number, left, current)
            short = parts[current] - sum(shares[current].values())
            if short and short >= tolerance(parts[current]):
                break
            settled[current] = number
            current += 1
            left = make_up(number, left)
        make_up(number, left)
    return [(sum(share.values(), Decimal(0)), by, share) for share, by in zip(shares, settled, strict=True)]
