"""Every reason not to remind: when it holds, when it ends, and what it says."""

from datetime import timedelta

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import MONDAY, RelanceCase


@tagged("post_install", "-at_install")
class TestReasons(RelanceCase):
    def setUp(self):
        super().setUp()
        self.client = self.customer()
        self.late = self.invoice(self.client, MONDAY - self.days(10))

    def assertReason(self, reason, invoice=None, day=MONDAY):
        self.assertEqual(self.reason(invoice or self.late, day), reason)

    # -- lines --------------------------------------------------------------------------
    def test_climb(self):
        self.assertReason("climb")
        self.assertEqual(self.row(self.late, MONDAY).verdict, "send")

    def test_host_flag(self):
        self.late.no_followup = True
        self.assertReason("host_flag")
        self.late.no_followup = False
        self.assertReason("climb")
        self.late.payment_state = "blocked"
        self.assertReason("host_flag")

    def test_general_entries_carry_the_flag_of_the_host(self):
        journal = self.env["account.journal"].search(
            [("type", "=", "general"), ("company_id", "=", self.company.id)], limit=1
        )
        entry = self.env["account.move"].create(
            {
                "journal_id": journal.id,
                "date": MONDAY - self.days(40),
                "line_ids": [
                    (
                        0,
                        0,
                        {
                            "account_id": self.receivable.id,
                            "partner_id": self.client.id,
                            "debit": 500,
                            "date_maturity": MONDAY - self.days(20),
                        },
                    ),
                    (0, 0, {"account_id": self.income.id, "credit": 500}),
                ],
            }
        )
        entry.action_post()
        entry_rows = [row for row in self.decide(MONDAY) if row.move_id == entry.id]
        self.assertEqual([row.reason for row in entry_rows], ["host_flag"])
        self.line(entry).no_followup = False
        entry_rows = [row for row in self.decide(MONDAY) if row.move_id == entry.id]
        self.assertEqual([row.reason for row in entry_rows], ["climb"])

    def test_handed_over(self):
        hold = self.env["relance.hold"].create(
            {
                "move_line_id": self.line(self.late).id,
                "company_id": self.company.id,
                "partner_id": self.client.id,
                "reason": "handed_over",
                "note": "Maître Dupuis",
            }
        )
        self.assertReason("handed_over")
        # no day ends it, a person does; the host's own flag speaks first
        self.assertReason("handed_over", day=MONDAY + self.days(400))
        self.assertIsNone(self.row(self.late, MONDAY).until)
        self.late.no_followup = True
        self.assertReason("host_flag")
        self.late.no_followup = False
        hold.with_user(self.accountant).action_release()
        self.assertReason("climb")

    def test_collected(self):
        method = self.bank.inbound_payment_method_line_ids[:1]
        method.relance_collects = True
        self.late.preferred_payment_method_line_id = method
        self.assertReason("collected")
        method.relance_collects = False
        self.assertReason("climb")

    def test_paying(self):
        provider = self.env["payment.provider"].search([], limit=1)
        transaction = self.env["payment.transaction"].create(
            {
                "provider_id": provider.id,
                "payment_method_id": self.env["payment.method"]
                .with_context(active_test=False)
                .search([], limit=1)
                .id,
                "reference": "TX-1",
                "amount": 1200,
                "currency_id": self.late.currency_id.id,
                "partner_id": self.client.id,
                "invoice_ids": [(6, 0, self.late.ids)],
                "state": "pending",
                "last_state_change": self.noon(MONDAY - self.days(1)),
            }
        )
        self.assertReason("paying")
        self.assertEqual(self.row(self.late, MONDAY).until, MONDAY + self.days(9))
        self.assertReason("climb", day=MONDAY + self.days(9))
        transaction.state = "cancel"
        self.assertReason("climb")

    # -- ladder -------------------------------------------------------------------------
    def test_no_policy(self):
        self.env["relance.policy"].search([]).active = False
        self.assertReason("no_policy")

    def test_policy_without_levels_is_no_policy(self):
        self.env["relance.policy"].search([("id", "!=", self.policy.id)]).active = False
        self.policy.level_ids.active = False
        self.assertReason("no_policy")

    def test_policy_by_hand_then_by_domain_then_catch_all(self):
        key = self.env.ref("relance_douce.policy_key")
        self.assertEqual(self.row(self.late, MONDAY).policy_id, self.policy.id)
        self.client.relance_policy_id = key
        self.assertEqual(self.row(self.late, MONDAY).policy_id, key.id)
        self.client.relance_policy_id = False
        self.client.vat = False
        self.assertEqual(self.client.relance_audience, "unknown")
        self.assertEqual(self.row(self.late, MONDAY).policy_id, self.consumers.id)

    def test_policy_of_another_company_does_not_serve(self):
        other = self.env["res.company"].create({"name": "Autre"})
        self.policy.company_id = other
        self.assertEqual(self.row(self.late, MONDAY).policy_id, self.consumers.id)

    # -- payer ---------------------------------------------------------------------------
    def test_paused_on_the_customer(self):
        self.client.relance_paused_until = MONDAY
        self.assertReason("paused")
        self.assertReason("climb", day=MONDAY + self.days(1))

    def test_paused_on_the_case(self):
        self.run_day(MONDAY)
        case = self.reminders(self.client).case_id
        case.with_user(self.accountant).action_pause(MONDAY + self.days(5), "Elle a appelé")
        self.assertEqual(self.reminders(self.client).state, "cancelled")
        self.assertReason("paused", day=MONDAY + self.days(5))
        self.assertReason("climb", day=MONDAY + self.days(6))

    def test_line_dropped_until_a_date(self):
        other = self.invoice(self.client, MONDAY - self.days(9), 80.0)
        self.run_day(MONDAY)
        reminder = self.reminders(self.client)
        content = reminder.line_ids.filtered(lambda line: line.move_id == other)
        content.with_user(self.accountant)._leave_alone(MONDAY + self.days(10), "Avoir attendu")
        self.assertEqual(reminder.line_ids.move_id, self.late)
        self.send(MONDAY)
        self.assertReason("paused", other, MONDAY + self.days(10))
        self.assertReason("climb", other, MONDAY + self.days(11))

    def test_credits_that_cover_hold_and_others_do_not(self):
        self.credit_note(self.client, 1199.99, MONDAY - self.days(5))
        self.assertReason("climb")
        self.credit_note(self.client, 0.01, MONDAY - self.days(5))
        self.assertReason("credit")

    def test_credits_of_another_customer_or_currency_do_not_count(self):
        self.credit_note(self.customer("Autre"), 5000, MONDAY - self.days(5))
        dollar = self.env.ref("base.USD")
        dollar.active = True
        self.credit_note(self.client, 5000, MONDAY - self.days(5), currency_id=dollar.id)
        self.assertReason("climb")

    def test_unmatched_payment_counts_as_credit(self):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.client.id,
                "amount": 1200,
                "date": MONDAY,
                "journal_id": self.bank.id,
            }
        )
        payment.action_post()
        if payment.move_id:
            self.assertReason("credit")
        statement = self.bank_line(1200, MONDAY, self.client)
        suspense = statement.move_id.line_ids.filtered(
            lambda item: item.account_id == self.bank.suspense_account_id
        )
        statement.move_id.button_draft()
        suspense.account_id = self.receivable
        statement.move_id.action_post()
        self.assertReason("credit")

    def test_rejected_payment_is_no_credit(self):
        payment = self.pay(self.late, MONDAY)
        self.assertIsNone(self.row(self.late, MONDAY))
        payment.action_reject()
        self.line(self.late).remove_move_reconcile()
        self.assertReason("climb")

    def test_small(self):
        tiny = self.invoice(self.customer("Petit"), MONDAY - self.days(10), 4.99)
        self.assertReason("small", tiny)
        self.invoice(tiny.partner_id, MONDAY - self.days(9), 0.01)
        self.assertReason("climb", tiny)

    def test_waiting(self):
        self.run_day(MONDAY)
        self.assertReason("waiting")
        second = self.invoice(self.client, MONDAY - self.days(5))
        self.assertReason("waiting", second)

    def test_a_draft_for_the_manager_does_not_stop_friendly_letters(self):
        self.line(self.late).write(
            {"relance_level_id": self.levels["attentive"].id, "relance_level_date": MONDAY - self.days(30)}
        )
        self.late.line_ids.date_maturity = MONDAY - self.days(40)
        self.run_day(MONDAY)
        firm = self.reminders(self.client)
        self.assertEqual((firm.level_id.tone, firm.state), ("firm", "draft"))
        young = self.invoice(self.client, MONDAY - self.days(3), 90.0)
        self.run_day(MONDAY + self.days(1))
        self.send(MONDAY + self.days(1))
        self.assertEqual(self.sent(self.client), [("courtesy", MONDAY + self.days(1))])
        self.assertEqual(self.line(young).relance_level_id.tone, "courtesy")
        # nobody approves: it lapses, the lines wait, the friendly ones go on
        self.run_day(MONDAY + self.days(8))
        self.assertEqual(firm.state, "lapsed")
        self.assertReason("approval", day=MONDAY + self.days(8))
        self.assertTrue(firm.case_id.activity_ids)
        friendly = self.reminders(self.client, state="ready")
        self.assertEqual((friendly.level_id.tone, friendly.line_ids.move_id), ("friendly", young))
        with self.assertRaises(AccessError):
            firm.with_user(self.accountant).action_release()
        firm.with_user(self.manager).action_release()
        self.assertNotEqual(self.reason(self.late, MONDAY + self.days(8)), "approval")

    def test_an_approved_firm_letter_goes_before_new_friendly_ones(self):
        self.line(self.late).write(
            {"relance_level_id": self.levels["friendly"].id, "relance_level_date": MONDAY - self.days(30)}
        )
        self.late.line_ids.date_maturity = MONDAY - self.days(40)
        self.run_day(MONDAY)
        attentive = self.reminders(self.client)
        young = self.invoice(self.client, MONDAY - self.days(3), 90.0)
        attentive.with_user(self.accountant).action_approve()
        self.assertReason("waiting", young)
        self.send(MONDAY)
        self.assertEqual(self.sent(self.client), [("attentive", MONDAY)])
        self.assertReason("gap", young, MONDAY + self.days(1))

    def test_gap(self):
        self.live_day(MONDAY)
        other = self.invoice(self.client, MONDAY - self.days(5))
        for day in range(5):
            self.assertReason("gap", other, MONDAY + self.days(day))
        self.assertReason("climb", other, MONDAY + self.days(5))
        self.assertEqual(self.row(other, MONDAY).until, MONDAY + self.days(5))

    def test_pre_due_neither_delays_claims_nor_follows_them_the_same_day(self):
        coming = self.invoice(self.client, MONDAY + self.days(6))
        self.assertReason("waiting", coming)
        self.late.no_followup = True
        self.live_day(MONDAY)
        self.assertEqual(self.sent(self.client), [("pre_due", MONDAY)])
        self.late.no_followup = False
        self.assertReason("gap", self.late, MONDAY)
        self.assertReason("climb", self.late, MONDAY + self.days(1))
        second = self.invoice(self.client, MONDAY + self.days(12))
        (self.late + coming).no_followup = True
        self.assertReason("gap", second, MONDAY + self.days(11))

    def test_a_pre_due_message_does_not_wait_for_the_manager(self):
        self.line(self.late).write(
            {
                "relance_level_id": self.levels["attentive"].id,
                "relance_level_date": MONDAY - self.days(30),
                "date_maturity": MONDAY - self.days(40),
            }
        )
        coming = self.invoice(self.client, MONDAY + self.days(6))
        self.assertReason("waiting", coming)
        self.run_day(MONDAY)
        self.assertReason("climb", coming, MONDAY + self.days(1))

    def test_budget(self):
        self.policy.write({"max_contacts_30d": 2, "min_days_between_contacts": 1})
        self.live_day(MONDAY)
        second = self.invoice(self.client, MONDAY - self.days(5))
        self.live_day(MONDAY + self.days(1))
        self.assertEqual(len(self.sent(self.client)), 2)
        third = self.invoice(self.client, MONDAY - self.days(4))
        self.assertReason("budget", third, MONDAY + self.days(3))
        self.assertReason("budget", third, MONDAY + self.days(29))
        self.assertNotEqual(self.reason(third, MONDAY + self.days(31)), "budget")
        self.assertTrue(second)

    def test_address(self):
        nobody = self.customer("Introuvable", email=False, street=False, city=False, zip=False)
        invoice = self.invoice(nobody, MONDAY - self.days(10))
        self.assertReason("address", invoice)
        nobody.phone = "+33 6 12 34 56 78"
        self.assertReason("climb", invoice)
        self.assertEqual(self.row(invoice, MONDAY).channel, "sms")
        nobody.phone = "+33 1 42 68 53 00"
        self.assertEqual(self.row(invoice, MONDAY).channel, "call")

    def test_channel_of_the_customer_then_of_the_level(self):
        self.assertEqual(self.row(self.late, MONDAY).channel, "email")
        self.client.relance_channel = "letter"
        self.assertEqual(self.row(self.late, MONDAY).channel, "letter")
        self.client.relance_policy_id = self.env.ref("relance_douce.policy_key")
        self.client.relance_channel = False
        self.client.phone = "01 42 68 53 00"
        self.assertEqual(self.row(self.late, MONDAY).channel, "call")

    def test_reminder_contact(self):
        billing = self.env["res.partner"].create(
            {"name": "Compta", "parent_id": self.client.id, "type": "invoice", "email": "compta@client.test"}
        )
        self.assertEqual(self.row(self.late, MONDAY).contact_id, billing.id)
        boss = self.env["res.partner"].create(
            {"name": "Direction", "parent_id": self.client.id, "email": "dir@client.test"}
        )
        self.client.relance_contact_id = boss
        self.assertEqual(self.row(self.late, MONDAY).contact_id, boss.id)

    # -- company ---------------------------------------------------------------------------
    def test_bank_in_use_and_stale(self):
        self.assertReason("climb")
        self.bank_line(10, MONDAY - self.days(11))
        self.assertReason("bank")
        self.company.relance_bank_entered_until = MONDAY - self.days(10)
        self.assertReason("climb")
        self.company.relance_bank_entered_until = False
        self.company.relance_bank_stale_days = 0
        self.assertReason("climb")

    def test_pre_due_leaves_with_stale_bank(self):
        self.bank_line(10, MONDAY - self.days(30))
        self.late.no_followup = True
        coming = self.invoice(self.client, MONDAY + self.days(6))
        self.assertReason("climb", coming)

    # -- what is claimable ---------------------------------------------------------------------
    def test_not_claimable(self):
        draft = self.invoice(self.client, MONDAY - self.days(10), post=False)
        self.assertIsNone(self.row(draft, MONDAY))
        credit = self.credit_note(self.client, 10, MONDAY - self.days(10))
        self.assertIsNone(self.row(credit, MONDAY))
        excluded = self.receivable.copy({"code": "413999", "name": "Effets"})
        self.late.button_draft()
        self.line(self.late).account_id = excluded
        self.late.action_post()
        self.assertIsNone(self.row(self.late, MONDAY))
        self.company.relance_excluded_accounts = "416"
        self.assertReason("climb")

    def test_without_due_date_the_date_counts(self):
        self.line(self.late).date_maturity = False
        row = self.row(self.late, MONDAY)
        self.assertEqual(row.date_due, self.late.date)

    def test_payer_answers_for_several(self):
        shop = self.customer("Magasin", email="magasin@client.test")
        shop.relance_payer_id = self.client
        theirs = self.invoice(shop, MONDAY - self.days(12))
        row = self.row(theirs, MONDAY)
        self.assertEqual((row.partner_id, row.debtor_id), (self.client.id, shop.id))
        self.run_day(MONDAY)
        reminder = self.reminders(self.client)
        self.assertEqual(reminder.line_ids.move_id, self.late + theirs)
        self.assertFalse(self.reminders(shop))

    def test_registry_is_complete_and_every_reason_speaks(self):
        decision = self.env["relance.decision"]
        codes = [one.code for one in decision._reasons(self.company, MONDAY)]
        self.assertEqual(
            codes,
            [
                "host_flag",
                "handed_over",
                "plan",
                "assigned",
                "collected",
                "paying",
                "no_policy",
                "last_level",
                "not_due",
                "paused",
                "credit",
                "small",
                "waiting",
                "approval",
                "gap",
                "budget",
                "address",
                "bank",
                "climb",
            ],
        )
        sentences = decision._sentences()
        row = self.row(self.late, MONDAY)
        for lang in ("en_US", "fr_FR"):
            spoken = decision.with_context(lang=lang)
            for code in codes:
                for until in (None, MONDAY):
                    [sentence] = spoken._explain([row._replace(reason=code, until=until)])
                    self.assertTrue(sentence.endswith("."), sentence)
                    self.assertNotIn("%(", sentence)
        self.assertLessEqual(set(codes), set(sentences))
        labels = self.env["relance.run"]._reason_labels()
        self.assertEqual(set(codes), set(labels))

    def test_an_addon_can_add_a_reason(self):
        decision = type(self.env["relance.decision"])
        from odoo.tools import SQL

        from odoo.addons.relance_douce.models.relance_decision import Reason

        original = decision._payer_reasons

        def with_ours(self, company, date):
            return [
                *original(self, company, date),
                Reason("vip", "payer", "hold", SQL("payer.partner_id = %s", self.env.context["vip"])),
            ]

        self.patch(decision, "_payer_reasons", with_ours)
        rows = (
            self.env["relance.decision"]
            .with_context(vip=self.client.id)
            ._decide(self.company, MONDAY, self.client)
        )
        self.assertEqual([(row.verdict, row.reason) for row in rows], [("hold", "vip")])

    def test_the_decision_only_reads(self):
        self.env.flush_all()
        self.env.cr.execute("SELECT pg_current_xact_id_if_assigned()")
        before = self.env.cr.fetchone()
        self.env.cr.execute("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables")
        written = self.env.cr.fetchone()
        self.decide(MONDAY)
        self.env.cr.execute("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables")
        self.assertEqual(self.env.cr.fetchone(), written)
        self.assertTrue(before)

    def test_growth_of_queries(self):
        """The decision takes the same number of queries for 5 invoices and for 60."""

        def queries():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.decide(MONDAY)
            return self.env.cr.sql_log_count - before

        for index in range(4):
            self.invoice(self.customer(f"C{index}"), MONDAY - self.days(index))
        few = queries()
        for index in range(55):
            self.invoice(self.customer(f"D{index}"), MONDAY - timedelta(days=index))
        self.assertEqual(queries(), few)
        self.assertLessEqual(few, 12)
