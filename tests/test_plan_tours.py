"""Negotiating, approving and agreeing on payment plans in a real browser."""

from datetime import timedelta

from odoo import fields
from odoo.tests import HttpCase, tagged

from .common import RelanceCase


@tagged("post_install", "-at_install")
class TestPlanTours(RelanceCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # the words of the tours
        (cls.accountant + cls.manager + cls.salesperson).lang = "en_US"
        cls.day = cls.company._relance_date()
        cls.partner = cls.customer("Atelier Moreau", lang="en_US", user_id=cls.salesperson.id)
        cls.late = cls.invoice(cls.partner, cls.day - timedelta(days=30), 1200)

    @property
    def plan(self):
        return self.env["relance.plan"].search([("partner_id", "=", self.partner.id)], limit=1)

    def start(self, tour, record, login="accountant"):
        path = {"account.move": "customer-invoices", "relance.plan": "payment-plans"}.get(record._name)
        url = f"/odoo/{path}/{record.id}" if path else f"/odoo/{record._name}/{record.id}"
        self.start_tour(url, f"relance_plan_{tour}_tour", login=login)

    def drawn(self, count, **values):
        """A plan over the invoice, drawn by the accountant."""
        return (
            self.env["relance.plan"]
            .with_user(self.accountant)
            ._create_for(self.line(self.late), count, fields.Date.add(self.day, days=20), **values)
        )

    def test_from_500_a_month_to_a_proposed_plan(self):
        self.start("500", self.late)
        self.assertEqual(self.plan.state, "proposed")
        self.assertEqual(self.plan.line_ids.mapped("amount"), [500, 500, 200])
        self.assertEqual(self.plan.user_id, self.accountant)
        self.assertEqual(self.plan.message_log_ids.filtered(lambda one: one.state == "sent").kind, "proposal")

    def test_a_line_by_hand_bad_input_and_the_offers(self):
        self.start("by_hand", self.late)
        self.assertEqual(self.plan.state, "draft")
        self.assertEqual(self.plan.line_ids.mapped("amount"), [400, 400, 400])
        self.assertEqual(self.plan.cause_note, "Un chantier en retard")

    def test_from_the_customer(self):
        self.invoice(self.partner, self.day + timedelta(days=20), 300, dated=self.day)
        self.start("customer", self.partner)
        self.assertEqual(self.plan.state, "proposed")
        self.assertEqual((self.plan.amount_total, self.plan.line_count), (1500, 12))

    def test_the_accountant_asks_and_the_manager_grants(self):
        self.start("ask", self.late)
        self.assertEqual((self.plan.state, self.plan.approval_state), ("draft", "asked"))
        self.start("grant", self.plan, login="manager")
        self.assertEqual((self.plan.state, self.plan.approval_state), ("proposed", "granted"))

    def test_a_counter_proposal_is_accepted(self):
        self.policy.plan_accept_counter = False
        plan = self.drawn(3)
        plan.action_propose()
        self.assertEqual(
            plan.sudo()._counter(4, fields.Date.add(self.day, days=25), reason="Nous pouvons 300 par mois"),
            "asked",
        )
        self.start("counter", plan)
        self.assertEqual((plan.state, plan.counter_state), ("proposed", "accepted"))

    def test_agreed_on_the_phone(self):
        self.partner.write({"is_company": False, "name": "Atelier Moreau"})
        self.start("phone", self.late)
        self.assertEqual((self.plan.state, self.plan.signed_kind), ("active", "phone"))

    def test_a_reader_reads(self):
        self.partner.name = "Her customer"
        self.drawn(3).action_propose()
        self.start_tour("/odoo/payment-plans", "relance_plan_reader_tour", login="salesperson")
