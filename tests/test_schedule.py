"""The arithmetic of instalments: whatever is asked for, exact to the smallest coin or refused."""

import calendar
import math
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from odoo.addons.relance_douce.tools import schedule
from odoo.addons.relance_douce.tools.schedule import EVERY, ScheduleError

D = Decimal

often = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)

DIGITS = st.sampled_from([0, 2, 3])
DATES = st.one_of(
    st.dates(date(2000, 1, 1), date(2199, 12, 31)),
    # where calendars go wrong
    st.sampled_from(
        [
            date(year, month, calendar.monthrange(year, month)[1] - back)
            for year in (2023, 2024, 2028, 2096, 2100)
            for month in (1, 2, 4, 8, 12)
            for back in (0, 1, 2)
        ]
    ),
)
SKIPPED = st.sets(st.integers(1, 12), max_size=11)


@st.composite
def money(draw, digits, most=10**9):
    """An amount of at least one coin."""
    return D(draw(st.one_of(st.integers(1, 2000), st.integers(1, most)))).scaleb(-digits)


def coin(digits):
    return D(1).scaleb(-digits)


def refused(code, function, *args, **kwargs):
    with pytest.raises(ScheduleError) as caught:
        function(*args, **kwargs)
    assert caught.value.code == code, caught.value
    return caught.value


def code_of(function, *args, **kwargs):
    """What is refused and why, or None with the result."""
    try:
        return None, function(*args, **kwargs)
    except ScheduleError as error:
        return error.code, None


# -- amounts ---------------------------------------------------------------------------------
@often
@given(st.data())
def test_any_amount_in_any_number(data):
    """Cut exactly, evenly and not below the minimum; refused with the reason, and only then."""
    digits = data.draw(DIGITS)
    amount = data.draw(money(digits))
    count = data.draw(st.integers(1, 60))
    first_amount = data.draw(st.none() | money(digits, 10**6))
    minimum = data.draw(st.none() | money(digits, 10**5))

    coins = int(amount.scaleb(digits))
    others = count if first_amount is None else count - 1
    left = coins if first_amount is None else coins - int(first_amount.scaleb(digits))
    if first_amount is not None and (left < 0 or (left == 0) != (others == 0)):
        expected = "first_amount"
    elif left < others:
        expected = "coins"
    else:
        smallest = [D(left // others).scaleb(-digits)] if others else []
        smallest += [first_amount] if first_amount is not None else []
        expected = "minimum" if minimum and min(smallest) < minimum else None

    code, parts = code_of(schedule.amounts, amount, count, digits, first_amount, minimum)
    assert code == expected
    if parts is None:
        return
    assert sum(parts) == amount
    assert len(parts) == count
    assert all(isinstance(part, D) and part.as_tuple().exponent == -digits for part in parts)
    assert all(part > 0 for part in parts)
    even = parts if first_amount is None else parts[1:]
    if even:
        assert max(even) - min(even) <= coin(digits)
        assert even == sorted(even)
    if first_amount is not None:
        assert parts[0] == first_amount
    if minimum:
        assert min(parts) >= minimum


@often
@given(st.data())
def test_any_amount_in_parts_of(data):
    """``amounts_of``: exact, never more than he can pay, and possible wherever it is possible."""
    digits = data.draw(DIGITS)
    each = data.draw(money(digits, 10**6))
    amount = data.draw(st.integers(1, 40 * int(each.scaleb(digits))).map(lambda n: D(n).scaleb(-digits)))
    minimum = data.draw(st.none() | money(digits, 10**6))
    first_amount = data.draw(st.none() | money(digits, 10**6))

    coins, least = int(amount.scaleb(digits)), int((minimum or 0).scaleb(digits)) if minimum else 1
    expected = None
    if first_amount is not None:
        if first_amount > amount:
            expected = "first_amount"
        elif minimum and first_amount < minimum:
            expected = "minimum"
        coins -= int(first_amount.scaleb(digits))
    if expected is None and coins:
        # the fewest parts none of which is larger than each: their even share decides
        fewest = -(-coins // int(each.scaleb(digits)))
        if coins // fewest < least:
            expected = "minimum"

    code, parts = code_of(schedule.amounts_of, amount, each, digits, first_amount, minimum)
    assert code == expected
    if parts is None:
        return
    assert sum(parts) == amount
    assert all(part.as_tuple().exponent == -digits and part > 0 for part in parts)
    if first_amount is not None:
        assert parts[0] == first_amount
        parts = parts[1:]
    assert all(part <= each for part in parts)
    if minimum:
        assert all(part >= minimum for part in parts)
    if parts:
        # no instalment more than it takes
        assert len(parts) == math.ceil(Fraction(sum(parts)) / Fraction(each))
        assert parts == sorted(parts, reverse=True) or max(parts) - min(parts) <= coin(digits)


@often
@given(st.data())
def test_the_largest_number_of_instalments(data):
    digits = data.draw(DIGITS)
    amount = data.draw(money(digits, 10**5))
    minimum = data.draw(money(digits, 10**5))
    count = schedule.most(amount, minimum, digits)
    assert count >= 1
    if amount >= minimum and count <= schedule.MOST:
        assert min(schedule.amounts(amount, count, digits)) >= minimum
        if amount >= coin(digits) * (count + 1):
            assert code_of(schedule.amounts, amount, count + 1, digits, None, minimum)[0] == "minimum"


def test_no_minimum_leaves_one_coin_each():
    assert schedule.most(D("0.05"), 0) == 5
    assert schedule.most(D("0.05"), None) == 5
    assert schedule.most(D("10"), D("50")) == 1


@pytest.mark.parametrize(
    ("amount", "count", "digits", "expected"),
    [
        (1000, 3, 2, ["333.33", "333.33", "333.34"]),
        ("1000.00", 3, 2, ["333.33", "333.33", "333.34"]),
        (1000.0, 6, 2, ["166.66", "166.66", "166.67", "166.67", "166.67", "166.67"]),
        (1000, 3, 0, ["333", "333", "334"]),
        (D("10.000"), 3, 3, ["3.333", "3.333", "3.334"]),
        (D("0.03"), 3, 2, ["0.01", "0.01", "0.01"]),
        (0.1, 1, 2, ["0.10"]),
        # binary floats that are no round number: 0.1 × 3 is not asked for, 1234.56 is
        (1234.56, 5, 2, ["246.91", "246.91", "246.91", "246.91", "246.92"]),
        (999999999999.99, 2, 2, ["499999999999.99", "500000000000.00"]),
    ],
)
def test_by_hand(amount, count, digits, expected):
    parts = schedule.amounts(amount, count, digits)
    assert [str(part) for part in parts] == expected


@pytest.mark.parametrize(
    ("amount", "each", "minimum", "expected"),
    [
        (1200, 500, None, ["500.00", "500.00", "200.00"]),
        # a rest too small is shared by the last two …
        (1220, 500, 50, ["500.00", "500.00", "220.00"]),
        (1020, 500, 50, ["500.00", "260.00", "260.00"]),
        (1010.01, 500, 50, ["500.00", "255.01", "255.00"]),
        # … and where that does not do, all are even
        (1010, 500, 300, ["336.66", "336.67", "336.67"]),
        (400, 500, None, ["400.00"]),
        (500, 500, 500, ["500.00"]),
    ],
)
def test_parts_of_by_hand(amount, each, minimum, expected):
    assert [str(part) for part in schedule.amounts_of(amount, each, minimum=minimum)] == expected


@pytest.mark.parametrize("digits", [0, 2, 3])
def test_what_is_no_amount(digits):
    smallest = coin(digits)
    for function in (schedule.amounts, schedule.amounts_of):
        for amount in (0, 0.0, -1, D("-0.0"), -smallest, -1000):
            refused("amount", function, amount, 2, digits)
        for amount in (
            smallest / 10,
            1 + smallest / 10,
            0.1 + 0.2 if digits == 2 else 0.00001,
            float("nan"),
            float("inf"),
            float("-inf"),
            D("NaN"),
            D("sNaN"),
            D("Infinity"),
            "",
            "mille",
            "1 000",
            "10,50",
            None,
            D("1e40"),
        ):
            refused("digits", function, amount, 2, digits)
    for each in (0, -5):
        refused("amount", schedule.amounts_of, 1000, each, digits)
    refused("digits", schedule.amounts_of, 1000, float("nan"), digits)


def test_what_is_no_count():
    for count in (0, -1, -(10**12), 2.0, 2.5, "3", None, D(3)):
        refused("count", schedule.amounts, 1000, count)
        refused("count", schedule.split, 1000, count, date(2026, 1, 31))


def test_more_instalments_than_coins():
    assert len(schedule.amounts(D("0.05"), 5)) == 5
    refused("coins", schedule.amounts, D("0.05"), 6)
    refused("coins", schedule.amounts, D("10.00"), 1001)
    refused("coins", schedule.amounts, D("10.00"), 10**30)
    refused("coins", schedule.amounts, 10, 11, 0)
    refused("coins", schedule.amounts, D("0.010"), 11, 3)
    refused("coins", schedule.amounts, 1000, 3, 2, D("999.99"))


def test_a_slip_of_the_keyboard_fills_no_memory():
    refused("long", schedule.amounts, 10**9, 10**8)
    refused("long", schedule.amounts_of, 10**9, D("0.01"))
    refused("long", schedule.dates, 10**8, date(2026, 1, 1))
    # the calendar ends before
    refused("long", schedule.dates, 9000, date(2026, 1, 1), "month_end", range(2, 13))
    refused("long", schedule.dates, 3, date(9999, 12, 15))
    refused("long", schedule.dates, 3, date(9999, 12, 25), "week")


def test_a_first_payment_leaves_something_for_the_others():
    for first_amount in (0, -1, 1000, 1000.01, 5000):
        refused("first_amount", schedule.amounts, 1000, 3, 2, first_amount)
    refused("first_amount", schedule.amounts, 1000, 1, 2, 400)
    refused("digits", schedule.amounts, 1000, 3, 2, 0.001)
    refused("digits", schedule.amounts, 1000, 3, 2, float("nan"))
    refused("minimum", schedule.amounts, 1000, 3, 2, 20, 50)
    assert schedule.amounts(1000, 1, 2, 1000) == [1000]
    assert schedule.amounts(1000, 3, 2, 400) == [400, 300, 300]
    for first_amount in (0, -1, 1000.01):
        refused("first_amount", schedule.amounts_of, 1000, 300, 2, first_amount)
    assert schedule.amounts_of(1000, 300, 2, 1000) == [1000]
    assert schedule.amounts_of(1000, 300, 2, 400) == [400, 300, 300]


# -- days ------------------------------------------------------------------------------------
@often
@given(DATES, st.integers(1, 60), st.sampled_from(EVERY), SKIPPED)
def test_any_days(first, count, every, skipped):
    days = schedule.dates(count, first, every, skipped)
    assert len(days) == count
    assert days == sorted(set(days))
    assert not {day.month for day in days} & skipped
    step = schedule.STEP_DAYS.get(every)
    if step:
        assert all((day - first).days % step == 0 for day in days)
        assert days[0] >= first
        # none is left out but those of the months without payment
        passed = ((days[-1] - first).days // step) + 1
        asked = [first + timedelta(days=step * number) for number in range(passed)]
        assert days == [day for day in asked if day.month not in skipped]
        return
    assert (days[0].year, days[0].month) >= (first.year, first.month)
    for day in days:
        length = calendar.monthrange(day.year, day.month)[1]
        assert day.day == (length if every == "month_end" else min(first.day, length))
    for day, following in pairwise(days):
        between = (following.year - day.year) * 12 + following.month - day.month
        missing = [(day.month - 1 + number) % 12 + 1 for number in range(1, between)]
        assert set(missing) <= skipped


@pytest.mark.parametrize(
    ("first", "every", "expected"),
    [
        (date(2026, 1, 31), "month", ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]),
        (date(2028, 1, 31), "month", ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]),
        (date(2100, 1, 29), "month", ["2100-01-29", "2100-02-28", "2100-03-29", "2100-04-29"]),
        (date(2028, 2, 29), "month", ["2028-02-29", "2028-03-29", "2028-04-29", "2028-05-29"]),
        (date(2026, 11, 30), "month", ["2026-11-30", "2026-12-30", "2027-01-30", "2027-02-28"]),
        (date(2026, 1, 15), "month_end", ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]),
        (date(2027, 12, 31), "month_end", ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"]),
        (date(2026, 12, 24), "week", ["2026-12-24", "2026-12-31", "2027-01-07", "2027-01-14"]),
        (date(2028, 2, 15), "fortnight", ["2028-02-15", "2028-02-29", "2028-03-14", "2028-03-28"]),
    ],
)
def test_days_by_hand(first, every, expected):
    assert [str(day) for day in schedule.dates(4, first, every)] == expected


def test_february_comes_back_after_four_years():
    days = schedule.dates(61, date(2024, 2, 29))
    assert [day for day in days if day.month == 2] == [
        date(2024, 2, 29),
        date(2025, 2, 28),
        date(2026, 2, 28),
        date(2027, 2, 28),
        date(2028, 2, 29),
        date(2029, 2, 28),
    ]


def test_months_without_payment():
    days = schedule.dates(4, date(2026, 6, 30), "month_end", (7, 8))
    assert [str(day) for day in days] == ["2026-06-30", "2026-09-30", "2026-10-31", "2026-11-30"]
    days = schedule.dates(3, date(2026, 7, 20), "week", (7, 8))
    assert [str(day) for day in days] == ["2026-09-07", "2026-09-14", "2026-09-21"]
    refused("months", schedule.dates, 1, date(2026, 1, 1), "month", range(1, 13))
    refused("months", schedule.dates, 1, date(2026, 1, 1), "week", list(range(13)))


def test_unknown_rhythm():
    for every in ("year", "", None, "Month"):
        refused("every", schedule.dates, 3, date(2026, 1, 1), every)
        refused("every", schedule.split, 1000, 3, date(2026, 1, 1), every)


@often
@given(DATES, st.integers(0, 800), st.sampled_from(EVERY), SKIPPED)
def test_as_many_days_as_fit(first, length, every, skipped):
    last = first + timedelta(days=length)
    count = schedule.most_until(first, last, every, skipped)
    days = schedule.dates(count + 1, first, every, skipped)
    assert days[-1] > last
    assert all(day <= last for day in days[:-1])


@often
@given(DATES, st.integers(1, 40), st.sampled_from(EVERY), st.sets(st.integers(0, 6), max_size=6), st.data())
def test_closed_days_move(first, count, every, closed, data):
    days = schedule.dates(count, first, every)
    holidays = data.draw(st.sets(st.sampled_from(days), max_size=5))

    def is_open(day):
        return day.weekday() not in closed and day not in holidays

    moved = schedule.move_closed(days, is_open)
    assert moved == sorted(set(moved))
    for day, other in zip(days, moved, strict=True):
        assert other >= day
        assert is_open(other)
    # moves no day that need not move
    for number, day in enumerate(days):
        if is_open(day) and (not number or moved[number - 1] < day):
            assert moved[number] == day


def test_closed_for_good():
    days = schedule.dates(3, date(2026, 1, 31))
    assert schedule.move_closed(days, lambda day: False) == days
    assert schedule.move_closed([], lambda day: False) == []


def test_a_long_closure_keeps_the_order():
    days = schedule.dates(3, date(2026, 8, 3), "week")
    moved = schedule.move_closed(days, lambda day: day >= date(2026, 8, 24) and day.weekday() < 5)
    assert [str(day) for day in moved] == ["2026-08-24", "2026-08-25", "2026-08-26"]


@often
@given(st.data())
def test_split(data):
    digits = data.draw(DIGITS)
    amount = data.draw(money(digits))
    first = data.draw(DATES)
    every = data.draw(st.sampled_from(EVERY))
    count = data.draw(st.integers(1, 48))
    minimum = data.draw(st.none() | money(digits, 10**4))
    first_amount = data.draw(st.none() | money(digits, 10**4))
    code, lines = code_of(schedule.split, amount, count, first, every, digits, first_amount, minimum)
    assert code == code_of(schedule.amounts, amount, count, digits, first_amount, minimum)[0]
    if code is None:
        days, parts = zip(*lines, strict=True)
        assert list(days) == schedule.dates(count, first, every)
        assert list(parts) == schedule.amounts(amount, count, digits, first_amount, minimum)
        assert sum(parts) == amount


def test_split_by_hand():
    assert schedule.split(1000, 3, date(2026, 1, 31)) == [
        (date(2026, 1, 31), D("333.33")),
        (date(2026, 2, 28), D("333.33")),
        (date(2026, 3, 31), D("333.34")),
    ]
    assert schedule.split(1000, 3, date(2026, 1, 10), "month_end", 0) == [
        (date(2026, 1, 31), D(333)),
        (date(2026, 2, 28), D(333)),
        (date(2026, 3, 31), D(334)),
    ]
    refused("minimum", schedule.split, 100, 3, date(2026, 1, 31), minimum=50)


# -- changed by hand -------------------------------------------------------------------------
@often
@given(st.data())
def test_rebalance(data):
    digits = data.draw(DIGITS)
    parts = data.draw(st.lists(money(digits, 10**5), min_size=1, max_size=12))
    index = data.draw(st.integers(0, len(parts) - 1))
    kept = data.draw(st.sets(st.integers(0, len(parts) - 1)))
    value = data.draw(st.one_of(money(digits, 10**5), st.just(parts[index]), st.just(D(0)), st.just(D(-1))))
    minimum = data.draw(st.none() | money(digits, 10**3))
    before = list(parts)
    code, after = code_of(schedule.rebalance, parts, index, value, kept, digits, minimum)
    assert parts == before, "what was given is not changed"

    free = [one for one in range(len(parts)) if one != index and one not in kept]
    bearing = [one for one in free if one > index] or free
    left = parts[index] + sum(parts[one] for one in bearing) - value
    if code == "rest":
        assert value <= 0 or left <= 0 or not bearing
        return
    if code == "coins":
        assert bearing
        assert left < coin(digits) * len(bearing)
        return
    if code == "minimum":
        assert min([value] + parts + [left / len(bearing) if bearing else value]) < minimum
        return
    assert code is None
    assert sum(after) == sum(parts)
    assert after[index] == value
    assert all(part > 0 for part in after)
    changed = {one for one, part in enumerate(after) if part != parts[one]}
    assert changed <= {index, *bearing}
    if bearing:
        shares = [after[one] for one in bearing]
        assert max(shares) - min(shares) <= coin(digits)
    if minimum:
        assert min(after) >= minimum


def test_rebalance_by_hand():
    assert schedule.rebalance([300, 300, 300], 0, 500) == [500, 200, 200]
    assert schedule.rebalance([300, 300, 300], 1, 200) == [300, 200, 400]
    # the last one: those before bear it
    assert schedule.rebalance([300, 300, 300], 2, 100) == [400, 400, 100]
    assert schedule.rebalance([300, 300, 300], 2, 100, kept=[0]) == [300, 500, 100]
    assert schedule.rebalance([300, 300, 300], 0, 100, kept=[1]) == [100, 300, 500]
    assert schedule.rebalance([100], 0, 100) == [100]
    refused("rest", schedule.rebalance, [100], 0, 90)
    refused("rest", schedule.rebalance, [300, 300, 300], 0, 900)
    refused("rest", schedule.rebalance, [300, 300, 300], 0, 0)
    refused("rest", schedule.rebalance, [300, 300, 300], 2, 100, [0, 1])
    refused("minimum", schedule.rebalance, [300, 300, 300], 0, 850, (), 2, 50)
    refused("digits", schedule.rebalance, [300, 300], 0, 0.001)
    refused("digits", schedule.rebalance, [300, 300], 0, float("nan"))


# -- payments ----------------------------------------------------------------------------------
def percent(share):
    return lambda part: part * D(share) / 100


PARTS = st.lists(st.integers(1, 50_000).map(lambda n: D(n).scaleb(-2)), min_size=1, max_size=10)
PAYMENTS = st.lists(st.integers(0, 60_000).map(lambda n: D(n).scaleb(-2)), max_size=12)
TOLERANCES = st.sampled_from(["0", "0.5", "2", "10", "50"]).map(percent)


@often
@given(PARTS, PAYMENTS, TOLERANCES)
def test_impute_loses_and_invents_nothing(parts, payments, tolerance):
    result = schedule.impute(parts, payments, tolerance)
    paid = [one for one, _by, _shares in result]
    settled = [by for _one, by, _shares in result]
    assert len(result) == len(parts)
    assert all(0 <= one <= part for one, part in zip(paid, parts, strict=True))
    assert sum(paid) == min(sum(payments), sum(parts))
    # in order: nothing for an instalment before those ahead of it are settled
    open_ones = [number for number, by in enumerate(settled) if by is None]
    assert open_ones == list(range(len(parts) - len(open_ones), len(parts)))
    assert all(paid[number] == 0 for number in open_ones[1:])
    done = [by for by in settled if by is not None]
    assert done == sorted(done)
    for number, part in enumerate(parts):
        short = part - paid[number]
        assert (settled[number] is not None) == (short == 0 or (paid[number] > 0 and short < tolerance(part)))
    # it is known whose money it was: no payment gives more than it has
    assert [sum(shares.values()) for _paid, _by, shares in result] == paid
    for number, payment in enumerate(payments):
        given = [shares[number] for _paid, _by, shares in result if number in shares]
        assert all(share > 0 for share in given)
        assert sum(given) <= payment
    # a shortage stays only where nothing was left over to make it up
    if sum(payments) >= sum(parts):
        assert paid == parts


@often
@given(PARTS, PAYMENTS, PAYMENTS, TOLERANCES)
def test_impute_goes_forward_with_each_payment(parts, payments, more, tolerance):
    """The next payment takes nothing away from what the ones before did."""
    before = schedule.impute(parts, payments, tolerance)
    after = schedule.impute(parts, payments + more, tolerance)
    for (paid, by, shares), (paid_after, by_after, shares_after) in zip(before, after, strict=True):
        assert paid_after >= paid
        assert shares.items() <= shares_after.items()
        assert by is None or by_after == by


@often
@given(PARTS, PAYMENTS)
def test_impute_without_tolerance_is_plain_arithmetic(parts, payments):
    """However it came in, an instalment is paid by what exceeds those before it."""
    result = schedule.impute(parts, payments)
    received = sum(payments)
    before = D(0)
    for part, (paid, by, _shares) in zip(parts, result, strict=True):
        assert paid == min(max(received - before, 0), part)
        before += part
        if by is not None:
            assert sum(payments[: by + 1]) >= before > sum(payments[:by])


@often
@given(PARTS, PAYMENTS, st.randoms(use_true_random=False))
def test_order_of_payments_changes_no_sum(parts, payments, random):
    assume(payments)
    other = list(payments)
    random.shuffle(other)
    sums = [sum(paid for paid, *_by in schedule.impute(parts, one, percent(2))) for one in (payments, other)]
    assert sums[0] == sums[1]


@pytest.mark.parametrize(
    ("payments", "expected"),
    [
        ([], [(0, None), (0, None), (0, None)]),
        ([300], [(300, None), (0, None), (0, None)]),
        ([500], [(500, 0), (0, None), (0, None)]),
        ([300, 200], [(500, 1), (0, None), (0, None)]),
        ([700], [(500, 0), (200, None), (0, None)]),
        ([1500], [(500, 0), (500, 0), (500, 0)]),
        ([2000], [(500, 0), (500, 0), (500, 0)]),
        # short by 1.98 %, by 2 %, by 3 %
        (["490.10"], [("490.10", 0), (0, None), (0, None)]),
        ([490], [(490, None), (0, None), (0, None)]),
        ([485], [(485, None), (0, None), (0, None)]),
        # the next payment goes to its own instalment, what it leaves over to the rest
        ([492, 500], [(492, 0), (500, 1), (0, None)]),
        ([492, 508], [(500, 0), (500, 1), (0, None)]),
        ([492, 1000], [(500, 0), (500, 1), (492, 1)]),
        ([492, 492, 492], [(492, 0), (492, 1), (492, 2)]),
        ([492, 492, 492, 10], [(500, 0), (494, 1), (492, 2)]),
        ([492, 492, 492, 24], [(500, 0), (500, 1), (500, 2)]),
        # nothing came, or it went back
        ([0, -50, 500], [(500, 2), (0, None), (0, None)]),
        ([500, -50], [(500, 0), (0, None), (0, None)]),
    ],
)
def test_impute_by_hand(payments, expected):
    parts = [D(500)] * 3
    result = schedule.impute(parts, [D(one) for one in payments], percent(2))
    assert [(paid, by) for paid, by, _shares in result] == [(D(paid), by) for paid, by in expected]


def test_whose_money_it_was():
    result = schedule.impute([D(500)] * 3, [D(492), D(300), D(708)], percent(2))
    assert [shares for _paid, _by, shares in result] == [{0: 492, 2: 8}, {1: 300, 2: 200}, {2: 500}]


def test_thousands_of_instalments_stay_exact():
    parts = schedule.amounts(D("123456.78"), 9999)
    assert sum(parts) == D("123456.78")
    assert sum(map(Fraction, parts)) == Fraction(12345678, 100)
