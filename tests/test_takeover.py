"""Overdue customers, and what is said about many of them at once."""

from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.service.model import retrying
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.relance_douce.models.relance_takeover import Entry

from .common import MONDAY, RelanceCase
from .test_races import RaceCase
from .test_scale import ScaleCase


class TakeoverCase(RelanceCase):
    """The day is MONDAY for whoever asks."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.accountant.group_ids += cls.env.ref("base.group_partner_manager")
        cls.startClassPatcher(
            patch.object(type(cls.env["res.company"]), "_relance_date", lambda self, now=None: MONDAY)
        )

    def overdue(self, *customers, user=None):
        rows = self.env["relance.overdue"].with_user(user or self.accountant).search([])
        ids = [customer.id for customer in customers]
        return rows.filtered(lambda row: row.partner_id.id in ids) if customers else rows

    def wizard(self, kind, *customers, user=None, **values):
        rows = self.overdue(*customers, user=user)
        self.assertEqual(len(rows.partner_id), len(customers))
        action = rows.with_context(default_kind=kind).action_take_over()
        return (
            self.env["relance.takeover.wizard"]
            .with_user(user or self.accountant)
            .with_context(**action["context"])
            .create(values)
        )

    def do(self, kind, *customers, user=None, **values):
        """Confirm the dialog; the mass actions it made."""
        before = self.env["relance.takeover"].search([])
        self.wizard(kind, *customers, user=user, **values).action_confirm()
        return self.env["relance.takeover"].search([]) - before

    def said(self, record):
        return [
            message.body.striptags()
            for message in self.env["mail.message"].search(
                [("model", "=", record._name), ("res_id", "=", record.id)], order="id"
            )
        ]


@tagged("post_install", "-at_install")
class TestOverdue(TakeoverCase):
    def test_one_row_per_customer_and_company(self):
        client = self.customer(user_id=self.salesperson.id)
        self.invoice(client, MONDAY - self.days(10), 100)
        self.invoice(client, MONDAY - self.days(40), 50.5)
        self.invoice(client, MONDAY, 999)  # due today is not late
        self.invoice(client, MONDAY + self.days(3), 999)
        row = self.overdue(client)
        self.assertEqual((row.line_count, row.invoice_count, row.days_late), (2, 2, 40))
        self.assertEqual(row.amount_overdue, 150.5)
        self.assertEqual((row.partner_id, row.payer_id, row.company_id), (client, client, self.company))
        self.assertEqual((row.policy_id, row.audience), (self.policy, "business"))
        self.assertEqual((row.user_id, row.reason, row.held_count), (self.salesperson, "climb", 0))
        self.assertFalse(row.level_id)

    def test_what_is_paid_or_not_due_makes_no_row(self):
        paid, coming = self.customer("Payé"), self.customer("À échoir")
        self.settle(self.invoice(paid, MONDAY - self.days(10)), MONDAY)
        self.invoice(coming, MONDAY)
        self.assertFalse(self.overdue(paid, coming))

    def test_currencies_are_told_apart(self):
        dollar = self.env.ref("base.USD")
        dollar.active = True
        client = self.customer()
        self.invoice(client, MONDAY - self.days(10), 100)
        abroad = self.invoice(client, MONDAY - self.days(10), 100, currency_id=dollar.id)
        row = self.overdue(client)
        self.assertEqual(row.amount_overdue, 100 + self.line(abroad).amount_residual)
        self.assertEqual(
            row.currency_amounts, {str(self.company.currency_id.id): 100.0, str(dollar.id): 100.0}
        )
        self.assertIn("$", row.amounts)

    def test_levels_holds_last_contact_and_last_payment(self):
        client = self.customer()
        old = self.invoice(client, MONDAY - self.days(60), 100)
        self.invoice(client, MONDAY - self.days(5), 100)
        self.line(old).write({"relance_level_id": self.levels["friendly"].id, "relance_level_date": MONDAY})
        self.settle(self.invoice(client, MONDAY - self.days(90), 70), MONDAY - self.days(20))
        client.relance_paused_until = MONDAY + self.days(8)
        row = self.overdue(client)
        self.assertEqual((row.level_id, row.tone), (self.levels["friendly"], "friendly"))
        self.assertEqual(row.last_payment, MONDAY - self.days(20))
        self.assertEqual(
            (row.paused_until, row.reason, row.held_count), (MONDAY + self.days(8), "not_due", 1)
        )
        self.assertFalse(row.last_contact)

    def test_a_payer_answers_for_several_rows(self):
        head, shop = self.customer("Siège"), self.customer("Magasin")
        shop.relance_payer_id = head
        self.invoice(shop, MONDAY - self.days(10))
        row = self.overdue(shop)
        self.assertEqual((row.partner_id, row.payer_id), (shop, head))
        self.assertFalse(self.overdue(head))

    def test_filters_groups_and_opening(self):
        client, young = self.customer("Vieux"), self.customer("Jeune", vat=False)
        invoice = self.invoice(client, MONDAY - self.days(70))
        self.invoice(young, MONDAY - self.days(2))
        rows = self.env["relance.overdue"].with_user(self.accountant)
        both = [("partner_id", "in", (client + young).ids)]
        self.assertEqual(rows.search([("days_late", ">", 60), *both]).partner_id, client)
        self.assertEqual(rows.search([("audience", "=", "unknown"), *both]).partner_id, young)
        self.assertEqual(rows.search(both, order="partner_id").mapped("partner_id.name"), ["Jeune", "Vieux"])
        self.assertEqual(
            rows._read_group(both, ["policy_id"], ["amount_overdue:sum", "days_late:max"]),
            [(self.policy, 1200.0, 70), (self.consumers, 1200.0, 2)],
        )
        action = self.overdue(client).action_open_invoices()
        self.assertEqual(self.env[action["res_model"]].search(action["domain"]), invoice)

    def test_rights(self):
        client = self.customer(user_id=self.salesperson.id)
        self.invoice(client, MONDAY - self.days(10))
        for user in (self.salesperson, self.outsider):
            with self.assertRaises(AccessError):
                self.overdue(client, user=user)
        self.assertTrue(self.overdue(client, user=self.manager))
        other = self.env["res.company"].create({"name": "Autre société"})
        theirs = self.env["relance.overdue"].with_user(self.accountant).browse((client.id << 20) + other.id)
        self.assertFalse(theirs.search([("id", "in", theirs.ids)]))
        with self.assertRaises(AccessError):
            self.overdue(client).with_user(self.salesperson).action_take_over()


@tagged("post_install", "-at_install")
class TestTakeover(TakeoverCase):
    def setUp(self):
        super().setUp()
        self.client = self.customer()
        self.old = self.invoice(self.client, MONDAY - self.days(50), 100)
        self.young = self.invoice(self.client, MONDAY - self.days(6), 40)

    def reached(self, invoice):
        line = self.line(invoice)
        return (line.relance_level_id.tone or None, line.relance_level_date or None)

    # -- already at a level ----------------------------------------------------------------
    def test_already_at_level(self):
        day = MONDAY - self.days(20)
        takeover = self.do(
            "level", self.client, level_id=self.levels["friendly"].id, date=day, channel="letter"
        )
        self.assertEqual(self.reached(self.old), ("friendly", day))
        self.assertEqual(self.reached(self.young), (None, None))
        reminder = self.reminders(self.client)
        self.assertEqual(
            (reminder.kind, reminder.state, reminder.is_outside, reminder.delivery_state, reminder.channel),
            ("level", "sent", True, "delivered", "letter"),
        )
        self.assertEqual((reminder.contact_date, reminder.date_planned), (day, day))
        self.assertEqual(reminder.line_ids.move_id, self.old)
        self.assertEqual(reminder.line_ids.amount_residual, 100)
        self.assertTrue(reminder.line_ids.counts)
        case = reminder.case_id
        self.assertEqual(
            (case.state, case.level_id, case.user_id), ("open", self.levels["friendly"], self.accountant)
        )
        self.assertEqual(takeover.reminder_ids, reminder)
        self.assertEqual((takeover.customer_count, takeover.invoice_count, takeover.amount), (1, 1, 100))
        self.assertEqual(len(self.said(case)), 1)
        self.assertIn(self.levels["friendly"].name, self.said(case)[0])

    def test_the_ladder_the_gap_and_the_budget_go_on_from_there(self):
        self.do("level", self.client, level_id=self.levels["friendly"].id, date=MONDAY - self.days(2))
        self.assertReason("gap", self.young)
        row = self.row(self.old, MONDAY)
        self.assertEqual((row.reason, row.target_level_id), ("not_due", self.levels["attentive"].id))
        wait = self.levels["attentive"].delay_days - self.levels["friendly"].delay_days
        self.assertEqual(row.next_date, MONDAY - self.days(2) + self.days(wait))
        self.policy.write({"max_contacts_30d": 1, "min_days_between_contacts": 1})
        self.assertReason("budget", self.young)

    def assertReason(self, reason, invoice, day=MONDAY):
        self.assertEqual(self.reason(invoice, day), reason)

    def test_never_lowered_never_twice(self):
        friendly, attentive = self.levels["friendly"], self.levels["attentive"]
        day = MONDAY - self.days(10)
        self.do("level", self.client, level_id=attentive.id, date=day)
        for level in (friendly, attentive):
            wizard = self.wizard("level", self.client, level_id=level.id, date=MONDAY - self.days(1))
            self.assertFalse(wizard.fits)
            with self.assertRaises(UserError):
                wizard.action_confirm()
        self.assertEqual(self.reached(self.old), ("attentive", day))
        self.assertEqual(len(self.reminders(self.client)), 1)

    def test_higher_later_in_the_same_case(self):
        self.do("level", self.client, level_id=self.levels["friendly"].id, date=MONDAY - self.days(20))
        self.do("level", self.client, level_id=self.levels["attentive"].id, date=MONDAY - self.days(5))
        self.assertEqual(self.reached(self.old), ("attentive", MONDAY - self.days(5)))
        self.assertEqual(len(self.reminders(self.client).case_id), 1)

    def test_the_day_cannot_lie_in_the_future_nor_before_the_invoice_was_old_enough(self):
        for day in (MONDAY + self.days(1), MONDAY - self.days(49)):
            wizard = self.wizard("level", self.client, level_id=self.levels["friendly"].id, date=day)
            self.assertFalse(wizard.fits)
            with self.assertRaises(UserError):
                wizard.action_confirm()
        self.assertFalse(self.reminders(self.client))

    def test_each_customer_by_his_own_policy(self):
        key = self.env.ref("relance_douce.policy_key")
        firm = next(level for level in self.policy.level_ids if level.tone == "firm")
        grand = self.customer("Grand compte", relance_policy_id=key.id)
        invoice = self.invoice(grand, MONDAY - self.days(200))
        key.level_ids.filtered(lambda level: level.tone == "firm").active = False
        wizard = self.wizard("level", self.client, grand, level_id=firm.id, date=MONDAY)
        self.assertTrue(wizard.fits)
        self.assertIn("Grand compte", wizard.summary)
        self.assertIn(key.name, wizard.summary)
        wizard.action_confirm()
        self.assertEqual(self.reached(self.old), ("firm", MONDAY))
        self.assertEqual(self.reached(invoice), (None, None))
        first = self.wizard("level", grand, level_id=self.levels["friendly"].id, date=MONDAY)
        first.action_confirm()
        self.assertEqual(self.line(invoice).relance_level_id.policy_id, key)

    def test_the_levels_to_choose_from_have_each_name_once(self):
        grand = self.customer("Grand compte", relance_policy_id=self.env.ref("relance_douce.policy_key").id)
        self.invoice(grand, MONDAY - self.days(10))
        names = self.wizard("level", self.client, grand).level_choice_ids.mapped("name")
        self.assertEqual(len(names), len(set(names)))
        self.assertGreater(len(names), 2)

    def test_what_was_planned_is_planned_anew(self):
        self.run_day(MONDAY)
        planned = self.reminders(self.client)
        self.assertEqual(planned.state, "ready")
        self.do("level", self.client, level_id=self.levels["friendly"].id, date=MONDAY - self.days(20))
        self.assertEqual(planned.state, "cancelled")
        self.assertEqual(self.reached(self.old), ("friendly", MONDAY - self.days(20)))

    def test_one_contact_for_a_payer_of_several(self):
        shop = self.customer("Magasin", relance_payer_id=self.client.id)
        theirs = self.invoice(shop, MONDAY - self.days(50), 60)
        self.do("level", self.client, shop, level_id=self.levels["friendly"].id, date=MONDAY - self.days(9))
        reminder = self.reminders(self.client)
        self.assertEqual(reminder.line_ids.move_id, self.old + theirs)
        self.assertEqual(reminder.balance_total, 160)

    def test_undo_level(self):
        self.line(self.old).write(
            {"relance_level_id": self.levels["courtesy"].id, "relance_level_date": MONDAY - self.days(40)}
        )
        takeover = self.do(
            "level", self.client, level_id=self.levels["friendly"].id, date=MONDAY - self.days(2)
        )
        takeover.with_user(self.accountant).action_undo()
        self.assertEqual(self.reached(self.old), ("courtesy", MONDAY - self.days(40)))
        self.assertNotEqual(self.reason(self.young, MONDAY), "gap")
        self.assertEqual((takeover.state, takeover.undone_by_id), ("undone", self.accountant))
        self.assertEqual(self.reminders(self.client).state, "cancelled")
        with self.assertRaises(UserError):
            takeover.with_user(self.accountant).action_undo()
        # and it can be said again
        self.do("level", self.client, level_id=self.levels["friendly"].id, date=MONDAY - self.days(3))
        self.assertEqual(self.reached(self.old), ("friendly", MONDAY - self.days(3)))

    def test_undo_leaves_what_went_on_since(self):
        first = self.do(
            "level", self.client, level_id=self.levels["friendly"].id, date=MONDAY - self.days(20)
        )
        self.do("level", self.client, level_id=self.levels["attentive"].id, date=MONDAY - self.days(5))
        first.with_user(self.accountant).action_undo()
        self.assertEqual(self.reached(self.old), ("attentive", MONDAY - self.days(5)))

    def test_a_letter_made_outside_is_not_printed_when_it_is_undone(self):
        self.do(
            "level",
            self.client,
            level_id=self.levels["friendly"].id,
            date=MONDAY - self.days(20),
            channel="letter",
        )
        reminder = self.reminders(self.client)
        reminder.with_user(self.accountant).action_undo()
        self.assertEqual(reminder.state, "cancelled")
        self.assertEqual(self.reached(self.old), (None, None))

    # -- with the lawyer ------------------------------------------------------------------------
    def test_handed_over_and_back(self):
        self.run_day(MONDAY)
        takeover = self.do("handed_over", self.client, note="Maître Dupuis")
        holds = takeover.hold_ids
        self.assertEqual(holds.move_id, self.old + self.young)
        self.assertEqual(set(holds.mapped("reason")), {"handed_over"})
        self.assertEqual((set(holds.mapped("note")), holds.user_id), ({"Maître Dupuis"}, self.accountant))
        self.assertFalse(any(holds.mapped("until")))
        self.assertReason("handed_over", self.old)
        self.assertEqual(self.reminders(self.client).state, "cancelled")
        self.assertIn("Maître Dupuis", self.said(self.client)[-1])
        self.assertFalse(self.wizard("handed_over", self.client).fits)
        later = self.invoice(self.client, MONDAY - self.days(8))
        self.assertNotEqual(self.reason(later, MONDAY), "handed_over")
        self.assertEqual(
            self.env["relance.overdue"]
            .with_user(self.accountant)
            .search([("is_handed_over", "=", True)])
            .partner_id,
            self.client,
        )
        takeover.with_user(self.accountant).action_undo()
        self.assertNotEqual(self.reason(self.old, MONDAY), "handed_over")

    # -- doubtful --------------------------------------------------------------------------------
    def test_handing_over_says_which_payment_plans_go_on(self):
        plan = self.env["relance.plan"]._create_for(self.line(self.old), 3, MONDAY + self.days(10))
        wizard = self.wizard("handed_over", self.client)
        self.assertNotIn("payment plan", wizard.summary)
        plan.action_propose()
        wizard = self.wizard("handed_over", self.client)
        self.assertIn(plan.name, wizard.summary)
        self.assertIn("1 invoice. The plan goes on", wizard.summary)
        wizard.action_confirm()
        self.assertEqual(plan.state, "proposed")
        # nor in any other dialog
        self.assertNotIn(plan.name, self.wizard("doubtful", self.client).summary)

    def test_doubtful_and_back(self):
        self.young.no_followup = True
        takeover = self.do("doubtful", self.client, note="Redressement judiciaire")
        self.assertTrue(self.old.no_followup)
        self.assertEqual(self.client.trust, "bad")
        self.assertReason("host_flag", self.old)
        self.assertIn("Redressement judiciaire", self.said(self.client)[-1])
        self.assertFalse(self.wizard("doubtful", self.client).fits)
        takeover.with_user(self.accountant).action_undo()
        self.assertFalse(self.old.no_followup)
        self.assertTrue(self.young.no_followup, "it was flagged before")
        self.assertNotEqual(self.client.trust, "bad")

    def test_the_flag_covers_all_instalments_of_an_invoice(self):
        terms = self.env.ref("account.account_payment_term_advance_60days")
        invoice = self.invoice(
            self.customer("Deux échéances"), MONDAY - self.days(50), invoice_payment_term_id=terms.id
        )
        self.assertGreater(len(self.line(invoice)), 1)
        self.do("doubtful", invoice.partner_id)
        self.assertEqual(set(self.line(invoice).mapped("no_followup")), {True})
        self.assertTrue(invoice.no_followup)

    # -- not before, policy, payer, audience ---------------------------------------------------------
    def test_pause_and_back(self):
        self.run_day(MONDAY)
        self.client.relance_paused_until = False
        takeover = self.do("paused", self.client, until=MONDAY + self.days(9), note="Inventaire")
        self.assertEqual(self.client.relance_paused_until, MONDAY + self.days(9))
        self.assertEqual(self.reminders(self.client).state, "cancelled")
        self.assertReason("paused", self.old)
        self.assertIn("Inventaire", self.said(self.client)[-1])
        self.assertFalse(self.wizard("paused", self.client, until=MONDAY - self.days(1)).fits)
        takeover.with_user(self.accountant).action_undo()
        self.assertFalse(self.client.relance_paused_until)

    def test_undo_leaves_what_somebody_changed_since(self):
        takeover = self.do("paused", self.client, until=MONDAY + self.days(9))
        self.client.relance_paused_until = MONDAY + self.days(30)
        action = takeover.with_user(self.accountant).action_undo()
        self.assertEqual(action["params"]["type"], "warning")
        self.assertEqual(self.client.relance_paused_until, MONDAY + self.days(30))

    def test_policy_goes_to_the_payer_in_this_company(self):
        key = self.env.ref("relance_douce.policy_key")
        shop = self.customer("Magasin", relance_payer_id=self.client.id)
        self.invoice(shop, MONDAY - self.days(10))
        takeover = self.do("policy", shop, policy_id=key.id)
        self.assertEqual(self.client.relance_policy_id, key)
        self.assertFalse(shop.relance_policy_id)
        self.assertEqual(self.row(self.old, MONDAY).policy_id, key.id)
        self.assertTrue(self.said(shop))
        takeover.with_user(self.accountant).action_undo()
        self.assertFalse(self.client.relance_policy_id)

    def test_payer_and_its_constraint(self):
        head, shop = self.customer("Siège"), self.customer("Magasin")
        self.invoice(shop, MONDAY - self.days(10))
        self.invoice(head, MONDAY - self.days(10))
        takeover = self.do("payer", shop, payer_id=head.id)
        self.assertEqual(shop.relance_payer_id, head)
        # the head office pays for others: nobody can pay for it, and nobody for himself
        wizard = self.wizard("payer", self.client, head, payer_id=self.client.id)
        self.assertFalse(wizard.fits)
        self.assertIn("cannot pay for", wizard.summary)
        with self.assertRaises(ValidationError):
            head.relance_payer_id = self.client
        takeover.with_user(self.accountant).action_undo()
        self.assertFalse(shop.relance_payer_id)

    def test_audience_where_unknown(self):
        unknown = self.customer("À qualifier", vat=False)
        self.invoice(unknown, MONDAY - self.days(10))
        takeover = self.do("audience", self.client, unknown, audience="legal_person")
        self.assertEqual(unknown.relance_audience, "legal_person")
        self.assertTrue(unknown.relance_audience_confirmed)
        self.assertEqual(self.client.relance_audience, "business")
        takeover.with_user(self.accountant).action_undo()
        self.assertEqual((unknown.relance_audience, unknown.relance_audience_confirmed), ("unknown", False))

    # -- rights, companies, bad input -----------------------------------------------------------------
    def test_policy_payer_and_audience_need_the_right_to_edit_contacts(self):
        clerk = new_test_user(
            self.env, "clerk", "account.group_account_readonly,relance_douce.group_relance_user"
        )
        for kind, values in (
            ("policy", {"policy_id": self.policy.id}),
            ("payer", {"payer_id": self.customer("Siège").id}),
            ("audience", {"audience": "business"}),
        ):
            with self.assertRaises(AccessError):
                self.wizard(kind, self.client, user=clerk, **values).action_confirm()
        takeover = self.do("paused", self.client, user=clerk, until=MONDAY + self.days(3))
        takeover.with_user(clerk).action_undo()
        self.do("doubtful", self.client, user=clerk)
        self.assertEqual(self.client.trust, "bad")

    def test_the_machinery_checks_the_right_itself(self):
        takeover = self.env["relance.takeover"].with_user(self.salesperson)
        with self.assertRaises(AccessError):
            takeover._plan(self.company, "paused", [Entry(1, self.client.id, date=MONDAY)])
        done = self.do("paused", self.client, until=MONDAY + self.days(3))
        for user in (self.salesperson, self.outsider):
            with self.assertRaises(AccessError):
                done.with_user(user).action_undo()
        with self.assertRaises(AccessError):
            done.with_user(self.accountant).write({"state": "undone"})

    def second_company(self):
        other = self.env["res.company"].create(
            {
                "name": "Filiale",
                "currency_id": self.company.currency_id.id,
                "country_id": self.company.country_id.id,
            }
        )
        self.env["account.chart.template"].try_loading("generic_coa", other, install_demo=False)
        other.relance_user_id = self.accountant
        self.accountant.company_ids += other
        return other

    def test_customers_of_two_companies(self):
        other = self.second_company()
        both = self.customer("Client des deux")
        ours = self.invoice(both, MONDAY - self.days(30), 100)
        journal = self.env["account.journal"].search(
            [("type", "=", "sale"), ("company_id", "=", other.id)], limit=1
        )
        income = (
            self.env["account.account"]
            .with_company(other)
            .search([("account_type", "=", "income"), ("company_ids", "in", other.ids)], limit=1)
        )
        theirs = (
            self.env["account.move"]
            .with_company(other)
            .create(
                {
                    "move_type": "out_invoice",
                    "journal_id": journal.id,
                    "partner_id": both.id,
                    "invoice_date": MONDAY - self.days(60),
                    "invoice_date_due": MONDAY - self.days(30),
                    "invoice_payment_term_id": False,
                    "invoice_line_ids": [
                        (0, 0, {"name": "x", "price_unit": 250, "tax_ids": [], "account_id": income.id})
                    ],
                }
            )
        )
        theirs.action_post()
        accountant = self.accountant
        env = self.env(
            user=accountant, context={**self.env.context, "allowed_company_ids": (self.company + other).ids}
        )
        rows = env["relance.overdue"].search([("partner_id", "=", both.id)])
        self.assertEqual(rows.company_id, self.company + other)
        self.assertEqual(rows.mapped("amount_overdue"), [250, 100])
        # a policy of one company serves only there: told, and done where it fits
        own = self.policy.copy({"name": "Chez nous", "company_id": self.company.id})
        wizard = env["relance.takeover.wizard"].create(
            {"kind": "policy", "row_ids": rows.ids, "policy_id": own.id}
        )
        self.assertIn("Filiale", wizard.summary)
        self.assertIn("Chez nous", wizard.summary + str(wizard.policy_choice_ids.mapped("name")))
        wizard.action_confirm()
        self.assertEqual(both.with_company(self.company).relance_policy_id, own)
        self.assertFalse(both.with_company(other).relance_policy_id)
        # the same contact in both companies: two cases, each with its invoice
        level = self.levels["friendly"]
        env["relance.takeover.wizard"].create(
            {"kind": "level", "row_ids": rows.ids, "level_id": level.id, "date": MONDAY - self.days(10)}
        ).action_confirm()
        reminders = self.env["relance.reminder"].search([("partner_id", "=", both.id)])
        self.assertEqual(reminders.company_id, self.company + other)
        for reminder in reminders:
            self.assertEqual(
                reminder.line_ids.move_id, ours if reminder.company_id == self.company else theirs
            )
            self.assertEqual(reminder.level_id.tone, "friendly")

    def test_a_selection_that_was_paid_meanwhile(self):
        wizard = self.wizard("handed_over", self.client)
        for invoice in self.old + self.young:
            self.settle(invoice, MONDAY)
        wizard.invalidate_recordset()
        self.assertIn("nothing overdue any more", wizard.summary)
        with self.assertRaises(UserError):
            wizard.action_confirm()

    def test_what_was_chosen_was_deleted_meanwhile(self):
        policy = self.own_policy("Éphémère")
        wizard = self.wizard("policy", self.client, policy_id=policy.id)
        levels = self.wizard("level", self.client, level_id=policy.level_ids.id, date=MONDAY)
        policy.unlink()
        for one in (wizard, levels):
            one.invalidate_recordset()
            with self.assertRaises(UserError) as raised:
                one.action_confirm()
            self.assertIn("deleted", str(raised.exception))
        self.assertFalse(self.client.relance_policy_id)

    def own_policy(self, name):
        return self.env["relance.policy"].create(
            {"name": name, "level_ids": [(0, 0, {"name": "Une", "delay_days": 7, "tone": "friendly"})]}
        )

    def test_a_policy_archived_meanwhile_does_not_fit(self):
        policy = self.own_policy("Éphémère")
        wizard = self.wizard("policy", self.client, policy_id=policy.id)
        policy.active = False
        wizard.invalidate_recordset()
        with self.assertRaises(UserError):
            wizard.action_confirm()
        self.assertFalse(self.client.relance_policy_id)

    # -- policies in use --------------------------------------------------------------------
    def test_a_policy_chosen_for_customers_is_not_deleted(self):
        policy = self.own_policy("Choisi")
        other = self.env["res.company"].create({"name": "Autre société"})
        self.client.with_company(other).relance_policy_id = policy
        with self.assertRaises(UserError) as raised:
            policy.with_user(self.manager).unlink()
        self.assertIn(self.client.name, str(raised.exception))
        self.assertEqual(self.client.with_company(other).relance_policy_id, policy)
        self.client.with_company(other).relance_policy_id = False
        policy.with_user(self.manager).unlink()
        self.assertFalse(policy.exists())

    def test_a_policy_whose_texts_others_use_is_not_deleted(self):
        source, quoting = self.own_policy("Modèle"), self.own_policy("Qui cite")
        source.level_ids.write(
            {"text_level_id": False, "subject": "x", "mail_body": "<p>x</p>", "letter_body": "<p>x</p>"}
        )
        quoting.level_ids.text_level_id = source.level_ids
        with self.assertRaises(UserError) as raised:
            source.with_user(self.manager).unlink()
        self.assertIn("Qui cite", str(raised.exception))
        quoting.with_user(self.manager).unlink()
        source.with_user(self.manager).unlink()
        self.assertFalse(source.exists())

    def test_a_policy_of_live_reminders_is_not_deleted_and_archived_without_loss(self):
        policy = self.own_policy("En cours")
        self.client.relance_policy_id = policy
        self.run_day(MONDAY)
        prepared = self.reminders(self.client)
        self.assertEqual((prepared.state, prepared.policy_id), ("ready", policy))
        with self.assertRaises(UserError):
            policy.with_user(self.manager).unlink()
        action = policy.with_user(self.manager).action_archive()
        self.assertIn("is chosen: 1.", action["params"]["message"])
        self.assertEqual(self.client.relance_policy_id, policy)
        # what it had prepared does not leave, and what matches now prepares anew
        self.send(MONDAY)
        self.assertEqual(prepared.state, "cancelled")
        self.assertIn("no longer the next level", prepared.cancel_reason)
        self.run_day(MONDAY + self.days(1))
        anew = self.reminders(self.client, state="ready")
        self.assertEqual(anew.policy_id, self.policy)
        policy.with_user(self.manager).action_unarchive()
        self.assertEqual(self.row(self.old, MONDAY).policy_id, policy.id)


@tagged("post_install", "-at_install")
class TestTwoTakeovers(RaceCase):
    """Two accountants say the same of one customer, each in a transaction of his own."""

    def setUp(self):
        super().setUp()
        today = MONDAY + self.days(30)
        self.startPatcher(
            patch.object(type(self.env["res.company"]), "_relance_date", lambda company, now=None: today)
        )

    def race(self, kind, **values):
        """:return: what became of the second one: a sentence or None"""

        def confirm(env):
            row = env["relance.overdue"].search([("partner_id", "=", self.partner_id)])
            wizard = env["relance.takeover.wizard"].create({"kind": kind, "row_ids": row.ids, **values})
            return wizard.action_confirm()

        self.addCleanup(self.tidy_takeovers)
        with self.registry_cursor() as first:
            confirm(first)
            first.flush_all()
            thread, outcome = self.in_thread(lambda env: retrying(lambda: confirm(env), env))
            thread.join(1)
            self.assertTrue(thread.is_alive())  # it waits for the first one
            first.cr.commit()
            thread.join(20)
        self.assertFalse(thread.is_alive())
        return outcome.get("error")

    def tidy_takeovers(self):
        with self.registry_cursor() as env:
            takeovers = env["relance.takeover"].search([("partner_ids", "in", self.partner_id)])
            takeovers.hold_ids.unlink()
            takeovers.unlink()

    @mute_logger("odoo.sql_db", "odoo.service.model", "odoo.http")
    def test_the_same_level(self):
        with self.registry_cursor() as env:
            levels = env.ref("relance_douce.policy_business").level_ids
            level = levels.filtered(lambda level: level.tone == "friendly").id
        error = self.race("level", level_id=level, date=MONDAY + self.days(20))
        self.assertIsInstance(error, UserError, error)
        self.assertIn("nothing to do", str(error))
        with self.registry_cursor() as env:
            contacts = env["relance.reminder"].search([("partner_id", "=", self.partner_id)])
            self.assertEqual(contacts.mapped("state"), ["sent"])

    @mute_logger("odoo.sql_db", "odoo.service.model", "odoo.http")
    def test_the_same_lawyer(self):
        error = self.race("handed_over", note="Maître Dupuis")
        self.assertIsInstance(error, UserError, error)
        self.assertIn("just handed", str(error))
        with self.registry_cursor() as env:
            self.assertEqual(env["relance.hold"].search_count([("move_id", "=", self.move_id)]), 1)


@tagged("post_install", "-at_install")
class TestTakeoverTour(TakeoverCase, HttpCase):
    def test_accountant_takes_over_an_old_ledger(self):
        self.accountant.lang = "en_US"
        policy = self.env["relance.policy"].create(
            {
                "name": "Policy of the tour",
                "level_ids": [
                    (0, 0, {"name": "Friendly word", "delay_days": 7, "tone": "friendly"}),
                    (0, 0, {"name": "Firm word", "delay_days": 21, "tone": "firm"}),
                ],
            }
        )
        reminded, lawyer, none = (
            self.customer(name, relance_policy_id=policy.id, ref=name[-1])
            for name in ("Tour customer A", "Tour customer B", "Tour customer C")
        )
        invoices = {
            partner: self.invoice(partner, MONDAY - self.days(60)) for partner in (reminded, lawyer, none)
        }
        self.start_tour("/odoo/reminders-overdue", "relance_takeover_tour", login="accountant")
        line = self.line(invoices[reminded])
        self.assertEqual(
            (line.relance_level_id.name, line.relance_level_date),
            ("Friendly word", MONDAY - self.days(20)),
        )
        holds = self.env["relance.hold"].with_context(active_test=False)
        hold = holds.search([("move_id", "=", invoices[lawyer].id)])
        self.assertEqual((hold.reason, hold.note, hold.active), ("handed_over", "Durand", False))
        self.assertEqual(none.relance_paused_until, MONDAY + self.days(29))
        self.assertFalse(lawyer.relance_paused_until)


@tagged("post_install", "-at_install")
class TestTakeoverScale(TakeoverCase, ScaleCase):
    """The number of statements depends neither on the customers nor on their invoices."""

    def entries(self, partners, kind):
        values = {
            "level": {"value": ("courtesy",), "date": MONDAY},
            "handed_over": {"note": "Maître Dupuis"},
            "doubtful": {},
            "paused": {"date": MONDAY + self.days(9)},
            "policy": {"value": self.env.ref("relance_douce.policy_key").id},
            "payer": {"value": self.head.id},
            "audience": {"value": "business"},
        }[kind]
        return [Entry(partner.id, partner.id, **values) for partner in partners]

    def measure(self, kind, partners):
        env = self.env(user=self.accountant)
        takeovers = env["relance.takeover"]
        company = env["res.company"].browse(self.company.id)

        def act():
            outcomes = takeovers._plan(company, kind, self.entries(partners, kind))
            self.assertEqual({outcome.status for outcome in outcomes}, {"fits"})
            self.done = takeovers._apply(company, kind, outcomes)

        doing = self.queries(act)
        return doing, self.queries(lambda: self.done.action_undo())

    def test_growth(self):
        self.head = self.customer("Siège")
        few = self.load(6, 2)
        many = self.load(96, 3)
        (few + many).relance_audience = "unknown"
        for kind in ("level", "paused", "policy", "payer", "audience", "handed_over", "doubtful"):
            small = self.measure(kind, few)
            large = self.measure(kind, many)
            growth = [(high - low) / 90 for low, high in zip(small, large, strict=True)]
            print(kind, small, large)
            for rate in growth:
                self.assertLessEqual(rate, 0.15, (kind, small, large))

    def test_the_list_does_not_grow(self):
        fields = {"partner_id": {}, "amounts": {}, "last_payment": {}, "reason": {}}
        rows = self.env["relance.overdue"].with_user(self.accountant)
        self.load(5, 2)
        few = self.queries(lambda: rows.web_search_read([], fields, limit=80))
        self.load(70, 3)
        many = self.queries(lambda: rows.web_search_read([], fields, limit=80))
        self.assertLessEqual(many, few + 1)
