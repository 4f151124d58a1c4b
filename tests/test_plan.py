"""The payment plan: what it covers, how it is offered, who may do what, and what rests meanwhile."""

import base64
import hashlib
from datetime import date, timedelta
from unittest.mock import patch

from freezegun import freeze_time
from psycopg2.errors import ForeignKeyViolation, UniqueViolation

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MONDAY, RelanceCase

FIRST = MONDAY + timedelta(days=7)
SIGNATURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class PlanCase(RelanceCase):
    """A customer who owes two invoices, and an accountant on the phone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.payer = cls.customer()
        cls.older = cls.invoice(cls.payer, MONDAY - timedelta(days=20), 800.0)
        cls.younger = cls.invoice(cls.payer, MONDAY - timedelta(days=10), 1200.0)
        cls.startClassPatcher(freeze_time(f"{MONDAY} 10:00:00"))

    def lines(self, moves):
        return moves.line_ids.filtered(lambda line: line.account_type == "asset_receivable")

    def plan(self, moves=None, count=4, first=FIRST, user=None, **values):
        plans = self.env["relance.plan"].with_user(user or self.accountant)
        return plans._create_for(self.lines(moves or self.older + self.younger), count, first, **values)

    def proposed(self, **values):
        plan = self.plan(**values)
        plan.action_propose()
        return plan

    def active(self, **values):
        plan = self.proposed(**values)
        plan.action_accept(signed_by="Jeanne Client")
        return plan

    def follow(self, day):
        with freeze_time(f"{day} 10:00:00"):
            messages = self.env["relance.plan"]._follow(self.company, day)
            self.env["relance.plan.message"]._send_batch(self.company, self.noon(day))
        return messages

    def instalments(self, plan):
        return [(line.amount, line.amount_paid, line.state) for line in plan.line_ids]

    def kinds(self, plan):
        return [one.kind for one in plan.message_log_ids.sorted("id") if one.state == "sent"]


@tagged("post_install", "-at_install")
class TestPlan(PlanCase):
    # -- drawing ---------------------------------------------------------------------------
    def test_even_instalments_over_two_invoices(self):
        plan = self.plan(count=3, first=date(2026, 3, 31))
        self.assertEqual(plan.state, "draft")
        self.assertEqual(plan.move_line_ids, self.lines(self.older + self.younger))
        self.assertEqual(plan.line_ids.mapped("amount"), [666.66, 666.67, 666.67])
        self.assertEqual(
            plan.line_ids.mapped("date_due"), [date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)]
        )
        self.assertEqual((plan.amount_total, plan.amount_debt, plan.amount_paid), (2000.0, 2000.0, 0.0))
        self.assertEqual(plan.partner_id, self.payer)
        self.assertEqual(plan.case_id.state, "open")

    def test_first_payment_and_rhythm(self):
        plan = self.plan(count=5, first=MONDAY, every="week", first_amount=400.0)
        self.assertEqual(plan.line_ids.mapped("amount"), [400.0] * 5)
        self.assertEqual(plan.line_ids[-1].date_due, MONDAY + self.days(28))

    def test_what_cannot_be_covered_is_refused_with_a_way_out(self):
        draft = self.invoice(self.payer, MONDAY, post=False)
        paid = self.invoice(self.payer, MONDAY, 100.0)
        self.pay(paid, MONDAY)
        other = self.invoice(self.customer("Une autre", vat="FR40303265045"), MONDAY)
        dollars = self.invoice(self.payer, MONDAY, currency_id=self.dollar().id)
        assigned = self.invoice(self.payer, MONDAY)
        assigned.relance_factor_id = self.customer("Affacturage Rhône", vat="FR83404833048")
        credit = self.credit_note(self.payer, 50.0, MONDAY)
        for moves, words in (
            (draft, "not posted"),
            (paid, "is paid"),
            (other + self.older, "several legal persons"),
            (dollars + self.older, "one plan per currency"),
            (assigned, "only the factor"),
            (credit, "no customer invoice"),
            (self.env["account.move"], "at least one unpaid invoice"),
        ):
            with self.subTest(words), self.assertRaisesRegex(UserError, words):
                self.plan(moves) if moves else self.env["relance.plan"]._create_for(
                    self.lines(moves), 2, FIRST
                )

    def dollar(self):
        dollar = self.env.ref("base.USD")
        dollar.active = True
        return dollar

    def test_two_companies_are_two_plans(self):
        other = self.env["res.company"].create({"name": "Deux", "country_id": self.env.ref("base.fr").id})
        self.env["account.chart.template"].try_loading("fr", other, install_demo=False)
        with freeze_time(MONDAY):
            elsewhere = (
                self.env["account.move"]
                .with_company(other)
                .create(
                    {
                        "move_type": "out_invoice",
                        "partner_id": self.payer.id,
                        "invoice_date": MONDAY,
                        "invoice_line_ids": [Command.create({"name": "x", "price_unit": 10, "tax_ids": []})],
                    }
                )
            )
            elsewhere.action_post()
        with self.assertRaisesRegex(UserError, "several companies"):
            self.env["relance.plan"]._create_for(self.lines(self.older + elsewhere), 2, FIRST)

    def test_schedules_that_cannot_be_are_refused(self):
        for count, values, words in (
            (0, {}, "at least one instalment"),
            (-3, {}, "at least one instalment"),
            (200001, {}, "choose fewer instalments"),
            (2, {"first": MONDAY - self.days(1)}, "lies in the past"),
            (2, {"first_amount": -5.0}, "more than zero"),
            (2, {"first_amount": 2000.0}, "leaves something"),
            (2, {"every": "year"}, "Choose how often a payment"),
        ):
            refused = self.assertRaisesRegex(UserError, words)
            with self.subTest(words), refused, self.env.cr.savepoint():
                self.plan(count=count, **values)

    def test_establishments_of_one_legal_person_share_a_plan(self):
        branch = self.customer("Client Exemple Lille", vat=False, company_registry="33417522100056")
        at_branch = self.invoice(branch, MONDAY - self.days(5), 500.0)
        plan = self.plan(self.older + at_branch, count=2)
        self.assertEqual(plan.amount_total, 1300.0)
        self.assertEqual(plan.claim_ids.debtor_id, self.payer + branch)
        plan.action_propose()
        self.assertEqual(self.reason(at_branch, MONDAY), "plan")

    def test_draft_is_changed_by_hand_but_has_to_add_up(self):
        plan = self.plan(count=2)
        plan.line_ids[0].amount = 900.0
        with self.assertRaisesRegex(UserError, "add up to"):
            plan.action_propose()
        plan.line_ids[1].amount = 1100.0
        plan.action_propose()
        self.assertEqual(plan.state, "proposed")

    def test_returned_goods_settle_an_instalment(self):
        plan = self.plan(count=2)
        plan.line_ids[0].write({"kind": "goods", "note": "12 palettes"})
        plan.action_propose()
        plan.action_accept(signed_by="Jeanne")
        note = self.credit_note(self.payer, 1000.0, MONDAY)
        (self.lines(note) + self.lines(self.younger)).reconcile()
        self.assertEqual(plan.line_ids[0].state, "paid")
        self.assertFalse(plan.line_ids[0].by_money)

    # -- one live plan per item -----------------------------------------------------------------
    def test_an_invoice_is_in_one_live_plan(self):
        plan = self.plan()
        for step in (lambda: None, plan.action_propose, lambda: plan.action_accept(signed_by="J")):
            step()
            with self.assertRaisesRegex(UserError, "already in plan"):
                self.plan(self.older, count=2)
        plan.action_cancel("Autrement")
        self.assertEqual(self.plan(self.older, count=2).state, "draft")

    def test_the_database_holds_it_too(self):
        plan = self.proposed()
        claim = plan.sudo().claim_ids[0]
        with self.assertRaises(UniqueViolation), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            claim.copy({"plan_id": plan.id, "live": "pending"}).flush_recordset()

    def test_other_invoices_go_on_as_usual(self):
        other = self.invoice(self.payer, MONDAY - self.days(15), 300.0)
        self.proposed()
        self.assertEqual(self.reason(self.older, MONDAY), "plan")
        self.assertEqual(self.reason(other, MONDAY), "climb")

    # -- what rests -----------------------------------------------------------------------------
    def test_offer_rests_seven_days_and_is_renewed_once(self):
        plan = self.proposed()
        row = self.row(self.older, MONDAY)
        self.assertEqual((row.verdict, row.reason, row.until), ("hold", "plan", MONDAY + self.days(7)))
        self.assertIn("rest until", self.env["relance.decision"]._explain([row])[0])
        self.assertEqual(self.reason(self.older, MONDAY + self.days(7)), "plan")
        self.assertNotEqual(self.reason(self.older, MONDAY + self.days(8)), "plan")
        with freeze_time(f"{MONDAY + self.days(5)} 10:00:00"):
            plan.action_renew()
        self.assertEqual(self.reason(self.older, MONDAY + self.days(12)), "plan")
        with self.assertRaisesRegex(UserError, "renewed once"):
            plan.action_renew()
        self.follow(MONDAY + self.days(13))
        self.assertEqual((plan.state, plan.close_reason), ("cancelled", "expired"))

    def test_reminder_under_way_is_gone_and_says_why(self):
        run = self.run_day(MONDAY)
        reminder = run.reminder_ids
        self.assertEqual(reminder.state, "ready")
        plan = self.proposed()
        self.assertEqual(reminder.state, "cancelled")
        self.assertIn(plan.name, reminder.cancel_reason)
        self.older.invalidate_recordset()
        self.assertIn("payment plan", self.older.relance_reason)

    def test_kept_plan_rests_without_end(self):
        self.active()
        row = self.row(self.older, MONDAY + self.days(60))
        self.assertEqual((row.verdict, row.reason, row.until), ("hold", "plan", None))

    def test_level_before_the_plan_comes_back_after_it_broke(self):
        self.live_day(MONDAY - self.days(12))
        level = self.lines(self.older).relance_level_id
        self.assertTrue(level)
        plan = self.active()
        with freeze_time(f"{FIRST + self.days(20)} 10:00:00"):
            plan.with_user(self.manager).action_break()
        self.assertEqual(plan.state, "broken")
        row = self.row(self.older, FIRST + self.days(20))
        self.assertEqual((row.level_id, row.reason), (level.id, "climb"))

    def test_acceleration_letter_paces_the_next_reminder(self):
        plan = self.active()
        day = FIRST + self.days(21)
        with freeze_time(f"{day} 10:00:00"):
            plan.with_user(self.manager).action_break()
        self.follow(day)
        self.assertEqual(self.kinds(plan)[-1], "broken")
        self.assertEqual(self.reason(self.older, day + self.days(1)), "gap")
        self.assertEqual(self.reason(self.older, day + self.days(5)), "climb")

    # -- limits and approval -----------------------------------------------------------------------
    def test_beyond_the_limits_a_manager_decides(self):
        self.policy.write({"plan_max_count": 3, "plan_min_amount": 600})
        plan = self.plan(count=4)
        self.assertIn("the policy allows 3", plan.limit_notes)
        self.assertIn("at least", plan.limit_notes)
        plan.action_propose()
        self.assertEqual((plan.state, plan.approval_state), ("draft", "asked"))
        self.assertTrue(plan.activity_ids.user_id.has_group("relance_douce.group_relance_manager"))
        self.assertEqual(self.reason(self.older, MONDAY), "plan", "the customer waits for our answer")
        with self.assertRaises(AccessError):
            plan.action_approve()
        plan.with_user(self.manager).action_approve()
        self.assertEqual((plan.state, plan.approval_state), ("proposed", "granted"))
        self.assertFalse(plan.activity_ids)

    def test_manager_refuses_and_the_plan_can_be_drawn_anew(self):
        self.policy.plan_max_count = 3
        plan = self.plan(count=4)
        plan.action_propose()
        plan.with_user(self.manager).action_refuse()
        self.assertEqual((plan.state, plan.approval_state), ("draft", "refused"))
        self.assertEqual(plan.activity_ids.user_id, self.accountant)
        plan.unlink()
        self.assertEqual(self.plan(count=3).state, "draft")

    def test_manager_may_leave_the_limits_himself(self):
        self.policy.plan_max_count = 3
        plan = self.plan(count=4, user=self.manager)
        plan.action_propose()
        self.assertEqual(plan.state, "proposed")

    def test_offers_lie_within_the_limits(self):
        self.policy.write({"plan_max_count": 10, "plan_max_months": 6, "plan_min_first_percent": 30})
        currency = self.company.currency_id
        offers = self.policy._plan_offers(self.company, currency, 2000.0, FIRST, date=MONDAY)
        self.assertEqual([name for name, _lines in offers], ["short", "balanced", "long"])
        for name, lines in offers:
            self.assertFalse(
                self.policy._plan_limits_exceeded(self.company, currency, lines, MONDAY), f"{name}: {lines}"
            )
            self.assertEqual(sum(amount for _day, amount in lines), 2000)

    def test_public_body_keeps_its_interest(self):
        town = self.customer("Mairie", vat=False, company_registry="21690123100011")
        due = self.invoice(town, MONDAY - self.days(3))
        with self.assertRaisesRegex(ValidationError, "L2192-14"):
            self.plan(due, waive_penalties=True)

    def test_company_may_forbid_waivers(self):
        self.company.relance_waivers_allowed = False
        with self.assertRaisesRegex(ValidationError, "gives up no penalties"):
            self.plan(waive_penalties=True)

    def test_discount_is_decided_apart_and_ends_as_draft_credit_note(self):
        plan = self.plan(count=4)
        plan.sudo()._ask_discount(300.0, "Livraison en retard")
        with self.assertRaises(AccessError):
            plan.action_grant_discount()
        plan.with_user(self.manager).action_grant_discount()
        self.assertEqual(plan.discount_move_ids.mapped("state"), ["draft"])
        self.assertEqual(plan.discount_move_ids.move_type, "out_refund")
        self.assertAlmostEqual(plan.discount_move_ids.amount_total, 300.0)
        self.assertEqual(plan.line_ids.mapped("amount"), [500.0, 500.0, 500.0, 200.0])
        plan.action_propose()
        plan.action_accept(signed_by="Jeanne")
        plan.discount_move_ids.action_post()
        self.lines(plan.discount_move_ids + self.younger).reconcile()
        self.assertEqual(plan.amount_paid, 0.0, "the discount is no payment")
        self.pay(self.older + self.younger, MONDAY)
        self.follow(MONDAY + self.days(1))
        self.assertEqual(plan.state, "kept")

    # -- signing ---------------------------------------------------------------------------------------
    def test_agreed_on_the_phone_and_signed_afterwards(self):
        plan = self.active()
        self.assertEqual((plan.state, plan.signed_kind, plan.signed_by), ("active", "phone", "Jeanne Client"))
        self.assertFalse(plan.date_acknowledged, "a word on the phone proves nothing")
        self.assertEqual(plan.user_id, self.accountant)
        self.assertTrue(plan.agreement_id)
        self.assertEqual(plan.signed_hash, plan._offer_hash())
        self.assertEqual(self.kinds(plan), ["proposal", "confirmation"])
        scan = self.env["ir.attachment"].create({"name": "scan.pdf", "raw": b"%PDF-1.4"})
        with freeze_time(f"{MONDAY + self.days(3)} 10:00:00"):
            plan.action_accept(signed_by="Jeanne Client", scan=scan)
        self.assertEqual((plan.state, plan.signed_kind), ("active", "paper"))
        self.assertEqual(plan.date_acknowledged, MONDAY + self.days(3))
        self.assertTrue(plan.agreement_id)
        with self.assertRaisesRegex(UserError, "reload the page"):
            plan.action_accept(signed_by="Jeanne Client", scan=scan)

    def test_signed_on_paper_keeps_the_scan(self):
        plan = self.proposed()
        scan = self.env["ir.attachment"].create({"name": "scan.pdf", "raw": b"%PDF-1.4"})
        plan.action_accept(signed_by="Jeanne", scan=scan)
        self.assertEqual((plan.signed_kind, plan.scan_id), ("paper", scan))
        self.assertEqual(plan.date_acknowledged, MONDAY)
        self.assertIn(scan, plan.sudo().message_ids.attachment_ids)

    def test_signed_online_with_evidence(self):
        plan = self.proposed().sudo()
        shown = plan._offer_hash()
        signed = plan._accept(
            "Jeanne Client", signature=SIGNATURE, function="Gérante", ip="192.0.2.7", offer=shown
        )
        self.assertTrue(signed)
        self.assertFalse(plan._accept("Jeanne Client", signature=SIGNATURE, offer=shown), "a double click")
        self.assertEqual((plan.signed_ip, plan.signed_function), ("192.0.2.7", "Gérante"))
        self.assertEqual(plan.signed_offer["total"], "2000.00")
        self.assertTrue(base64.b64decode(plan.signature).startswith(b"\x89PNG"))
        self.assertEqual(self.kinds(plan).count("confirmation"), 1)

    def test_changed_offer_cannot_be_signed(self):
        plan = self.proposed()
        shown = plan._offer_hash()
        plan.action_revise()
        self.assertEqual(plan.state, "draft")
        with self.assertRaisesRegex(UserError, "withdrawn"):
            plan.sudo()._accept("Jeanne", offer=shown)
        plan.write({"line_ids": [Command.update(plan.line_ids[0].id, {"date_due": FIRST + self.days(1)})]})
        plan.action_propose()
        with self.assertRaisesRegex(UserError, "changed meanwhile"):
            plan.sudo()._accept("Jeanne", offer=shown)
        self.assertEqual(plan.state, "proposed")

    def test_withdrawn_or_expired_offer_cannot_be_signed(self):
        plan = self.proposed()
        with freeze_time(f"{MONDAY + self.days(8)} 10:00:00"), self.assertRaisesRegex(UserError, "expired"):
            plan.sudo()._accept("Jeanne")
        plan.action_cancel("Trop long")
        with self.assertRaisesRegex(UserError, "withdrawn"):
            plan.sudo()._accept("Jeanne")

    def test_amounts_that_changed_cannot_be_signed(self):
        self.pay(self.older, MONDAY - self.days(1), 300.0)
        plan = self.proposed()
        self.assertEqual(plan.amount_total, 1700.0)
        self.lines(self.older).remove_move_reconcile()
        with self.assertRaisesRegex(UserError, "amount owed changed"):
            plan.sudo()._accept("Jeanne")

    def test_payment_before_signing_counts_for_the_plan(self):
        plan = self.proposed()
        self.pay(self.older, MONDAY, 500.0)
        plan.action_accept(signed_by="Jeanne")
        self.assertEqual(self.instalments(plan)[0], (500.0, 500.0, "paid"))

    def test_customer_declines(self):
        plan = self.proposed().sudo()
        self.assertTrue(plan._decline("Trop <b>cher</b>"))
        self.assertFalse(plan._decline("Trop cher"))
        self.assertEqual((plan.state, plan.close_reason), ("cancelled", "declined"))
        self.assertEqual(plan.activity_ids.user_id, self.accountant)
        self.assertNotEqual(self.reason(self.older, MONDAY), "plan")

    def test_counter_proposal_within_the_limits_becomes_the_offer(self):
        plan = self.proposed().sudo()
        shown = plan._offer_hash()
        self.assertEqual(plan._counter(5, FIRST, reason="Saison creuse"), "accepted")
        self.assertEqual(plan.line_ids.mapped("amount"), [400.0] * 5)
        with self.assertRaisesRegex(UserError, "changed meanwhile"):
            plan._accept("Jeanne", offer=shown)
        self.assertTrue(plan._accept("Jeanne", offer=plan._offer_hash()))

    def test_counter_proposal_beyond_the_limits_is_asked(self):
        plan = self.proposed()
        self.assertEqual(plan.sudo()._counter(40, FIRST), "asked")
        self.assertEqual(len(plan.line_ids), 4, "the offer stands meanwhile")
        self.assertTrue(plan.activity_ids.user_id.has_group("relance_douce.group_relance_manager"))
        with self.assertRaises(AccessError):
            plan.action_accept_counter()
        plan.with_user(self.manager).action_accept_counter()
        self.assertEqual(len(plan.line_ids), 40)
        self.assertEqual(self.kinds(plan), ["proposal", "proposal"])

    def test_counter_proposals_do_not_stop_reminders_for_ever(self):
        plan = self.proposed().sudo()
        for offset in (5, 10, 11):
            with freeze_time(f"{MONDAY + self.days(offset)} 10:00:00"):
                plan._counter(40, MONDAY + self.days(30))
        self.assertEqual(plan.date_valid, MONDAY + self.days(18), "he waits for our answer")
        self.assertEqual(plan.date_hold, MONDAY + self.days(14), "as if it was renewed once")
        self.assertNotEqual(self.reason(self.older, MONDAY + self.days(15)), "plan")

    def test_invoice_being_corrected_changes_no_progress(self):
        plan = self.active()
        self.pay(self.older, MONDAY, 500.0)
        self.older.button_draft()
        self.assertTrue(plan.has_lost_claims)
        self.assertIn("was reset", plan.activity_ids.summary)
        self.assertEqual(self.instalments(plan)[0], (500.0, 500.0, "paid"))
        self.follow(FIRST + self.days(40))
        self.assertEqual(plan.state, "active", "neither kept nor broken by itself")
        self.older.action_post()
        self.assertFalse(plan.activity_ids.filtered(lambda one: "was reset" in one.summary))

    def test_counter_proposal_is_refused_kindly(self):
        plan = self.proposed()
        plan.sudo()._counter(40, FIRST)
        plan.action_refuse_counter()
        self.assertEqual((plan.counter_state, plan.state), ("refused", "proposed"))
        self.assertEqual(self.kinds(plan), ["proposal", "counter_refused"])

    def test_renegotiation_replaces_the_plan_and_keeps_the_history(self):
        first = self.active()
        self.pay(self.older, MONDAY, 500.0)
        second = self.plan(count=6, replaces_id=first.id)
        second.action_propose()
        self.assertEqual((first.state, second.state), ("active", "proposed"))
        second.action_accept(signed_by="Jeanne")
        self.assertEqual((first.state, first.close_reason, second.state), ("cancelled", "replaced", "active"))
        self.assertEqual(second.amount_total, 1500.0)
        self.assertEqual(second.amount_paid, 0.0)
        self.assertEqual(first.line_ids[0].state, "paid")
        self.assertEqual(first.replaced_by_ids, second)

    # -- what adversaries tried ---------------------------------------------------------------------------
    def test_signed_lines_are_not_added_by_moving_them(self):
        signed = self.active(moves=self.older, count=2)
        draft = self.plan(self.younger, count=2)
        with self.assertRaisesRegex(AccessError, "stays in its plan"):
            draft.line_ids[0].write({"plan_id": signed.id})

    def test_evidence_is_neither_changed_nor_deleted(self):
        plan = self.active()
        agreement = plan.agreement_id.with_user(self.accountant)
        for attempt in (lambda: agreement.write({"raw": b"forged"}), agreement.unlink):
            with self.assertRaisesRegex(UserError, "stays as it was signed"):
                attempt()
        self.assertEqual(plan.agreement_hash, hashlib.sha256(plan.agreement_id.raw).hexdigest())
        self.assertIn(plan.agreement_hash, "".join(plan.sudo().message_ids.mapped("body")))

    def test_accountant_keeps_to_grace_and_notice_that_were_signed(self):
        plan = self.active()
        with freeze_time(f"{FIRST - self.days(1)} 10:00:00"), self.assertRaisesRegex(UserError, "is late"):
            plan.action_break()
        self.follow(FIRST + self.days(1))
        with freeze_time(f"{FIRST + self.days(1)} 10:00:00"), self.assertRaisesRegex(UserError, "notice"):
            plan.action_break()
        with freeze_time(f"{FIRST + self.days(8)} 10:00:00"):
            with self.assertRaisesRegex(UserError, "written notice of 8 days"):
                plan.action_break()
            plan.action_send_notice()
        with freeze_time(f"{FIRST + self.days(17)} 10:00:00"):
            plan.action_break()
        self.assertEqual(plan.state, "broken")

    def test_who_turns_out_to_be_a_consumer_is_treated_like_one(self):
        plan = self.active()
        self.payer.relance_audience = "consumer"
        for offset in range(60):
            self.follow(FIRST + self.days(offset))
        self.assertEqual(plan.state, "active")
        with self.assertRaises(AccessError):
            plan.action_cancel("Autrement")
        with self.assertRaisesRegex(UserError, "Say why"):
            plan.with_user(self.manager).action_cancel()

    def test_somebody_else_s_plan_is_not_replaced(self):
        signed = self.active()
        other = self.invoice(self.customer("Une autre", vat="FR40303265045"), MONDAY, 300.0)
        with self.assertRaisesRegex(UserError, "cannot be renegotiated here"):
            self.plan(other, count=2, replaces_id=signed.id)

    def test_offers_again_and_again_do_not_stop_dunning(self):
        plan = self.proposed()
        for offset in (6, 12, 18):
            with freeze_time(f"{MONDAY + self.days(offset)} 10:00:00"):
                plan.action_revise()
                plan.line_ids[0].date_due = FIRST + self.days(20)
                plan.action_propose()
        self.assertEqual(plan.date_hold, MONDAY + self.days(14))
        self.assertEqual(plan.date_valid, MONDAY + self.days(25), "but it can be signed")
        with freeze_time(f"{MONDAY + self.days(19)} 10:00:00"):
            plan.action_cancel()
            again = self.proposed(first=FIRST + self.days(20))
        self.assertEqual(again.date_hold, MONDAY + self.days(14))
        self.assertNotEqual(self.reason(self.older, MONDAY + self.days(20)), "plan")

    def test_second_counter_proposal_is_refused_as_well(self):
        plan = self.proposed()
        for _round in range(2):
            plan.sudo()._counter(40, FIRST)
            plan.action_refuse_counter()
        self.assertEqual(self.kinds(plan), ["proposal", "counter_refused"])

    def test_plan_nobody_decides_about_does_not_hold_for_ever(self):
        self.policy.plan_break = "manual"
        plan = self.active()
        day = FIRST + self.days(5 + 8 + 14)
        self.follow(FIRST + self.days(1))
        self.follow(day + self.days(1))
        self.assertIn("Nobody decided", " ".join(plan.activity_ids.mapped("summary")))
        last = FIRST + self.days(2 * (5 + 8 + 14))
        row = self.row(self.older, last)
        self.assertEqual((row.reason, row.until), ("plan", last))
        self.assertNotEqual(self.reason(self.older, last + self.days(1)), "plan")

    def test_draft_is_drawn_again_over_what_is_still_owed(self):
        plan = self.plan(count=4)
        self.pay(self.older, MONDAY)
        self.pay(self.younger, MONDAY, 200.0)
        with self.assertRaisesRegex(UserError, "is paid"):
            plan.action_propose()
        action = plan.action_redraw()
        wizard = self.env["relance.plan.negotiate"].with_user(self.accountant).browse(action["res_id"])
        self.assertEqual(plan.claim_ids.mapped("name"), [self.younger.name])
        self.assertEqual(wizard.amount_owed, 1000.0)
        wizard._take_offer("balanced")
        wizard.action_propose()
        self.assertEqual((plan.state, plan.amount_total, plan.amount_paid), ("proposed", 1000.0, 0.0))

    def test_terms_are_those_that_were_signed(self):
        plan = self.plan()
        self.policy.write({"plan_grace_days": 30, "plan_notice_days": 20})
        plan.action_propose()
        self.assertEqual((plan.grace_days, plan.sudo()._offer()["break"]), (30, [30, 20]))
        plan.action_accept(signed_by="Jeanne")
        self.policy.plan_grace_days = 1
        self.assertEqual(plan.sudo()._break_terms(), [30, 20])
        self.assertEqual(plan.signed_hash, plan._offer_hash())

    def test_payer_of_a_plan_is_not_deleted(self):
        head = self.customer("Siège", vat=False, company_registry="33417522100056")
        self.payer.relance_payer_id = head
        self.active()
        with self.assertRaises(ForeignKeyViolation), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            head.unlink()

    def test_link_goes_to_the_address_that_was_given(self):
        plan = self.plan()
        plan.write({"signer_email": "Nouvelle.Adresse@client.test", "signer_name": "Léa Neuf"})
        plan.action_propose()
        self.assertEqual(plan.contact_id.email, "nouvelle.adresse@client.test")
        self.assertEqual(plan.contact_id.parent_id, self.payer)
        mail = self.env["mail.mail"].search([("model", "=", "relance.plan"), ("res_id", "=", plan.id)])
        self.assertEqual(mail.recipient_ids, plan.contact_id)

    def test_what_is_promised_for_today_can_be_paid_at_once(self):
        plan = self.proposed(first=MONDAY)
        link = (
            f"/my/plans/{plan.id}/pay?access_token={plan.sudo().access_token}&amp;line={plan.line_ids[0].id}"
        )
        mails = self.env["mail.mail"].search([("model", "=", "relance.plan"), ("res_id", "=", plan.id)])
        self.assertIn(link, mails.body_html)
        later = self.proposed(moves=self.invoice(self.payer, MONDAY, 500.0), count=2)
        mails = self.env["mail.mail"].search([("model", "=", "relance.plan"), ("res_id", "=", later.id)])
        self.assertNotIn("/pay?", mails.body_html)

    def test_three_decimals_are_typed_in_many_ways(self):
        dinar = self.env.ref("base.TND")
        dinar.active = True
        owed = self.invoice(self.payer, MONDAY, 1234.567, currency_id=dinar.id)
        plan = self.plan(owed, count=2).sudo()
        words = plan._sum_in_words()
        for figures in ("1234,567", "1 234,567", "1234.567", "1.234,567"):
            plan._check_sum(figures, words)
        with self.assertRaisesRegex(UserError, "in figures"):
            plan._check_sum("1234,56", words)

    def test_withdrawn_offer_of_a_reminder_does_not_come_back(self):
        self.live_day(MONDAY)
        reminder = self.reminders(self.payer)[0].sudo()
        reminder.plan_offer = {
            "lines": [[str(FIRST), 1000.0], [str(FIRST + self.days(30)), 1000.0]],
            "currency_id": self.company.currency_id.id,
            "valid": str(FIRST),
        }
        plan = reminder._accept_plan_offer()
        self.assertEqual(reminder._accept_plan_offer(), plan)
        plan.with_user(self.accountant).action_cancel("Client douteux")
        with self.assertRaisesRegex(UserError, "spoke about this offer already"):
            reminder._accept_plan_offer()

    # -- rights ------------------------------------------------------------------------------------------
    def test_salesperson_reads_her_customers_and_changes_nothing(self):
        plan = self.active()
        with self.assertRaises(AccessError):
            plan.with_user(self.salesperson).read(["state"])
        self.payer.user_id = self.salesperson
        own = plan.with_user(self.salesperson)
        self.assertEqual(own.read(["state"])[0]["state"], "active")
        for action in (own.action_break, own.action_cancel, own.action_accept, own.action_propose):
            with self.subTest(action), self.assertRaises(AccessError):
                action()
        with self.assertRaises(AccessError):
            self.plan(self.invoice(self.payer, MONDAY), count=2, user=self.salesperson)

    def test_nobody_writes_states_by_hand(self):
        plan = self.proposed()
        for values in (
            {"state": "active"},
            {"amount_paid": 5},
            {"signed_by": "x"},
            {"approval_state": "granted"},
        ):
            with self.subTest(values), self.assertRaises(AccessError):
                plan.write(values)
        for record in (plan, plan.line_ids[0]):
            values = {"means": "card"} if record == plan else {"amount": 3.0}
            with self.subTest(record), self.assertRaisesRegex(UserError, "behind the customer's back"):
                record.write(values)
        with self.assertRaisesRegex(UserError, "stays"):
            plan.unlink()

    def test_invoices_of_another_company_are_not_negotiated(self):
        other = self.env["res.company"].create({"name": "Ailleurs"})
        lines = self.lines(self.older)
        self.accountant.write({"company_ids": [Command.set(other.ids)], "company_id": other.id})
        with self.assertRaises(AccessError):
            self.env["relance.plan"].with_user(self.accountant)._create_for(lines, 2, FIRST)

    def test_another_company_sees_nothing(self):
        plan = self.active()
        other = self.env["res.company"].create({"name": "Ailleurs"})
        self.accountant.write({"company_ids": [Command.link(other.id)]})
        elsewhere = (
            self.env["relance.plan"].with_user(self.accountant).with_context(allowed_company_ids=other.ids)
        )
        self.assertFalse(elsewhere.search([("id", "=", plan.id)]))

    # -- the end --------------------------------------------------------------------------------------------
    def test_kept_plan_gives_up_penalties_and_thanks(self):
        plan = self.active(waive_penalties=True)
        self.pay(self.older + self.younger, MONDAY)
        self.assertEqual(plan.state, "active", "not before the working day after")
        self.follow(MONDAY + self.days(1))
        self.assertEqual((plan.state, plan.waiver_due, plan.progress), ("kept", True, 100.0))
        self.assertEqual(self.kinds(plan), ["proposal", "confirmation", "thanks"])

    def test_consumer_is_ended_by_a_person_after_notice_only(self):
        person = self.customer("Marie Martin", is_company=False, vat=False)
        owed = self.invoice(person, MONDAY - self.days(10), 600.0)
        plan = self.active(moves=owed, count=3)
        self.assertEqual((plan.break_mode, plan.notice_days), ("manual", 30))
        for offset in range(60):
            self.follow(FIRST + self.days(offset))
        self.assertEqual(plan.state, "active", "never by itself")
        self.assertTrue(plan.activity_ids)
        day = FIRST + self.days(60)
        with freeze_time(f"{day} 10:00:00"):
            with self.assertRaisesRegex(UserError, "written notice"):
                plan.action_break()
            plan.action_send_notice()
        with freeze_time(f"{day + self.days(30)} 10:00:00"), self.assertRaisesRegex(UserError, "runs until"):
            plan.action_break()
        with freeze_time(f"{day + self.days(31)} 10:00:00"):
            plan.action_break()
        self.assertEqual(plan.state, "broken")

    def test_scheduled_action_follows_and_sends(self):
        plan = self.active()
        cron = self.env.ref("relance_douce.ir_cron_follow")
        self.company.relance_active = False
        with freeze_time(f"{FIRST - self.days(3)} 10:00:00"):
            self.trigger(cron)
            self.assertNotIn("upcoming", self.kinds(plan))
            self.company.relance_active = True
            self.trigger(cron)
            self.assertEqual(self.kinds(plan), ["proposal", "confirmation", "upcoming"])
            self.trigger(cron)
            self.assertEqual(self.kinds(plan).count("upcoming"), 1)

    def trigger(self, cron):
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.env.invalidate_all()

    @mute_logger("odoo.addons.relance_douce.models.relance_plan_follow")
    def test_a_failing_company_does_not_stop_the_others(self):
        plan = self.active()
        other = self.env["res.company"].create({"name": "Autre"})
        (self.company + other).write({"relance_active": True})
        plan_class = type(self.env["relance.plan"])
        original = plan_class._follow

        def fails(plans, company, date):
            if company == other:
                raise UserError("un calendrier étrange")
            return original(plans, company, date)

        with freeze_time(f"{FIRST - self.days(3)} 10:00:00"), patch.object(plan_class, "_follow", fails):
            self.trigger(self.env.ref("relance_douce.ir_cron_follow"))
        self.assertIn("upcoming", self.kinds(plan))

    def test_a_server_that_cannot_print_loses_no_signature(self):
        plan = self.proposed()
        report_class = type(self.env["ir.actions.report"])
        with patch.object(report_class, "get_wkhtmltopdf_state", lambda self: "install"):
            plan.action_accept(signed_by="Jeanne", signature=SIGNATURE)
        self.assertEqual((plan.state, plan.agreement_id.id), ("active", False))
        self.follow(MONDAY + self.days(1))
        self.assertTrue(plan.agreement_id)

    def test_nothing_breaks_while_the_bank_is_stale(self):
        self.bank_line(10.0, MONDAY - self.days(5))
        plan = self.active()
        for offset in range(1, 40):
            self.follow(FIRST + self.days(offset))
        self.assertEqual(plan.state, "active")
        self.assertNotIn("nudge", self.kinds(plan))
        with freeze_time(f"{FIRST + self.days(40)} 10:00:00"), self.assertRaisesRegex(UserError, "bank data"):
            plan.action_break()
