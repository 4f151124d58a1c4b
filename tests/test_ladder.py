"""The ladder: who climbs when, and how far."""

from datetime import date, timedelta

from freezegun import freeze_time

from odoo.tests import tagged

from .common import MONDAY, RelanceCase


@tagged("post_install", "-at_install")
class TestLadder(RelanceCase):
    def test_climbs_every_level_once_in_order_each_within_five_days(self):
        """Daily runs over an invoice that nobody pays, weekends and approvals included."""
        customer = self.customer()
        due = date(2026, 3, 20)
        invoice = self.invoice(customer, due)
        self.live(date(2026, 3, 9), 70)
        sent = self.sent(customer)
        self.assertEqual(
            [tone for tone, _day in sent],
            ["pre_due", "courtesy", "friendly", "attentive", "firm"],
        )
        for (tone, day), delay in zip(sent, (-7, 1, 7, 15, 30), strict=True):
            late = (day - due).days - delay
            self.assertTrue(0 <= late <= 5, f"{tone} left {late} days after its day")
        self.assertEqual(self.line(invoice).relance_level_id, self.levels["firm"])
        self.assertEqual(self.reason(invoice, date(2026, 6, 1)), "last_level")

    def test_every_due_day_of_the_week_and_month_end(self):
        """Whatever the weekday, each level comes within five days of its day."""
        for offset in range(7):
            customer = self.customer(f"Client {offset}", email=f"c{offset}@client.test")
            self.invoice(customer, date(2026, 3, 23) + self.days(offset))
        self.live(date(2026, 3, 14), 65)
        for offset in range(7):
            customer = self.env["res.partner"].search([("name", "=", f"Client {offset}")])
            due = date(2026, 3, 23) + self.days(offset)
            sent = self.sent(customer)
            self.assertEqual(
                [tone for tone, _day in sent],
                ["pre_due", "courtesy", "friendly", "attentive", "firm"],
                due,
            )
            for (tone, day), delay in zip(sent, (-7, 1, 7, 15, 30), strict=True):
                self.assertTrue(0 <= (day - due).days - delay <= 5, (due, tone, day))

    def test_level_date_is_the_date_of_the_run(self):
        """Approvals and weekends do not shift the ladder."""
        customer = self.customer()
        due = MONDAY - self.days(15)
        invoice = self.invoice(customer, due)
        line = self.line(invoice)
        line.write({"relance_level_id": self.levels["friendly"].id, "relance_level_date": due + self.days(7)})
        self.run_day(MONDAY)
        reminder = self.reminders(customer)
        self.assertEqual((reminder.state, reminder.level_id.tone), ("draft", "attentive"))
        reminder.with_user(self.accountant).action_approve()
        self.send(MONDAY + self.days(3))
        self.assertEqual(reminder.contact_date, MONDAY + self.days(3))
        self.assertEqual(line.relance_level_date, MONDAY)

    def test_an_old_invoice_begins_with_the_friendly_letter(self):
        customer = self.customer()
        invoice = self.invoice(customer, MONDAY - self.days(90))
        self.live(MONDAY, 40)
        self.assertEqual(
            self.sent(customer),
            [
                ("friendly", MONDAY),
                ("attentive", MONDAY + self.days(8)),
                ("firm", MONDAY + self.days(23)),
            ],
        )
        self.assertEqual(self.line(invoice).relance_level_date, MONDAY + self.days(23))

    def test_oversight_is_believed_up_to_sixty_days(self):
        sixty = self.invoice(self.customer("A"), MONDAY - self.days(60))
        older = self.invoice(self.customer("B"), MONDAY - self.days(61))
        self.assertEqual(self.row(sixty, MONDAY).target_level_id, self.levels["courtesy"].id)
        self.assertEqual(self.row(older, MONDAY).target_level_id, self.levels["friendly"].id)

    def test_pre_due_is_skipped_for_a_young_invoice_and_past_the_due_date(self):
        due = MONDAY + self.days(5)
        young = self.invoice(self.customer("A"), due, dated=MONDAY - self.days(2))
        settled = self.invoice(self.customer("B"), due, dated=MONDAY - self.days(3))
        self.assertEqual(self.reason(young, MONDAY), "not_due")
        self.assertEqual(self.row(young, MONDAY).target_level_id, self.levels["courtesy"].id)
        self.assertEqual(self.row(settled, MONDAY).target_level_id, self.levels["pre_due"].id)
        self.assertEqual(self.row(settled, MONDAY).verdict, "send")
        later = self.row(settled, due + self.days(1))
        self.assertEqual(later.target_level_id, self.levels["courtesy"].id)

    def test_nothing_overdue_before_the_days_of_grace(self):
        due = MONDAY
        invoice = self.invoice(self.customer(), due)
        for grace, first in ((2, 2), (0, 1), (4, 4)):
            self.company.relance_grace_days = grace
            for offset in range(1, 6):
                self.assertEqual(
                    self.reason(invoice, due + self.days(offset)),
                    "climb" if offset >= first else "not_due",
                    (grace, offset),
                )

    def test_one_late_instalment_is_enough_and_only_it_is_claimed(self):
        customer = self.customer()
        term = self.env["account.payment.term"].create(
            {
                "name": "Trois fois",
                "line_ids": [
                    (0, 0, {"value": "percent", "value_amount": 40, "nb_days": 10}),
                    (0, 0, {"value": "percent", "value_amount": 30, "nb_days": 40}),
                    (0, 0, {"value": "percent", "value_amount": 30, "nb_days": 70}),
                ],
            }
        )
        invoice = self.invoice(
            customer,
            MONDAY,
            1000.0,
            dated=MONDAY - self.days(20),
            invoice_payment_term_id=term.id,
            invoice_date_due=False,
        )
        self.assertEqual(len(self.line(invoice)), 3)
        self.run_day(MONDAY)
        reminder = self.reminders(customer)
        self.assertEqual(reminder.line_ids.mapped("amount_residual"), [400.0])
        self.assertEqual(reminder.balance_total, 400.0)
        self.assertEqual(reminder.line_ids.level_id, self.levels["courtesy"])

    def test_next_letter_is_not_firmer_than_the_others_deserve(self):
        """The oldest invoice is paid: the younger one goes on with its own level."""
        customer = self.customer()
        old = self.invoice(customer, MONDAY - self.days(20))
        young = self.invoice(customer, MONDAY - self.days(8), 300.0)
        for invoice, tone, day in (
            (old, "friendly", MONDAY - self.days(12)),
            (young, "courtesy", MONDAY - self.days(6)),
        ):
            self.line(invoice).write({"relance_level_id": self.levels[tone].id, "relance_level_date": day})
        self.run_day(MONDAY)
        by_level = {one.level_id.tone: one for one in self.reminders(customer)}
        self.assertEqual(set(by_level), {"attentive", "friendly"})
        self.settle(old, MONDAY)
        self.assertEqual(by_level["attentive"].state, "cancelled")
        self.assertEqual(by_level["friendly"].state, "ready")
        self.send(MONDAY)
        self.assertEqual(self.sent(customer), [("friendly", MONDAY)])

    def test_mixed_reminder_shrinks_to_the_level_of_what_is_left(self):
        customer = self.customer()
        old = self.invoice(customer, MONDAY - self.days(10))
        young = self.invoice(customer, MONDAY - self.days(3), 300.0)
        self.line(old).write(
            {"relance_level_id": self.levels["courtesy"].id, "relance_level_date": MONDAY - self.days(8)}
        )
        self.run_day(MONDAY)
        reminder = self.reminders(customer)
        self.assertEqual(reminder.level_id.tone, "friendly")
        self.assertEqual(
            {line.move_id: line.level_id.tone for line in reminder.line_ids},
            {old: "friendly", young: "courtesy"},
        )
        self.settle(old, MONDAY)
        self.assertEqual(reminder.level_id.tone, "courtesy")
        self.assertEqual(reminder.balance_total, 300.0)

    def test_due_date_moved_later_takes_the_level_back(self):
        customer = self.customer()
        invoice = self.invoice(customer, MONDAY - self.days(16))
        line = self.line(invoice)
        line.write({"relance_level_id": self.levels["attentive"].id, "relance_level_date": MONDAY})
        line.date_maturity = MONDAY - self.days(5)
        row = self.row(invoice, MONDAY)
        self.assertEqual(row.level_id, self.levels["courtesy"].id)
        self.assertEqual(row.target_level_id, self.levels["friendly"].id)
        self.assertEqual(row.reason, "not_due")
        line.date_maturity = MONDAY + self.days(40)
        row = self.row(invoice, MONDAY)
        self.assertIsNone(row.level_id)
        self.assertEqual(row.target_level_id, self.levels["pre_due"].id)

    def test_a_level_reached_again_after_the_due_date_moved(self):
        customer = self.customer()
        invoice = self.invoice(customer, MONDAY - self.days(3))
        self.live_day(MONDAY)
        line = self.line(invoice)
        line.date_maturity = MONDAY + self.days(20)
        self.live(MONDAY + self.days(13), 12)
        self.assertEqual(
            [tone for tone, _day in self.sent(customer)],
            ["courtesy", "pre_due", "courtesy"],
        )

    def test_another_policy_goes_on_from_the_delay_reached(self):
        customer = self.customer()
        invoice = self.invoice(customer, MONDAY - self.days(16))
        self.line(invoice).write(
            {"relance_level_id": self.levels["attentive"].id, "relance_level_date": MONDAY - self.days(1)}
        )
        tight = self.env.ref("relance_douce.policy_tight")
        tight.active = True
        customer.relance_policy_id = tight
        row = self.row(invoice, MONDAY)
        self.assertEqual(row.policy_id, tight.id)
        self.assertEqual(self.env["relance.level"].browse(row.target_level_id).delay_days, 20)

    def test_rejected_payment_goes_on_where_it_stood(self):
        customer = self.customer()
        invoice = self.invoice(customer, MONDAY - self.days(30))
        self.live(MONDAY - self.days(24), 16)
        line = self.line(invoice)
        self.assertEqual(line.relance_level_id.tone, "attentive", self.sent(customer))
        statement = self.settle(invoice, MONDAY - self.days(5))
        self.assertTrue(line.reconciled)
        self.assertIsNone(self.row(invoice, MONDAY))
        with freeze_time(MONDAY):
            statement.action_undo_reconciliation()
        self.assertFalse(line.reconciled)
        self.assertEqual(line.relance_level_id.tone, "attentive")
        self.assertEqual(self.row(invoice, MONDAY).target_level_id, self.levels["firm"].id)
        told = invoice.activity_ids
        self.assertEqual(told.user_id, self.accountant)

    def test_payment_undone_after_ninety_days_starts_anew(self):
        customer = self.customer()
        due = MONDAY - self.days(3)
        invoice = self.invoice(customer, due)
        line = self.line(invoice)
        self.live_day(due + self.days(3))
        self.assertEqual(line.relance_level_id.tone, "courtesy")
        statement = self.settle(invoice, due + self.days(10))
        with freeze_time(MONDAY + self.days(200)):
            statement.action_undo_reconciliation()
        self.assertFalse(line.relance_level_id)

    def test_levels_are_not_copied(self):
        customer = self.customer()
        invoice = self.invoice(customer, MONDAY - self.days(3))
        self.live_day(MONDAY)
        self.assertTrue(self.line(invoice).relance_level_id)
        copy = invoice.copy()
        self.assertFalse(self.line(copy).relance_level_id)

    def test_tabulated_ladder_agrees_with_a_plain_walk(self):
        """Against the rule written once more, plainly, for every age and every level."""
        levels = self.policy.level_ids.filtered("active").sorted("delay_days")
        customers = {
            age: self.customer(f"Age {age}", email=f"a{age}@client.test") for age in range(-9, 70, 3)
        }
        invoices = {
            age: self.invoice(customer, MONDAY - timedelta(days=age)) for age, customer in customers.items()
        }
        for reached in [None, *levels]:
            for age, invoice in invoices.items():
                if reached and reached.delay_days > age:
                    continue
                since = MONDAY - timedelta(days=9)
                self.line(invoice).write(
                    {
                        "relance_level_id": reached and reached.id,
                        "relance_level_date": reached and since,
                    }
                )
                row = self.row(invoice, MONDAY)
                target, sends = self._plain_walk(levels, reached, age, since)
                self.assertEqual(row.target_level_id, target.id or None, (age, reached and reached.name))
                self.assertEqual(row.verdict == "send", sends, (age, reached and reached.name))

    def _plain_walk(self, levels, reached, age, since):
        for level in levels:
            if reached and level.delay_days <= reached.delay_days:
                continue
            if level.delay_days < 0 and age > 0:
                continue
            if level.tone == "courtesy" and age > 60:
                continue
            old_enough = age >= (max(level.delay_days, 2) if level.delay_days >= 0 else level.delay_days)
            paced = not reached or ((MONDAY - since).days >= level.delay_days - reached.delay_days)
            return level, old_enough and paced
        return levels.browse(), False
