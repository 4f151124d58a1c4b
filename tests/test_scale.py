"""Counts of queries: what grows with the invoices, and what does not."""

from datetime import timedelta

from odoo import Command
from odoo.tests import tagged

from .common import MONDAY, RelanceCase


class ScaleCase(RelanceCase):
    def load(self, customers, invoices_each):
        """Overdue invoices made by the ORM, posted in one go."""
        partners = self.env["res.partner"].create(
            [
                {
                    "name": f"Client {index:05}",
                    "is_company": True,
                    "vat": "FR23334175221",
                    "email": f"c{index}@client.test",
                    "street": "1 rue",
                    "city": "Lyon",
                }
                for index in range(customers)
            ]
        )
        values = [
            {
                "move_type": "out_invoice",
                "partner_id": partner.id,
                "invoice_date": MONDAY - timedelta(days=40 + index % 50),
                "invoice_payment_term_id": False,
                "invoice_date_due": MONDAY - timedelta(days=3 + index % 50),
                "invoice_line_ids": [
                    Command.create(
                        {"name": "x", "price_unit": 100 + index, "tax_ids": [], "account_id": self.income.id}
                    )
                ],
            }
            for partner in partners
            for index in range(invoices_each)
        ]
        for start in range(0, len(values), 250):
            self.env["account.move"].create(values[start : start + 250]).action_post()
            self.env.flush_all()
            self.env.invalidate_all()
            # no other process sees these rows, so nobody else refreshes the statistics
            self.env.cr.execute("ANALYZE account_move; ANALYZE account_move_line")
        self.env.flush_all()
        self.env.invalidate_all()
        return partners


@tagged("post_install", "-at_install")
class TestScale(ScaleCase):
    def test_run_does_not_grow(self):
        self.load(5, 2)
        few = self.queries(lambda: self.run_day(MONDAY))
        partners = self.load(60, 5)
        many = self.queries(lambda: self.run_day(MONDAY))
        self.assertEqual(
            self.env["relance.reminder.line"].search_count([("reminder_id.partner_id", "in", partners.ids)]),
            300,
        )
        self.assertLessEqual(many, few + 2)
        self.assertLessEqual(many, 45)

    def test_page_of_invoices_takes_one_decision(self):
        self.load(10, 2)
        moves = self.env["account.move"].search([("move_type", "=", "out_invoice")])
        names = ["relance_state", "relance_reason", "relance_level_id", "relance_next_date"]
        few = self.queries(lambda: moves[:4].read(names))
        many = self.queries(lambda: moves.read(names))
        self.assertLessEqual(many, few + 2)

    def test_sending_grows_slowly(self):
        """Writing mails: a few queries per mail, none per invoice."""
        self.load(4, 1)
        self.run_day(MONDAY)
        few = self.queries(lambda: self.send(MONDAY))
        self.load(4, 12)
        self.run_day(MONDAY)
        many_invoices = self.queries(lambda: self.send(MONDAY))
        self.assertLessEqual(many_invoices, few + 8)
        self.load(24, 1)
        self.run_day(MONDAY)
        many_customers = self.queries(lambda: self.send(MONDAY))
        self.assertLessEqual((many_customers - few) / 20, 6)


@tagged("post_install", "-at_install", "relance_slow")
class TestFiveThousand(ScaleCase):
    def test_five_thousand_invoices(self):
        """At most 0.1 queries per invoice, reminders created included."""
        self.load(1000, 5)
        queries = self.queries(lambda: self.run_day(MONDAY))
        self.assertEqual(self.env["relance.reminder.line"].search_count([]), 5000)
        self.assertLessEqual(queries, 500)
        print(f"5 000 invoices, 1 000 customers: {queries} queries")
