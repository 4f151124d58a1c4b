"""Following plans costs what changed, not what is there."""

from datetime import timedelta

import pytest
from freezegun import freeze_time

from odoo.tests import tagged
from odoo.tools import SQL

from .common import MONDAY
from .test_scale import ScaleCase

FIRST = MONDAY + timedelta(days=21)


class PlanScaleCase(ScaleCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(freeze_time(f"{MONDAY} 10:00:00"))

    def follow(self, day):
        def action():
            with freeze_time(f"{day} 10:00:00"):
                self.messages = self.env["relance.plan"]._follow(self.company, day)

        return self.queries(action)

    def active_plans(self, partners):
        """An active plan over each invoice of ``partners``, like the wizard makes them."""
        moves = self.env["account.move"].search([("partner_id", "in", partners.ids)])
        plans = self.env["relance.plan"]
        for move in moves:
            plans += plans._create_for(
                move.line_ids.filtered(lambda line: line.account_type == "asset_receivable"), 3, FIRST
            )
        plans.claim_ids._follow_state("active")
        plans.write({"state": "active", "date_start": MONDAY, "reminder_days": 3})
        return plans


@tagged("post_install", "-at_install")
class TestPlanScale(PlanScaleCase):
    def test_a_quiet_day_costs_the_same_for_ten_and_for_forty_plans(self):
        self.active_plans(self.load(10, 1))
        self.follow(MONDAY)
        few = self.follow(MONDAY + self.days(1))
        self.active_plans(self.load(30, 1))
        many = self.follow(MONDAY + self.days(1))
        self.assertFalse(self.messages)
        self.assertEqual(few, many)

    def test_a_day_costs_what_it_changes(self):
        """Reminders before an instalment are prepared together, not plan by plan."""
        some = self.active_plans(self.load(10, 1))
        some.line_ids[:3].write({"date_due": MONDAY + self.days(2)})
        one_day = self.follow(MONDAY + self.days(1))
        self.assertEqual(len(self.messages), 1)
        more = self.active_plans(self.load(30, 1))
        for plan in more:
            plan.line_ids[:1].date_due = MONDAY + self.days(2)
        thirty = self.follow(MONDAY + self.days(1))
        self.assertEqual(len(self.messages), 30)
        self.assertLess(thirty, one_day + 30 * 2)

    def test_missed_instalments_cost_a_few_queries_each(self):
        plans = self.active_plans(self.load(20, 1))
        for plan in plans:
            plan.line_ids[:1].date_due = MONDAY + self.days(1)
        self.follow(MONDAY + self.days(1))
        late = self.follow(MONDAY + self.days(2))
        self.assertEqual(set(self.messages.mapped("kind")), {"nudge"})
        self.assertLess(late, 20 * 3 + 30)
        again = self.follow(MONDAY + self.days(2))
        self.assertFalse(self.messages)
        self.assertLess(again, 30)

    def test_one_payment_refreshes_one_plan(self):
        plans = self.active_plans(self.load(12, 1))
        move = plans[0].claim_ids.move_id

        def pay():
            return self.queries(lambda: self.pay(move, MONDAY, 10.0))

        first = pay()
        self.active_plans(self.load(30, 1))
        self.assertLessEqual(abs(pay() - first), 5)

    @pytest.mark.relance_slow
    def test_ten_thousand_active_plans(self):
        """Real invoices, plans over them in bulk; the day that changes ten costs as much as among ten."""
        small = self.active_plans(self.load(10, 1))
        for plan in small:
            plan.line_ids[:1].date_due = MONDAY + self.days(3)
        few = self.follow(MONDAY + self.days(2))
        self.assertEqual(len(self.messages), 10)
        quiet_few = self.follow(MONDAY + self.days(2))
        self.in_bulk(self.load(1000, 10))
        quiet = self.follow(MONDAY + self.days(2))
        self.assertFalse(self.messages)
        changed = self.env["relance.plan"].search([], limit=10)
        for plan in changed:
            plan.line_ids[:1].date_due = MONDAY + self.days(3)
        many = self.follow(MONDAY + self.days(2))
        self.assertEqual(len(self.messages), 10)
        count = self.env["relance.plan"].search_count([("state", "=", "active")])
        print(
            f"{count} active plans: {quiet} queries on a quiet day ({quiet_few} among 10 plans), "
            f"{many} on a day that changes 10 ({few} among 10 plans)"
        )
        self.assertGreaterEqual(count, 10_000)
        self.assertLessEqual(quiet, quiet_few)
        self.assertLessEqual(many, few + 5)

    def in_bulk(self, partners):
        """Active plans of three instalments over each invoice of ``partners``, by SQL."""
        self.env.flush_all()
        case = self.env["relance.plan"].search([], limit=1)
        self.env.cr.execute(
            SQL(
                """
                WITH debt AS (
                    SELECT aml.*, nextval('relance_plan_id_seq') AS plan_id
                      FROM account_move_line aml
                      JOIN account_account account ON account.id = aml.account_id
                     WHERE aml.partner_id IN %(partners)s AND account.account_type = 'asset_receivable'
                ), plan AS (
                    INSERT INTO relance_plan (
                        id, name, company_id, currency_id, partner_id, debtor_id, contact_id, user_id, state,
                        every, link_channel, date_start, reminder_days, grace_days, notice_days, break_mode,
                        amount_total, amount_left, next_date, create_date, write_date)
                    SELECT plan_id, 'PLAN/' || plan_id, company_id, currency_id, partner_id, partner_id,
                           partner_id, %(user)s, 'active', 'month', 'email', %(start)s, 3, 5, 8, 'auto',
                           amount_residual_currency, amount_residual_currency, %(first)s, now(), now()
                      FROM debt
                ), claim AS (
                    INSERT INTO relance_plan_claim (
                        plan_id, company_id, currency_id, move_line_id, move_id, amount, live)
                    SELECT plan_id, company_id, currency_id, id, move_id, amount_residual_currency, 'active'
                      FROM debt
                )
                INSERT INTO relance_plan_line (
                    plan_id, company_id, currency_id, partner_id, plan_state, sequence, date_due, amount,
                    amount_left, amount_expected, kind, state)
                SELECT plan_id, company_id, currency_id, partner_id, 'active', number,
                       %(first)s::date + 30 * (number - 1), round(amount_residual_currency / 3, 2),
                       round(amount_residual_currency / 3, 2), round(amount_residual_currency / 3, 2),
                       'payment', 'pending'
                  FROM debt, generate_series(1, 3) number
                """,
                partners=tuple(partners.ids),
                user=case.user_id.id,
                start=MONDAY,
                first=FIRST,
            )
        )
        self.env.invalidate_all()
        self.env.cr.execute("ANALYZE relance_plan; ANALYZE relance_plan_claim; ANALYZE relance_plan_line")
