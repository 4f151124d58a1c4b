"""The night on which summer time ends, and a house that moves to another timezone."""

from datetime import date, datetime

from freezegun import freeze_time

from odoo.tests import tagged

from .common import RelanceCase

#: at three in the morning of this Sunday it is two o'clock again
LAST_NIGHT = date(2026, 10, 25)


@tagged("post_install", "-at_install")
class TestClock(RelanceCase):
    def test_the_local_day_on_both_sides_of_the_change(self):
        for moment, day in (
            (datetime(2026, 10, 24, 21, 59), date(2026, 10, 24)),
            (datetime(2026, 10, 24, 22, 0), LAST_NIGHT),
            (datetime(2026, 10, 25, 22, 59), LAST_NIGHT),
            (datetime(2026, 10, 25, 23, 0), date(2026, 10, 26)),
        ):
            self.assertEqual(self.company._relance_date(moment), day, moment)

    def test_the_house_opens_by_the_clock_on_its_wall(self):
        opens = self.company._relance_opening(date(2026, 10, 23))
        self.assertEqual(self.company._relance_opening(date(2026, 10, 26)).hour, opens.hour + 1)
        self.assertFalse(self.company._relance_is_open(datetime(2026, 10, 26, 6, 30)))
        self.assertTrue(self.company._relance_is_open(datetime(2026, 10, 26, 7, 30)))
        self.assertTrue(self.company._relance_is_open(datetime(2026, 10, 23, 6, 30)))

    def test_the_longest_day_has_its_last_hour(self):
        """A house that opens from 23:00 to midnight does so on the day of 25 hours, too."""
        calendar = self.company.resource_calendar_id
        calendar.attendance_ids.unlink()
        calendar.attendance_ids = [
            (
                0,
                0,
                {"name": "Nuit", "dayofweek": "6", "hour_from": 23, "hour_to": 24, "day_period": "afternoon"},
            )
        ]
        self.assertEqual(self.company._relance_opening(LAST_NIGHT), datetime(2026, 10, 25, 22))

    def test_one_reminder_over_the_change(self):
        """Run on Friday, left on Monday: one reminder, whatever the night in between counts."""
        client = self.customer()
        self.invoice(client, date(2026, 10, 20))
        self.run_day(date(2026, 10, 23))
        for moment in ("2026-10-25 00:30", "2026-10-25 01:30", "2026-10-26 06:30"):
            now = datetime.fromisoformat(moment)
            self.assertEqual(self.env["relance.reminder"]._send_batch(now=now), 0, moment)
        monday = datetime(2026, 10, 26, 7, 30)
        self.assertEqual(self.env["relance.reminder"]._send_batch(now=monday), 1)
        self.assertEqual(self.run_day(date(2026, 10, 26)).reminder_count, 0)
        self.assertEqual(self.sent(client), [("courtesy", date(2026, 10, 26))])

    def test_the_house_moves(self):
        """Westwards a day comes twice, eastwards one is left out: nobody is reminded twice."""
        client = self.customer()
        self.invoice(client, date(2026, 10, 20))
        calendar = self.company.resource_calendar_id
        for zone, moment in (
            ("Pacific/Auckland", "2026-10-23 02:00:00"),
            ("America/Los_Angeles", "2026-10-23 17:00:00"),
            ("Europe/Paris", "2026-10-24 22:00:00"),
        ):
            calendar.tz = zone
            with freeze_time(moment):
                self.env["relance.run"]._run(self.company, self.company._relance_date())
                self.env["relance.reminder"]._send_batch()
        self.assertEqual(len(self.sent(client)), 1)
        self.assertEqual(len(self.reminders(client)), 1)

    def test_the_house_moves_far(self):
        """Paris, Nouméa, Fort-de-France: each open day on the new wall is one run, none brings a second
        reminder, and the reminder that waited for its day leaves on it."""
        first = self.customer("Premier", email="premier@client.test")
        second = self.customer("Second", email="second@client.test")
        self.invoice(first, date(2026, 10, 20))
        calendar = self.company.resource_calendar_id
        seen = []
        for zone, moment in (
            ("Europe/Paris", "2026-10-26 09:00:00"),
            # Tuesday morning there, Monday evening in Paris
            ("Pacific/Noumea", "2026-10-26 22:00:00"),
            # Monday again
            ("America/Martinique", "2026-10-26 23:00:00"),
            ("America/Martinique", "2026-10-27 14:00:00"),
        ):
            calendar.tz = zone
            if zone == "Pacific/Noumea":
                self.invoice(second, date(2026, 10, 21), dated=date(2026, 9, 21))
            with freeze_time(moment):
                run = self.env["relance.run"]._run(self.company, self.company._relance_date())
                self.env["relance.reminder"]._send_batch()
            seen.append((zone, run.date, run.reminder_count))
        self.assertEqual(
            seen,
            [
                ("Europe/Paris", date(2026, 10, 26), 1),
                ("Pacific/Noumea", date(2026, 10, 27), 1),
                ("America/Martinique", date(2026, 10, 26), 0),
                ("America/Martinique", date(2026, 10, 27), 0),
            ],
        )
        self.assertEqual(self.sent(first), [("courtesy", date(2026, 10, 26))])
        self.assertEqual(self.sent(second), [("courtesy", date(2026, 10, 27))])

    def test_the_zones_of_people_move_nothing(self):
        """Neither the timezone of the customer nor that of whoever works decides a day."""
        client = self.customer(tz="Pacific/Noumea")
        self.invoice(client, date(2026, 10, 20))
        self.accountant.tz = "America/Martinique"
        with freeze_time("2026-10-26 09:00:00"):
            company = self.company.with_user(self.accountant).with_context(tz="America/Martinique")
            self.assertEqual(company._relance_date(), date(2026, 10, 26))
            self.env["relance.run"]._run(self.company, company._relance_date())
            self.env["relance.reminder"].with_context(tz="Pacific/Noumea")._send_batch()
        self.assertEqual(self.sent(client), [("courtesy", date(2026, 10, 26))])

    def test_instalments_stay_where_they_are(self):
        """What was agreed is a day, not a moment: no move of the house shifts it."""
        client = self.customer()
        invoice = self.invoice(client, date(2026, 10, 20))
        with freeze_time("2026-10-26 09:00:00"):
            plan = self.env["relance.plan"]._create_for(self.line(invoice), 3, date(2026, 11, 2))
            plan.action_propose()
            plan.action_accept(signed_by="Jeanne Client")
        days = plan.line_ids.mapped("date_due")
        calendar = self.company.resource_calendar_id
        for zone in ("Pacific/Noumea", "America/Martinique", "Europe/Paris"):
            calendar.tz = zone
            with freeze_time("2026-10-26 22:00:00"):
                self.env["relance.plan"]._follow(self.company, self.company._relance_date())
            self.env.invalidate_all()
            self.assertEqual(plan.line_ids.mapped("date_due"), days)
            self.assertEqual(plan.state, "active")
