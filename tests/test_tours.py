"""What people do on the screens, in a real browser."""

from datetime import date

from odoo import Command
from odoo.tests import HttpCase, tagged

from .common import RelanceCase

#: long ago: whatever day the tests run, these invoices are overdue
DUE = date(2025, 2, 3)
RUN = date(2025, 3, 3)

TEXT = "<p>Would you settle it, please?</p>"


@tagged("post_install", "-at_install")
class TestTours(RelanceCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # the words of the tours
        (cls.accountant + cls.manager + cls.salesperson).lang = "en_US"
        cls.env.ref("base.user_admin").lang = "en_US"

    @classmethod
    def tour_policy(cls, name, *levels):
        """A policy chosen by hand, with one level per (name, days, tone, approval)."""
        return cls.env["relance.policy"].create(
            {
                "name": name,
                "level_ids": [
                    Command.create(
                        {
                            "name": level,
                            "delay_days": days,
                            "tone": tone,
                            "approval": approval,
                            "subject": level,
                            "mail_body": TEXT,
                            "letter_body": TEXT,
                        }
                    )
                    for level, days, tone, approval in levels
                ],
            }
        )

    def reminder_of(self, partner):
        return self.env["relance.reminder"].search([("partner_id", "=", partner.id)])

    def test_a_run_is_watched_while_it_leaves(self):
        policy = self.tour_policy("Policy of the tour", ("Friendly", 7, "friendly", "none"))
        for name in ("Watched one", "Watched two"):
            self.invoice(self.customer(name, relance_policy_id=policy.id), DUE)
        run = self.run_day(RUN)
        self.start_tour(f"/odoo/dunning-runs/{run.id}", "relance_run_tour", login=self.accountant.login)
        self.assertEqual(set(run.reminder_ids.mapped("state")), {"sent"})

    def test_administrator_sets_a_policy(self):
        policy = self.tour_policy(
            "Policy of the tour",
            ("Friendly", 7, "friendly", "none"),
            ("Attentive", 15, "attentive", "user"),
        )
        self.start_tour("/odoo/dunning-policies", "relance_policy_tour", login="admin")
        self.assertEqual(policy.level_ids.mapped("delay_days"), [10, 15])

    def test_accountant_approves_sends_prints_and_posts(self):
        firm = self.tour_policy("With approval", ("Attentive", 15, "attentive", "user"))
        plain = self.tour_policy("Without approval", ("Friendly", 7, "friendly", "none"))
        by_mail = self.customer("Customer with e-mail", relance_policy_id=firm.id, lang="en_US")
        by_post = self.customer(
            "Customer with a letter box", relance_policy_id=plain.id, lang="en_US", email=False
        )
        invoices = self.invoice(by_mail, DUE) + self.invoice(by_post, DUE)
        self.run_day(RUN)
        self.assertEqual(self.reminder_of(by_mail).state, "draft")
        self.assertEqual(self.reminder_of(by_post).channel, "letter")

        self.start_tour("/odoo/reminders-to-approve", "relance_accountant_tour", login="accountant")

        mail, letter = self.reminder_of(by_mail), self.reminder_of(by_post)
        self.assertEqual(mail.state, "sent")
        self.assertEqual(mail.approved_by_id, self.accountant)
        self.assertEqual(mail.message_id.partner_ids, by_mail)
        self.assertEqual(letter.state, "sent")
        self.assertEqual(letter.delivery_state, "delivered")
        self.assertTrue(letter.date_printed)
        content = letter.attachment_id.raw
        self.assertEqual(content[:4], b"%PDF", (letter.attachment_id, content[:300]))
        self.assertEqual(
            self.line(invoices[0]).relance_level_id + self.line(invoices[1]).relance_level_id,
            firm.level_ids + plain.level_ids,
        )

    def test_salesperson_sees_her_own_customers(self):
        policy = self.tour_policy("With approval", ("Attentive", 15, "attentive", "user"))
        values = {"relance_policy_id": policy.id, "lang": "en_US"}
        hers = self.customer("Her customer", user_id=self.salesperson.id, **values)
        other = self.customer("Another customer", user_id=self.manager.id, **values)
        self.invoice(hers, DUE)
        self.invoice(other, DUE)
        self.run_day(RUN)
        self.assertEqual(len(self.reminder_of(hers) + self.reminder_of(other)), 2)
        self.start_tour("/odoo/dunning-cases", "relance_salesperson_tour", login="salesperson")
