"""French public holidays (code du travail, L3133-1; Alsace and Moselle, L3134-13)."""

from datetime import date, timedelta

from dateutil.easter import easter

#: days after Easter Sunday
GOOD_FRIDAY, EASTER_MONDAY, ASCENSION, WHIT_MONDAY = -2, 1, 39, 50


def french_holidays(year, alsace_moselle=False):
    """The public holidays of ``year``, in order.

    :param year: int, e.g. 2026
    :param alsace_moselle: with the two days of the local law of these departments
    :return: list of (``datetime.date``, code); the codes are ``new_year``, ``good_friday``,
        ``easter_monday``, ``labour_day``, ``victory_1945``, ``ascension``, ``whit_monday``,
        ``national_day``, ``assumption``, ``all_saints``, ``armistice_1918``, ``christmas`` and
        ``saint_stephen``
    """
    sunday = easter(year)
    days = [
        (date(year, 1, 1), "new_year"),
        (sunday + timedelta(days=EASTER_MONDAY), "easter_monday"),
        (date(year, 5, 1), "labour_day"),
        (date(year, 5, 8), "victory_1945"),
        (sunday + timedelta(days=ASCENSION), "ascension"),
        (sunday + timedelta(days=WHIT_MONDAY), "whit_monday"),
        (date(year, 7, 14), "national_day"),
        (date(year, 8, 15), "assumption"),
        (date(year, 11, 1), "all_saints"),
        (date(year, 11, 11), "armistice_1918"),
        (date(year, 12, 25), "christmas"),
    ]
    if alsace_moselle:
        days += [
            (sunday + timedelta(days=GOOD_FRIDAY), "good_friday"),
            (date(year, 12, 26), "saint_stephen"),
        ]
    return sorted(days)
