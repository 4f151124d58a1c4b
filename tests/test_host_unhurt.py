"""The host goes on as if we were not there, and reminders follow its books."""

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from .common import MONDAY, RelanceCase


@tagged("post_install", "-at_install")
class TestStopAtOnce(RelanceCase):
    def setUp(self):
        super().setUp()
        self.client = self.customer()
        self.late = self.invoice(self.client, MONDAY - self.days(3))

    def planned(self):
        self.run_day(MONDAY)
        return self.reminders(self.client)

    def test_paid(self):
        reminder = self.planned()
        self.pay(self.late, MONDAY)
        self.assertEqual(reminder.state, "cancelled")
        self.assertEqual(reminder.case_id.state, "settled")
        self.assertEqual(self.late.relance_state, "none")

    def test_paid_in_part_shrinks(self):
        reminder = self.planned()
        second = self.invoice(self.client, MONDAY - self.days(3), 500)
        self.assertEqual(len(reminder.line_ids), 1)
        self.settle(self.late, MONDAY, 1000)
        self.assertEqual(reminder.line_ids.amount_residual, 200)
        self.assertTrue(second)

    def test_one_of_two_paid_by_somebody_without_rights(self):
        second = self.invoice(self.client, MONDAY - self.days(3), 500)
        reminder = self.planned()
        wizard = (
            self.env["account.payment.register"]
            .with_user(self.outsider)
            .with_context(active_model="account.move", active_ids=second.ids)
            .create({"payment_date": MONDAY, "journal_id": self.bank.id})
        )
        wizard._create_payments()
        self.assertEqual(reminder.line_ids.move_id, self.late)
        self.assertEqual(reminder.balance_total, 1200)

    def test_credited(self):
        reminder = self.planned()
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=self.late.ids)
            .create({"journal_id": self.late.journal_id.id, "date": MONDAY})
        )
        wizard.refund_moves()
        credit = self.late.reversal_move_ids
        if credit.state == "draft":
            credit.action_post()
        (self.line(self.late) + self.line(credit)).filtered(lambda line: not line.reconciled).reconcile()
        self.assertEqual(reminder.state, "cancelled")

    def test_reset_to_draft_cancel_delete(self):
        reminder = self.planned()
        self.late.with_user(self.outsider).button_draft()
        self.assertEqual(reminder.state, "cancelled")
        self.late.with_user(self.outsider).button_cancel()
        self.late.button_draft()
        self.late.name = "/"
        self.late.with_context(force_delete=True).unlink()
        self.assertFalse(self.late.exists())

    def test_after_a_reminder_left_too(self):
        self.live_day(MONDAY)
        reminder = self.reminders(self.client)
        self.assertEqual(reminder.state, "sent")
        self.late.button_draft()
        self.assertEqual(reminder.case_id.state, "settled")
        self.late.name = "/"
        self.late.with_context(force_delete=True).unlink()
        content = reminder.line_ids
        self.assertFalse(content.move_line_id)
        self.assertFalse(content.move_id)
        self.assertEqual((content.amount_residual, bool(content.name)), (1200, True))

    def test_change_of_payment_term_keeps_the_level(self):
        self.live_day(MONDAY)
        self.assertEqual(self.line(self.late).relance_level_id.tone, "courtesy")
        self.late.button_draft()
        self.late.invoice_date_due = MONDAY - self.days(4)
        self.late.action_post()
        line = self.line(self.late)
        self.assertEqual(line.relance_level_id, self.levels["courtesy"])
        self.assertEqual(line.relance_level_date, MONDAY)
        self.assertEqual(
            self.row(self.late, MONDAY + self.days(6)).target_level_id,
            self.levels["friendly"].id,
        )

    def test_new_payment_term_later_takes_the_level_back(self):
        self.live_day(MONDAY)
        self.late.button_draft()
        self.late.invoice_date_due = MONDAY + self.days(30)
        self.late.action_post()
        row = self.row(self.late, MONDAY + self.days(23))
        self.assertIsNone(row.level_id)
        self.assertEqual(row.target_level_id, self.levels["pre_due"].id)

    def test_duplicated_and_reversed_invoices_carry_no_level(self):
        self.live_day(MONDAY)
        reverse = self.late._reverse_moves()
        self.assertFalse(reverse.line_ids.relance_level_id)

    def test_payment_undone_while_a_case_was_settled(self):
        self.live_day(MONDAY)
        case = self.reminders(self.client).case_id
        self.assertEqual(case.state, "open")
        statement = self.settle(self.late, MONDAY + self.days(1))
        self.assertEqual(case.state, "settled")
        with freeze_time("2026-03-05 09:00:00"):
            statement.action_undo_reconciliation()
        self.assertEqual(case.state, "settled")
        self.live(MONDAY + self.days(6), 2)
        self.assertEqual([tone for tone, _day in self.sent(self.client)], ["courtesy", "friendly"])
        again = self.reminders(self.client)[-1:].case_id
        self.assertNotEqual(again, case)
        self.assertEqual(again.state, "open")

    def test_payment_without_entry(self):
        """Where the bank has no outstanding account, a payment pays by its state alone."""
        self.bank.inbound_payment_method_line_ids.payment_account_id = False
        reminder = self.planned()
        payment = self.pay(self.late, MONDAY)
        self.assertEqual(reminder.state, "cancelled")
        self.assertIsNone(self.row(self.late, MONDAY))
        payment.action_draft()
        payment.action_cancel()
        self.assertEqual(self.reason(self.late, MONDAY), "climb")

    def test_blocked_or_flagged_by_hand(self):
        reminder = self.planned()
        self.late.no_followup = True
        self.assertEqual(reminder.state, "cancelled")
        self.assertEqual(self.late.relance_state, "held")

    # -- contacts ---------------------------------------------------------------------------
    def test_merge_of_contacts_with_two_open_cases(self):
        twin = self.customer("Client Exemple (bis)", email="bis@client.test")
        theirs = self.invoice(twin, MONDAY - self.days(3), 300)
        self.live_day(MONDAY)
        cases = self.reminders(self.client).case_id + self.reminders(twin).case_id
        self.assertEqual(len(cases), 2)
        third = self.invoice(twin, MONDAY - self.days(10), 100)
        self.run_day(MONDAY + self.days(6))
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge((self.client + twin).ids, self.client)
        self.assertFalse(twin.exists())
        left = self.env["relance.case"].search([("partner_id", "=", self.client.id)])
        self.assertEqual(left.filtered(lambda case: case.state == "open"), cases[0])
        self.assertEqual(len(left.reminder_ids.filtered(lambda one: one.state == "sent")), 2)
        self.run_day(MONDAY + self.days(6))
        live = self.reminders(self.client, state="ready")
        self.assertEqual(live.line_ids.move_id, self.late + theirs + third)

    def merge(self, keep, gone, user=None):
        user = user or self.env.user
        wizard = self.env["base.partner.merge.automatic.wizard"].with_user(user)
        wizard.create({})._merge((keep + gone).ids, keep.with_user(user))

    def test_merge_by_somebody_without_rights_on_reminders(self):
        keep, gone = self.customer("Reste"), self.customer("Disparaît")
        shop = self.env["res.company"].create({"name": "Petite maison"})
        policy = self.env["relance.policy"].create({"name": "Douce"})
        payer = self.customer("Siège")
        gone.with_company(shop).relance_policy_id = policy
        gone.write(
            {
                "relance_channel": "letter",
                "relance_contact_id": self.client.id,
                "relance_user_id": self.salesperson.id,
                "relance_payer_id": payer.id,
            }
        )
        keep.relance_channel = "sms"
        self.outsider.group_ids += self.env.ref("base.group_partner_manager")
        self.merge(keep, gone, self.outsider)
        self.assertFalse(gone.exists())
        # what was said of the one that stays goes first, the rest is not lost
        self.assertEqual(keep.relance_channel, "sms")
        self.assertEqual(keep.relance_contact_id, self.client)
        self.assertEqual(keep.relance_user_id, self.salesperson)
        self.assertEqual(keep.relance_payer_id, payer)
        self.assertEqual(keep.with_company(shop).relance_policy_id, policy)
        self.assertFalse(keep.relance_policy_id)

    def test_merge_with_whoever_pays(self):
        office, branch, third = self.customer("Siège"), self.customer("Agence"), self.customer("Autre")
        branch.relance_payer_id = office
        third.relance_payer_id = branch.relance_payer_id
        self.merge(office, branch)
        self.assertFalse(office.relance_payer_id)
        self.assertEqual(third.relance_payer_id, office)
        self.merge(third, office)
        self.assertFalse(third.relance_payer_id)

    def test_merge_into_an_address_of_the_payer(self):
        office = self.customer("Siège")
        address = self.env["res.partner"].create({"name": "Agence", "parent_id": office.id})
        branch = self.customer("Agence", is_company=False, vat=False)
        branch.relance_payer_id = office
        self.merge(address, branch)
        self.assertFalse(branch.exists())
        self.assertFalse(address.relance_payer_id)

    def test_merge_of_two_that_pay_for_others_or_are_paid_for(self):
        office, shop = self.customer("Siège"), self.customer("Boutique")
        other, branch = self.customer("Autre siège"), self.customer("Agence")
        shop.relance_payer_id = office
        branch.relance_payer_id = other
        self.merge(other, shop)
        # whoever pays for somebody is a head office: nobody pays for him
        self.assertEqual(branch.relance_payer_id, other)
        self.assertFalse(other.relance_payer_id)

    def test_new_parent_joins_the_cases(self):
        group = self.customer("Groupe", email="groupe@client.test")
        self.invoice(group, MONDAY - self.days(3), 300)
        self.live_day(MONDAY)
        own = self.reminders(self.client).case_id
        theirs = self.reminders(group).case_id
        self.client.write({"parent_id": group.id, "is_company": False})
        self.assertEqual(self.client.commercial_partner_id, group)
        self.assertEqual(own.state, "settled")
        self.assertEqual(theirs.state, "open")
        self.assertEqual(len(theirs.reminder_ids), 2)
        self.assertEqual(self.row(self.late, MONDAY).partner_id, group.id)

    def test_pause_of_a_branch_is_not_that_of_the_head_office(self):
        office, branch = self.customer("Siège"), self.customer("Agence")
        for partner in (office, branch):
            self.invoice(partner, MONDAY - self.days(3))
        self.live_day(MONDAY)
        paused = self.reminders(branch).case_id
        paused.action_pause(MONDAY + self.days(90), "Litige")
        branch.relance_payer_id = office
        case = self.reminders(office).case_id
        self.assertEqual((paused.state, case.state, case.paused_until), ("settled", "open", False))

    def test_new_payer_takes_the_case_over(self):
        group = self.customer("Siège", email="siege@client.test")
        self.live_day(MONDAY)
        case = self.reminders(self.client).case_id
        self.client.relance_payer_id = group
        self.assertEqual((case.state, case.partner_id), ("open", group))
        self.assertEqual(self.client.relance_case_id, case)

    def test_archived_customer_and_deleted_contact(self):
        person = self.env["res.partner"].create(
            {
                "name": "Ancienne comptable",
                "parent_id": self.client.id,
                "type": "contact",
                "email": "ancienne@client.test",
            }
        )
        self.client.relance_contact_id = person
        self.client.relance_contact_id = False
        person.unlink()
        self.client.active = False
        self.run_day(MONDAY)
        self.send(MONDAY)
        self.assertEqual(self.reminders(self.client).state, "sent")

    # -- people without rights ------------------------------------------------------------------
    def test_outsider_notices_nothing(self):
        self.live_day(MONDAY)
        late = self.late.with_user(self.outsider)
        with Form(late) as form:
            form.ref = "Bon de commande 12"
        fields = (
            self.env["account.move"]
            .with_user(self.outsider)
            .get_views([(False, "form"), (False, "list")])["models"]["account.move"]["fields"]
        )
        self.assertNotIn("relance_state", fields)
        self.assertNotIn("relance_reason", fields)
        for model in ("res.partner", "account.move.line"):
            known = self.env[model].with_user(self.outsider).fields_get()
            self.assertFalse([name for name in known if name.startswith("relance_")])
        with self.assertRaises(AccessError):
            self.env["relance.case"].with_user(self.outsider).search([])
        with self.assertRaises(AccessError):
            self.env["relance.reminder"].with_user(self.outsider).search([])
        copy = late.copy()
        copy.invoice_date = MONDAY
        copy.action_post()
        self.assertEqual(copy.state, "posted")

    def test_cases_are_not_set_by_hand(self):
        self.live_day(MONDAY)
        case = self.reminders(self.client).case_id
        with self.assertRaises(AccessError):
            case.with_user(self.accountant).write({"state": "written_off"})
        with self.assertRaises(UserError):
            case.with_user(self.manager).unlink()
        case.with_user(self.accountant).user_id = self.manager

    def test_lapsed_lines_are_released_by_managers_only(self):
        self.line(self.late).write(
            {
                "relance_level_id": self.levels["attentive"].id,
                "relance_level_date": MONDAY - self.days(30),
                "date_maturity": MONDAY - self.days(50),
            }
        )
        self.run_day(MONDAY)
        self.run_day(MONDAY + self.days(8))
        hold = self.env["relance.hold"].search([("move_line_id", "=", self.line(self.late).id)])
        with self.assertRaises(AccessError):
            hold.with_user(self.accountant).action_release()
        hold.with_user(self.manager).action_release()
        self.assertFalse(hold.active)

    def test_contact_and_customer_can_be_deleted(self):
        billing = self.env["res.partner"].create(
            {"name": "Compta", "parent_id": self.client.id, "type": "invoice", "email": "compta@client.test"}
        )
        self.live_day(MONDAY)
        self.assertEqual(self.reminders(self.client).contact_id, billing)
        billing.unlink()
        self.late.button_draft()
        self.late.name = "/"
        self.late.with_context(force_delete=True).unlink()
        self.client.unlink()

    def test_draft_payment_that_is_cancelled_tells_nobody(self):
        self.live_day(MONDAY)
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.client.id,
                "amount": 1200,
                "date": MONDAY,
                "journal_id": self.bank.id,
                "invoice_ids": [(6, 0, self.late.ids)],
            }
        )
        payment.action_cancel()
        self.assertFalse(self.late.activity_ids)

    def test_somebody_active_is_told_of_an_old_payment_that_was_undone(self):
        due = MONDAY - self.days(3)
        old = self.invoice(self.client, due)
        self.live_day(due + self.days(3))
        statement = self.settle(old, due + self.days(10))
        self.accountant.active = False
        with freeze_time(MONDAY + self.days(200)):
            statement.action_undo_reconciliation()
        self.assertTrue(old.activity_ids)
        self.assertTrue(old.activity_ids.user_id.active)

    def test_searches_by_name_and_words(self):
        self.live_day(MONDAY)
        moves, partners = self.env["account.move"], self.env["res.partner"]
        with freeze_time("2026-03-03 10:00:00"):
            self.assertIn(
                self.late,
                moves.search([("relance_reason", "ilike", "prévue")])
                or moves.search([("relance_reason", "ilike", "planned")]),
            )
            self.assertIn(self.late, moves.search([("relance_reason", "=", self.late.relance_reason)]))
            self.assertIn(self.late, moves.search([("relance_reason", "!=", False)]))
            self.assertNotIn(self.late, moves.search([("relance_reason", "=", False)]))
            self.assertIn(self.late, moves.search([("relance_level_id", "ilike", "Court")]))
        for domain in (
            [("relance_level_id", "ilike", "Court")],
            [("relance_level_id", "=", self.levels["courtesy"].id)],
            [("relance_level_id.delay_days", ">", 0)],
            [("relance_case_id.state", "=", "open")],
            [("relance_case_id", "!=", False)],
        ):
            self.assertIn(self.client, partners.search(domain), domain)
        other = self.customer("Sans dossier")
        found = partners.search([("relance_case_id", "=", False)])
        self.assertIn(other, found)
        self.assertNotIn(self.client, found)

    @freeze_time("2026-03-02 10:00:00")
    def test_displays_follow_a_pause(self):
        self.assertEqual(self.late.relance_state, "due")
        self.client.relance_paused_until = MONDAY
        self.assertEqual(self.late.relance_state, "held")

    def test_salesperson_sees_her_customers_only(self):
        mine = self.customer("À moi", user_id=self.salesperson.id, email="moi@client.test")
        self.invoice(mine, MONDAY - self.days(3))
        self.run_day(MONDAY)
        cases = self.env["relance.case"].with_user(self.salesperson).search([])
        self.assertEqual(cases.partner_id, mine)
        reminders = self.env["relance.reminder"].with_user(self.salesperson).search([])
        self.assertEqual(reminders.partner_id, mine)
        self.assertEqual(reminders.line_ids.mapped("amount_residual"), [1200])
        with self.assertRaises(AccessError):
            self.reminders(self.client).with_user(self.salesperson).read(["state"])
        with self.assertRaises(AccessError):
            reminders.action_cancel()

    # -- companies ------------------------------------------------------------------------------
    def test_companies_do_not_see_each_other(self):
        other = self.env["res.company"].create(
            {
                "name": "Autre société",
                "country_id": self.env.ref("base.fr").id,
                "currency_id": self.env.ref("base.EUR").id,
            }
        )
        self.env["account.chart.template"].try_loading("fr", company=other, install_demo=False)
        journal = self.env["account.journal"].search(
            [("type", "=", "sale"), ("company_id", "=", other.id)], limit=1
        )
        theirs = (
            self.env["account.move"]
            .with_company(other)
            .create(
                {
                    "move_type": "out_invoice",
                    "partner_id": self.client.id,
                    "journal_id": journal.id,
                    "invoice_date": MONDAY - self.days(40),
                    "invoice_payment_term_id": False,
                    "invoice_date_due": MONDAY - self.days(10),
                    "invoice_line_ids": [Command.create({"name": "x", "price_unit": 50, "tax_ids": []})],
                }
            )
        )
        theirs.action_post()
        run = self.env["relance.run"]._run(other, MONDAY)
        self.assertEqual((run.line_count, run.reminder_count), (1, 1))
        self.assertEqual(self.run_day(MONDAY).line_count, 1)
        mine = self.reminders(self.client).filtered(lambda one: one.company_id == self.company)
        self.assertEqual(mine.line_ids.move_id, self.late)
        visible = self.env["relance.reminder"].with_user(self.accountant).search([])
        self.assertEqual(visible.company_id, self.company)

    # -- search on invoices -----------------------------------------------------------------------
    @freeze_time("2026-03-02 10:00:00")
    def test_invoice_fields_and_their_searches_agree(self):
        coming = self.invoice(self.client, MONDAY + self.days(40))
        held = self.invoice(self.customer("Autre"), MONDAY - self.days(9))
        held.no_followup = True
        paid = self.invoice(self.customer("Payeur"), MONDAY - self.days(9))
        self.settle(paid, MONDAY)
        moves = self.late + coming + held + paid
        moves.invalidate_recordset()
        self.assertEqual(moves.mapped("relance_state"), ["due", "upcoming", "held", "none"])
        for state in ("due", "upcoming", "held", "none", "waiting"):
            found = self.env["account.move"].search([("id", "in", moves.ids), ("relance_state", "=", state)])
            self.assertEqual(found, moves.grouped("relance_state").get(state, moves.browse()))
        not_due = self.env["account.move"].search([("id", "in", moves.ids), ("relance_state", "!=", "due")])
        self.assertEqual(not_due, moves - self.late)
        self.live_day(MONDAY)
        moves.invalidate_recordset()
        self.assertEqual(self.late.relance_level_id, self.levels["courtesy"])
        self.assertEqual(
            self.env["account.move"].search([("relance_level_id", "=", self.levels["courtesy"].id)]),
            self.late,
        )
        self.assertEqual(
            self.env["account.move"].search([("id", "in", moves.ids), ("relance_level_id", "=", False)]),
            moves - self.late,
        )
        self.assertEqual(
            self.env["account.move"].search(
                [("relance_next_date", "<=", MONDAY + self.days(6)), ("id", "in", moves.ids)]
            ),
            self.late,
        )
        self.assertEqual(self.late.relance_case_id.partner_id, self.client)
        self.assertEqual(self.client.relance_level_id, self.levels["courtesy"])
        self.assertIn(
            self.client,
            self.env["res.partner"].search([("relance_level_id", "=", self.levels["courtesy"].id)]),
        )
