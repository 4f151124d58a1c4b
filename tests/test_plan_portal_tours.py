"""The customer in front of the page of a plan, at a desk and with a telephone."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import HttpCase, new_test_user, tagged

from .common import RelanceCase


class PortalTourCase(RelanceCase, HttpCase):
    """An offer that stands today, for the browser lives today."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        today = fields.Date.today()
        cls.payer = cls.customer("Customer of the portal", lang="en_US")
        cls.julie = new_test_user(
            cls.env, "julie", "base.group_portal", name="Julie Martin", password="julie1234"
        )
        cls.julie.partner_id.write({"parent_id": cls.payer.id, "lang": "en_US"})
        cls.first = today + timedelta(days=20)
        cls.moves = cls.invoice(cls.payer, today - timedelta(days=40), 800.0)
        cls.moves += cls.invoice(cls.payer, today - timedelta(days=30), 1200.0)

    def offer(self, moves=None, **values):
        lines = (moves or self.moves).line_ids.filtered(lambda line: line.account_type == "asset_receivable")
        values = {"signer_name": "Julie Martin", "signer_function": "Manager", **values}
        plan = self.env["relance.plan"]._create_for(lines, 4, self.first, **values)
        plan.action_propose()
        return plan

    def walk(self, plan, tour, login=None):
        url = f"/my/plans/{plan.id}" if login else plan.get_portal_url()
        self.start_tour(url, f"relance_plan_{tour}_tour", login=login)
        plan.invalidate_recordset()


class Walks:
    """What every customer does, whatever he holds in his hands."""

    def test_portal_user_signs(self):
        plan = self.offer()
        self.walk(plan, "sign", login="julie")
        self.assertEqual((plan.state, plan.signed_by, plan.signed_kind), ("active", "Julie Martin", "portal"))
        self.assertTrue(plan.signed_authority)
        self.assertTrue(plan.agreement_id)

    def test_visitor_signs(self):
        plan = self.offer()
        self.walk(plan, "sign")
        self.assertEqual(
            (plan.state, plan.signed_by, plan.signed_function), ("active", "Julie Martin", "Manager")
        )
        self.assertTrue(plan.signature)


@tagged("post_install", "-at_install")
class TestPlanPortalDesktop(Walks, PortalTourCase):
    browser_size = "1280x900"

    def test_home_leads_to_the_plan(self):
        self.offer()
        self.start_tour("/my", "relance_plan_home_tour", login="julie")

    def test_visitor_signs_with_a_code(self):
        self.policy.plan_needs_code = True
        plan = self.offer(signer_mobile="06 12 34 56 78")
        with patch("odoo.addons.relance_douce.models.relance_plan_sign.secrets.randbelow", lambda _n: 123456):
            self.walk(plan, "code")
        self.assertEqual((plan.state, plan.signed_with_code), ("active", True))


@tagged("post_install", "-at_install")
class TestPlanPortalPhone(Walks, PortalTourCase):
    browser_size = "390x844"
    touch_enabled = True

    def test_consumer_writes_the_sum(self):
        consumer = self.customer("Paul Person", is_company=False, vat=False, lang="en_US")
        plan = self.offer(self.invoice(consumer, fields.Date.today() - timedelta(days=40), 2000.0))
        self.walk(plan, "sum")
        self.assertEqual((plan.state, plan.signed_sum), ("active", "2000"))
        self.assertEqual(plan.signed_words, "Two thousand euros")

    def test_visitor_declines(self):
        plan = self.offer()
        self.walk(plan, "decline")
        self.assertEqual((plan.close_reason, plan.close_note), ("declined", "We will pay at once"))

    def test_proposal_is_accepted_and_signed(self):
        plan = self.offer()
        self.walk(plan, "counter_accepted")
        self.assertEqual((plan.state, plan.line_ids.mapped("amount")), ("active", [400.0] * 5))

    def test_proposal_is_asked_about(self):
        plan = self.offer()
        self.walk(plan, "counter_asked")
        self.assertEqual((plan.state, plan.counter_state), ("proposed", "asked"))
