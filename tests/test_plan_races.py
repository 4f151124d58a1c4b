"""Two at once on one payment plan: one winner, no error page, books and plan agree."""

import threading
from datetime import timedelta
from functools import partial
from unittest.mock import patch

from odoo import SUPERUSER_ID, api
from odoo.service.model import retrying
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MONDAY
from .test_races import RaceCase

DAYS = timedelta(days=1)


@tagged("post_install", "-at_install")
class TestPlanRaces(RaceCase):
    """The world of the races of reminders, with a proposed plan over the invoice.

    Second transactions run through the host's own way of serving a request: what the
    database refuses is tried again, as it is for whoever clicks.
    """

    def setUp(self):
        super().setUp()
        with self.registry_cursor() as env:
            line = (
                env["account.move"]
                .browse(self.move_id)
                .line_ids.filtered(lambda one: one.account_type == "asset_receivable")
            )
            today = env.company._relance_date()
            plan = env["relance.plan"]._create_for(line, 3, today)
            plan.action_propose()
            self.plan_id, self.offer = plan.id, plan._offer_hash()

    def tidy(self):
        with self.registry_cursor() as env:
            plans = env["relance.plan"].search([("partner_id", "=", self.partner_id)])
            env["mail.mail"].search([("model", "=", "relance.plan"), ("res_id", "in", plans.ids)]).unlink()
            env.cr.execute("DELETE FROM relance_plan WHERE id IN %s", [tuple(plans.ids)])
        super().tidy()

    def request(self, work):
        """``work(plan)`` as the host serves a request: again where the database says so."""
        outcome = {}
        registry = self.env.registry
        plan_id = self.plan_id

        def target():
            from odoo.sql_db import db_connect

            cr = db_connect(registry.db_name).cursor()
            try:
                env = api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})
                outcome["result"] = retrying(partial(work, env["relance.plan"].browse(plan_id)), env)
            except Exception as error:  # judged by the test
                outcome["error"] = error
                cr.rollback()
            finally:
                cr.close()

        thread = threading.Thread(target=target)
        thread.start()
        return thread, outcome

    def plan_now(self):
        with self.registry_cursor() as env:
            plan = env["relance.plan"].browse(self.plan_id)
            return {
                "state": plan.state,
                "paid": plan.amount_paid,
                "lines": plan.line_ids.mapped("state"),
                "signed_by": plan.signed_by,
                "mails": sorted(
                    plan.message_log_ids.filtered(lambda one: one.state == "sent").mapped("kind")
                ),
                "residual": plan.claim_ids.move_line_id.amount_residual,
            }

    def race(self, first, second):
        """``first`` holds its transaction open while ``second`` arrives; what became of both."""
        with self.registry_cursor() as env:
            result = first(env["relance.plan"].browse(self.plan_id))
            env.flush_all()
            thread, outcome = self.request(second)
            thread.join(1)
            env.cr.commit()
        thread.join(30)
        self.assertFalse(thread.is_alive())
        return result, outcome

    @mute_logger("odoo.sql_db", "odoo.service.model", "odoo.http")
    def test_two_signatures_at_once(self):
        offer = self.offer
        first, second = self.race(
            lambda plan: plan._accept("Jeanne", offer=offer), lambda plan: plan._accept("Paul", offer=offer)
        )
        self.assertTrue(first)
        self.assertNotIn("error", second)
        self.assertIs(second["result"], False, "the second one signed nothing")
        now = self.plan_now()
        self.assertEqual((now["state"], now["signed_by"]), ("active", "Jeanne"))
        self.assertEqual(now["mails"], ["confirmation", "proposal"])

    @mute_logger("odoo.sql_db", "odoo.service.model", "odoo.http")
    def test_signing_while_it_is_withdrawn(self):
        offer = self.offer
        _first, second = self.race(
            lambda plan: plan.action_cancel("Autrement"), lambda plan: plan._accept("Jeanne", offer=offer)
        )
        self.assertIn("withdrawn", str(second["error"]))
        self.assertEqual(self.plan_now()["state"], "cancelled")
        self.assertFalse(self.plan_now()["signed_by"])

    @mute_logger("odoo.sql_db", "odoo.service.model", "odoo.http")
    def test_withdrawing_while_it_is_signed(self):
        offer = self.offer
        first, second = self.race(
            lambda plan: plan._accept("Jeanne", offer=offer), lambda plan: plan.action_revise()
        )
        self.assertTrue(first)
        self.assertIn("reload the page", str(second["error"]))
        self.assertEqual(self.plan_now()["state"], "active")

    def pay(self, plan):
        """The whole invoice, by the host's wizard."""
        moves = plan.claim_ids.move_id
        plan.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=moves.ids
        ).create({"payment_date": MONDAY})._create_payments()
        return True

    def late_plan(self):
        """Signed, and its first instalment missed."""
        with self.registry_cursor() as env:
            plan = env["relance.plan"].browse(self.plan_id)
            plan._accept("Jeanne", offer=self.offer)
            plan._update_state(("active",), "active", notice_days=0)
            plan.line_ids[0].date_due -= 20 * DAYS
            env["relance.plan"]._mark_late(plan.company_id, plan.company_id._relance_date())

    def break_it(self, plan):
        return len(plan._break(plan.company_id._relance_date()))

    @mute_logger("odoo.sql_db", "odoo.service.model", "odoo.http")
    def test_it_breaks_while_the_payment_arrives(self):
        self.late_plan()
        _first, second = self.race(self.pay, self.break_it)
        self.assertEqual(second.get("result"), 0, second)
        now = self.plan_now()
        self.assertEqual((now["state"], now["paid"], now["residual"]), ("active", 900.0, 0.0))
        self.assertEqual(now["lines"], ["paid"] * 3)
        self.assertNotIn("broken", now["mails"])

    @mute_logger("odoo.sql_db", "odoo.service.model", "odoo.http")
    def test_the_payment_arrives_while_it_breaks(self):
        self.late_plan()
        first, second = self.race(self.break_it, self.pay)
        self.assertEqual(first, 1)
        self.assertTrue(second.get("result"), second)
        now = self.plan_now()
        self.assertEqual((now["state"], now["paid"], now["residual"]), ("broken", 900.0, 0.0))
        self.assertEqual(now["lines"], ["paid"] * 3)

    @mute_logger("odoo.sql_db", "odoo.service.model", "odoo.http")
    def test_two_followers_prepare_each_message_once(self):
        with self.registry_cursor() as env:
            plan = env["relance.plan"].browse(self.plan_id)
            plan._accept("Jeanne", offer=self.offer)
            today = plan.company_id._relance_date()
        tomorrow = today + DAYS

        def follow(plan):
            return len(plan.browse()._follow(plan.company_id, tomorrow))

        with patch.object(type(self.env["res.company"]), "_relance_bank_is_stale", lambda self, date: False):
            _first, second = self.race(follow, follow)
        self.assertNotIn("error", second)
        with self.registry_cursor() as env:
            kinds = env["relance.plan"].browse(self.plan_id).message_log_ids.mapped("kind")
        self.assertEqual(len(kinds), len(set(kinds)), kinds)

    @mute_logger("odoo.sql_db", "odoo.service.model", "odoo.http")
    def test_crash_before_the_commit_signs_nothing(self):
        with self.registry_cursor() as env:
            env["relance.plan"].browse(self.plan_id)._accept("Jeanne", offer=self.offer)
            env.flush_all()
            env.cr.rollback()
        now = self.plan_now()
        self.assertEqual((now["state"], now["mails"]), ("proposed", ["proposal"]))
