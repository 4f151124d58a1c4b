"""Contacts that people log by hand: they count like claims, and nothing else happens to them."""

from datetime import date
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, HttpCase, new_test_user, tagged

from odoo.addons.relance_douce.models.res_company import ResCompany

from .common import MONDAY, RelanceCase

HOSTILE = "<script>alert(1)</script> {{ object.id }} %(until)s & « 50 % »"


class LogCase(RelanceCase):
    """Today is ``MONDAY`` for the company, whatever day the tests run."""

    def setUp(self):
        super().setUp()
        self.today = MONDAY
        original = ResCompany._relance_date
        self.startPatcher(
            patch.object(
                ResCompany,
                "_relance_date",
                lambda company, now=None: original(company, now) if now else self.today,
            )
        )

    def log(self, partner, way="call_in", user=None, **values):
        """Log a contact as people do, through the dialog; returns the reminder."""
        user = user or self.accountant
        before = self.env["relance.reminder"].search([])
        action = partner.with_user(user).action_relance_log()
        form = Form(self.env["relance.log"].with_user(user).with_context(action["context"]))
        form.way = way
        for name, value in values.items():
            setattr(form, name, value)
        self.answer = form.save().action_confirm()
        return self.env["relance.reminder"].search([]) - before

    @property
    def sentence(self):
        return self.answer["params"]["message"]


@tagged("post_install", "-at_install")
class TestLog(LogCase):
    def test_what_is_kept(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        self.invoice(customer, MONDAY + self.days(20))
        contact = self.log(customer, "call_in", note="Il paiera vendredi.")
        self.assertEqual(
            (contact.kind, contact.state, contact.is_outside, contact.is_service, contact.channel),
            ("logged", "sent", True, False, "call"),
        )
        self.assertEqual(contact.direction, "incoming")
        self.assertEqual(contact.contact_date, MONDAY)
        self.assertEqual(contact.note, "Il paiera vendredi.")
        self.assertEqual(contact.line_ids.move_id, late, "what is overdue was meant")
        self.assertEqual(contact.line_ids.amount_residual, 1200)
        self.assertEqual(contact.balance_total, 1200)
        self.assertEqual(contact.case_id, customer.relance_case_id)
        self.assertEqual(contact.create_uid, self.accountant)
        self.assertFalse(contact.level_id or contact.line_ids.level_id or contact.delivery_state)
        self.assertFalse(self.line(late).relance_level_id, "no level is reached")
        self.assertIn(contact, late.relance_reminder_ids)
        self.assertIn("Il paiera vendredi.", contact.case_id.message_ids[0].body)
        self.assertEqual(contact.display_name, "Incoming call · Client Exemple")

    def test_ways(self):
        customer = self.customer()
        expected = {
            "call_in": ("call", "incoming"),
            "call_out": ("call", "outgoing"),
            "email_in": ("email", "incoming"),
            "email_out": ("email", "outgoing"),
            "sms": ("sms", "outgoing"),
            "letter": ("letter", "outgoing"),
            "visit": ("visit", False),
            "meeting": ("meeting", False),
        }
        for way, (channel, direction) in expected.items():
            with self.subTest(way=way):
                contact = self.log(customer, way)
                self.assertEqual((contact.channel, contact.direction), (channel, direction))
                self.assertTrue(contact.label)
        self.assertEqual(self.log(customer, "letter", direction="incoming").direction, "incoming")

    def test_from_an_invoice_and_a_case(self):
        customer = self.customer()
        other = self.invoice(customer, MONDAY + self.days(20))
        late = self.invoice(customer, MONDAY - self.days(10))
        action = other.with_user(self.accountant).action_relance_log()
        form = Form(self.env["relance.log"].with_user(self.accountant).with_context(action["context"]))
        form.way = "visit"
        form.save().action_confirm()
        contact = self.reminders(customer)
        self.assertEqual(contact.line_ids.move_id, late + other, "the invoice it was opened from is meant")
        action = contact.case_id.with_user(self.accountant).action_log()
        form = Form(self.env["relance.log"].with_user(self.accountant).with_context(action["context"]))
        self.assertEqual(form.partner_id, customer)
        second = self.customer("Autre")
        with self.assertRaisesRegex(UserError, "one customer"):
            (late + self.invoice(second, MONDAY)).with_user(self.accountant).action_relance_log()

    def test_by_the_action_from_anywhere(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        logs = self.env["relance.log"].with_user(self.accountant)
        for context in (
            {"default_partner_id": customer.id},
            {"active_model": "res.partner", "active_ids": customer.ids},
            {"active_model": "account.move", "active_ids": late.ids},
        ):
            with self.subTest(context=context):
                form = Form(logs.with_context(**context), "relance_douce.relance_log_view_form")
                self.assertEqual(form.partner_id, customer)
                self.assertEqual(form.date, MONDAY)
                self.assertEqual(form.contact_id, customer)
                self.assertEqual([line["chosen"] for line in form.line_ids._records], [True])

    def test_who_pays_for_others(self):
        office = self.customer("Siège")
        shop = self.customer("Magasin", relance_payer_id=office.id)
        self.invoice(shop, MONDAY - self.days(10))
        clerk = self.env["res.partner"].create({"name": "Julie", "parent_id": shop.id})
        contact = self.log(clerk)
        self.assertEqual(contact.partner_id, office)
        self.assertEqual(contact.contact_id, clerk)
        self.assertEqual(contact.line_ids.debtor_id, shop)
        self.assertEqual(contact.case_id.partner_id, office)

    def test_credits_are_no_invoices(self):
        customer = self.customer()
        self.credit_note(customer, 100, MONDAY - self.days(10))
        self.assertFalse(self.log(customer).line_ids)


@tagged("post_install", "-at_install")
class TestRules(LogCase):
    """For gap and budget a logged contact is a claim like any other."""

    def test_gap(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        self.assertEqual(self.reason(late, MONDAY), "climb")
        self.log(customer)
        gap = self.policy.min_days_between_contacts
        row = self.row(late, MONDAY)
        self.assertEqual((row.reason, row.verdict), ("gap", "wait"))
        self.assertEqual(row.until, MONDAY + self.days(gap))
        self.assertEqual(self.reason(late, MONDAY + self.days(gap - 1)), "gap")
        self.assertEqual(self.reason(late, MONDAY + self.days(gap)), "climb")

    def test_budget(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        self.policy.write({"max_contacts_30d": 2, "min_days_between_contacts": 0})
        self.log(customer, date=MONDAY - self.days(20))
        self.assertEqual(self.reason(late, MONDAY), "climb")
        contact = self.log(customer, date=MONDAY - self.days(10))
        self.assertEqual(self.reason(late, MONDAY), "budget")
        contact.with_user(self.accountant).action_undo()
        self.assertEqual(self.reason(late, MONDAY), "climb")

    def test_what_was_planned_waits(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        self.run_day(MONDAY)
        planned = self.reminders(customer)
        self.assertEqual(planned.state, "ready")
        self.log(customer)
        self.assertIn(planned.level_id.name, self.sentence)
        self.assertIn("waits", self.sentence)
        self.assertRegex(self.sentence, "0?3/0?7/2026|Mar.* 7")
        self.send(MONDAY)
        self.assertEqual(planned.state, "ready", "it waits, and is not lost")
        self.today = MONDAY + self.days(7)
        self.send(self.today)
        self.assertEqual(planned.state, "sent")
        self.assertTrue(self.line(late).relance_level_id)

    def test_nothing_waits(self):
        customer = self.customer()
        self.invoice(customer, MONDAY - self.days(10))
        self.log(customer, date=MONDAY - self.days(20))
        self.assertIn("history", self.sentence)

    def test_pause(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        self.run_day(MONDAY)
        planned = self.reminders(customer)
        until = MONDAY + self.days(12)
        contact = self.log(customer, note="Le comptable est en congé.", pause_until=until)
        self.assertEqual(contact.case_id.paused_until, until)
        self.assertEqual(contact.case_id.pause_reason, "Le comptable est en congé.")
        self.assertEqual(planned.state, "cancelled")
        self.assertIn("not sent", self.sentence)
        self.assertEqual(self.reason(late, until), "paused")
        self.assertEqual(self.reason(late, until + self.days(1)), "climb")

    def test_pause_survives_a_part_payment(self):
        """The case carries the pause: it stays open while it runs and something is open."""
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        until = MONDAY + self.days(12)
        case = self.log(customer, pause_until=until).case_id
        self.pay(late, MONDAY, 200)
        self.assertEqual(case.state, "open")
        self.assertEqual(self.reason(late, until), "paused")
        self.pay(late, MONDAY)
        self.assertEqual(case.state, "settled")

    def test_pause_of_a_case_without_level_survives(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        self.run_day(MONDAY)
        case = self.reminders(customer).case_id
        case.with_user(self.accountant).action_pause(MONDAY + self.days(12), "Vacances")
        self.pay(late, MONDAY, 200)
        self.assertEqual(case.state, "open")
        self.assertEqual(self.reason(late, MONDAY + self.days(12)), "paused")

    def test_case_lives_as_long_as_what_was_spoken_about(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        case = self.log(customer).case_id
        self.assertEqual(case.state, "open")
        self.pay(late, MONDAY, 200)
        self.assertEqual(case.state, "open")
        self.pay(late, MONDAY)
        self.assertEqual(case.state, "settled")
        # nothing is open: the contact is history at once
        self.assertEqual(self.log(customer).case_id.state, "settled")

    def test_never_sent_nor_tried_again(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        contact = self.log(customer, "email_out")
        values = contact.read()[0]
        fixed = ("state", "attempt", "channel", "contact_date", "date_sent", "delivery_state", "level_id")
        reminders = self.env["relance.reminder"]
        for offset in range(12):
            day = MONDAY + self.days(offset)
            self.today = day
            self.live_day(day)
            reminders._requeue_mails(self.noon(day))
        self.assertGreater(len(self.reminders(customer)), 1, "dunning went on beside it")
        self.assertEqual({name: contact[name] for name in fixed}, {name: contact[name] for name in fixed})
        for name in fixed:
            self.assertEqual(contact.read([name])[0][name], values[name], name)
        self.assertFalse(contact.message_id or contact.attachment_id)
        self.assertTrue(self.line(late).relance_level_id)
        # none of the buttons of reminders moves it
        for action in ("action_approve", "action_send_now", "action_cancel", "action_edit_text"):
            with self.assertRaises(UserError, msg=action):
                getattr(contact.with_user(self.manager), action)()
        self.assertEqual(contact.preview_subject or "", "")
        self.assertEqual(contact._render_texts.__name__, "_render_texts")

    def test_letters_recall_only_what_we_sent(self):
        customer = self.customer()
        self.invoice(customer, MONDAY - self.days(40))
        self.log(customer, "call_in", date=MONDAY - self.days(20))
        self.log(customer, "letter", date=MONDAY - self.days(15))
        self.log(customer, "visit", date=MONDAY - self.days(14))
        reminder = self.run_day(MONDAY).reminder_ids
        history = reminder.with_context(lang="en_US")._letter_history()
        self.assertEqual(history, "15 February 2026")

    def test_who_is_told_about_a_rejected_payment(self):
        customer = self.customer(user_id=self.salesperson.id)
        late = self.invoice(customer, MONDAY - self.days(10))
        self.log(customer, user=self.salesperson)
        self.assertEqual(late._relance_accountant(), self.accountant)


@tagged("post_install", "-at_install")
class TestBadInput(LogCase):
    def test_future(self):
        with self.assertRaisesRegex(UserError, "up to today"):
            self.log(self.customer(), date=MONDAY + self.days(1))

    def test_long_ago(self):
        for day in (date(1, 1, 1), date(1999, 3, 2)):
            with self.assertRaisesRegex(UserError, "more than 10 years back"):
                self.log(self.customer(), date=day)

    def test_past_pause(self):
        with self.assertRaisesRegex(UserError, "later day"):
            self.log(self.customer(), pause_until=MONDAY - self.days(1))

    def test_invoice_paid_meanwhile(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        action = customer.with_user(self.accountant).action_relance_log()
        form = Form(self.env["relance.log"].with_user(self.accountant).with_context(action["context"]))
        form.way = "call_in"
        wizard = form.save()
        self.pay(late, MONDAY)
        with self.assertRaisesRegex(UserError, late.name):
            wizard.action_confirm()

    def test_invoice_of_somebody_else(self):
        late = self.invoice(self.customer("Autre"), MONDAY - self.days(10))
        customer = self.customer()
        with self.assertRaisesRegex(UserError, "not paid by"):
            self.env["relance.reminder"].with_user(self.accountant)._log_contact(
                self.company, customer, self.line(late), date=MONDAY, channel="call"
            )
        self.assertFalse(self.reminders(customer))

    def test_the_number_of_somebody_else_s_invoice_is_not_told(self):
        late = self.invoice(self.customer("Autre"), MONDAY - self.days(10))
        own = self.customer("À elle", user_id=self.salesperson.id)
        with self.assertRaisesRegex(UserError, "not paid by À elle") as caught:
            self.env["relance.reminder"].with_user(self.salesperson)._log_contact(
                self.company, own, self.line(late), date=MONDAY, channel="call"
            )
        self.assertNotIn(late.name, str(caught.exception))

    def test_hostile_text(self):
        customer = self.customer(HOSTILE)
        self.invoice(customer, MONDAY - self.days(10))
        contact = self.log(customer, note=HOSTILE * 200, pause_until=MONDAY + self.days(3))
        self.assertEqual(contact.note, HOSTILE * 200)
        body = contact.case_id.message_ids.filtered(lambda one: "50" in one.body)[0].body
        self.assertNotIn("<script", body)
        self.assertIn("{{ object.id }}", body)
        self.assertTrue(contact.preview is False or not contact.preview)

    def test_growth(self):
        few, many = self.customer("Peu"), self.customer("Beaucoup")
        self.invoice(few, MONDAY - self.days(10))
        for number in range(40):
            self.invoice(many, MONDAY - self.days(10 + number))
        self.log(few)

        def queries(partner):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.log(partner)
            return self.env.cr.sql_log_count - before

        one = queries(few)
        self.assertLessEqual(queries(many), one + 4)


@tagged("post_install", "-at_install")
class TestRights(LogCase):
    def test_salesperson_logs_for_her_own_customers(self):
        own = self.customer("À elle", user_id=self.salesperson.id)
        late = self.invoice(own, MONDAY - self.days(10))
        contact = self.log(own, "visit", user=self.salesperson, note="Vu sur place.")
        self.assertEqual(contact.create_uid, self.salesperson)
        self.assertEqual(contact.line_ids.move_id, late)
        self.assertEqual(contact.case_id.state, "open")
        contact.with_user(self.salesperson).read(["note", "label", "may_correct"])
        # of what was planned she is told too
        other = self.customer("À elle aussi", relance_user_id=self.salesperson.id)
        self.invoice(other, MONDAY - self.days(10))
        self.run_day(MONDAY)
        self.log(other, user=self.salesperson)
        self.assertIn("waits", self.sentence)

    def test_and_for_nobody_else(self):
        other = self.customer("Pas à elle")
        late = self.invoice(other, MONDAY - self.days(10))
        with self.assertRaises(AccessError):
            other.with_user(self.salesperson).action_relance_log()
        logs = self.env["relance.log"].with_user(self.salesperson)
        form = Form(logs.with_context(default_partner_id=other.id))
        self.assertFalse(form.line_ids._records, "nothing of his account is shown")
        form.way = "call_in"
        with self.assertRaises(AccessError):
            form.save().action_confirm()
        with self.assertRaises(AccessError):
            self.env["relance.reminder"].with_user(self.salesperson)._log_contact(
                self.company, other, self.line(late), date=MONDAY, channel="call"
            )
        # not by way of a contact that somebody else logged
        contact = self.log(other)
        own = self.customer("À elle", user_id=self.salesperson.id)
        wizard = logs.create({"partner_id": own.id, "way": "visit", "reminder_id": contact.id})
        self.assertFalse(wizard.line_ids)
        with self.assertRaises(AccessError):
            wizard.action_confirm()

    def test_salesperson_does_not_pause(self):
        own = self.customer(user_id=self.salesperson.id)
        logs = self.env["relance.log"].with_user(self.salesperson)
        with self.assertRaises(AccessError):
            logs.create({"partner_id": own.id, "way": "visit", "pause_until": MONDAY + self.days(9)})

    def test_outsider(self):
        customer = self.customer()
        with self.assertRaises(AccessError):
            customer.with_user(self.outsider).action_relance_log()
        with self.assertRaises(AccessError):
            self.env["relance.log"].with_user(self.outsider).create(
                {"partner_id": customer.id, "way": "visit"}
            )
        with self.assertRaises(AccessError):
            self.env["relance.reminder"].with_user(self.outsider)._log_contact(
                self.company, customer, self.env["account.move.line"], date=MONDAY, channel="call"
            )

    def test_two_companies(self):
        other = self.env["res.company"].create(
            {"name": "Autre Maison", "currency_id": self.company.currency_id.id}
        )
        customer = self.customer()
        with self.assertRaises(AccessError):
            self.env["relance.reminder"].with_user(self.accountant)._log_contact(
                other, customer, self.env["account.move.line"], date=MONDAY, channel="call"
            )
        late = self.invoice(customer, MONDAY - self.days(10))
        self.accountant.company_ids += other
        allowed = (
            self.env["relance.reminder"]
            .with_user(self.accountant)
            .with_context(allowed_company_ids=[other.id])
        )
        contact = allowed._log_contact(
            other, customer, self.env["account.move.line"], date=MONDAY, channel="call"
        )
        self.assertEqual(contact.company_id, other)
        self.assertEqual(self.reason(late, MONDAY), "climb", "it counts for its own company")
        with self.assertRaisesRegex(UserError, "not paid by"):
            allowed._log_contact(other, customer, self.line(late), date=MONDAY, channel="call")


@tagged("post_install", "-at_install")
class TestCorrect(LogCase):
    def setUp(self):
        super().setUp()
        self.payer = self.customer()
        self.late = self.invoice(self.payer, MONDAY - self.days(10))
        self.second = self.invoice(self.payer, MONDAY - self.days(5), 300)
        self.contact = self.log(self.payer, note="Premier mot")

    def correct(self, user, **values):
        action = self.contact.with_user(user).action_correct()
        form = Form(self.env["relance.log"].with_user(user).with_context(action["context"]))
        for name, value in values.items():
            setattr(form, name, value)
        form.save().action_confirm()

    def test_correct(self):
        self.correct(self.accountant, way="email_in", note="Second mot", date=MONDAY - self.days(3))
        self.assertEqual((self.contact.channel, self.contact.direction), ("email", "incoming"))
        self.assertEqual(self.contact.note, "Second mot")
        self.assertEqual(self.contact.contact_date, MONDAY - self.days(3))
        self.assertEqual(self.contact.line_ids.move_id, self.late + self.second)
        trace = self.contact.case_id.message_ids[0].body
        for word in ("Anne Comptable", "Premier mot", "Incoming call", self.late.name):
            self.assertIn(word, trace)
        self.assertEqual(self.row(self.late, MONDAY).until, MONDAY + self.days(2))

    def test_invoices_are_corrected(self):
        action = self.contact.with_user(self.accountant).action_correct()
        form = Form(self.env["relance.log"].with_user(self.accountant).with_context(action["context"]))
        self.assertEqual(form.way, "call_in")
        with form.line_ids.edit(0) as line:
            self.assertEqual(line.name, self.late.name)
            line.chosen = False
        self.pay(self.second, MONDAY)  # paid since: it was spoken about all the same
        form.save().action_confirm()
        self.assertEqual(self.contact.line_ids.move_id, self.second)
        self.assertEqual(self.contact.balance_total, 300)

    def test_undo_and_again(self):
        until = MONDAY + self.days(9)
        contact = self.log(self.payer, pause_until=until)
        self.contact.with_user(self.accountant).action_undo()
        self.assertEqual(self.contact.state, "cancelled")
        self.assertFalse(self.contact.contact_date)
        contact.with_user(self.manager).action_undo()
        self.assertFalse(contact.case_id.paused_until, "the pause goes with the contact it came of")
        self.assertIn("Paul Gérant", contact.case_id.message_ids[0].body)
        self.assertEqual(self.reason(self.late, MONDAY), "climb")
        self.run_day(MONDAY)
        self.assertEqual(len(self.reminders(self.payer, state="ready")), 1)
        self.contact.with_user(self.accountant).action_undo()
        self.assertEqual((self.contact.state, self.contact.contact_date), ("sent", MONDAY))
        self.send(MONDAY)
        self.assertEqual(len(self.reminders(self.payer, state="ready")), 1, "it waits again")

    def test_undone_is_not_corrected(self):
        self.contact.with_user(self.accountant).action_undo()
        with self.assertRaises(UserError):
            self.correct(self.accountant, note="x")

    def test_not_by_others(self):
        colleague = new_test_user(
            self.env, "colleague", "account.group_account_invoice,relance_douce.group_relance_user"
        )
        self.assertFalse(self.contact.with_user(colleague).may_correct)
        with self.assertRaises(AccessError):
            self.contact.with_user(colleague).action_undo()
        with self.assertRaises(AccessError):
            self.contact.with_user(colleague).action_correct()
        with self.assertRaises(AccessError):
            self.contact.with_user(colleague).write({"note": "x"})
        self.correct(self.manager, note="Le gérant corrige")
        self.assertEqual(self.contact.note, "Le gérant corrige")
        self.assertEqual(self.contact.create_uid, self.accountant)

    def test_salesperson_undoes_her_own(self):
        self.payer.user_id = self.salesperson
        own = self.log(self.payer, user=self.salesperson)
        own.with_user(self.salesperson).action_undo()
        self.assertEqual(own.state, "cancelled")
        with self.assertRaises(AccessError):
            self.contact.with_user(self.salesperson).action_undo()


@tagged("post_install", "-at_install")
class TestMoving(LogCase):
    """Contacts go with the customer."""

    def test_merge(self):
        keep, gone = self.customer("Reste"), self.customer("Disparaît")
        late = self.invoice(keep, MONDAY - self.days(10))
        self.invoice(gone, MONDAY - self.days(12))
        case = self.log(keep, date=MONDAY - self.days(20)).case_id
        contact = self.log(gone)
        wizard = self.env["base.partner.merge.automatic.wizard"].create(
            {"dst_partner_id": keep.id, "partner_ids": [Command.set((keep + gone).ids)]}
        )
        wizard.action_merge()
        contact.invalidate_recordset()
        self.assertEqual(contact.partner_id, keep)
        self.assertEqual(contact.case_id, case)
        self.assertEqual(self.reason(late, MONDAY), "gap")

    def test_new_payer(self):
        shop, office = self.customer("Magasin"), self.customer("Siège")
        late = self.invoice(shop, MONDAY - self.days(10))
        contact = self.log(shop)
        shop.relance_payer_id = office
        self.assertEqual(contact.partner_id, office)
        self.assertEqual(contact.case_id.partner_id, office)
        self.assertEqual(self.reason(late, MONDAY), "gap")
        self.correct_after_move(contact)

    def correct_after_move(self, contact):
        action = contact.with_user(self.accountant).action_correct()
        form = Form(self.env["relance.log"].with_user(self.accountant).with_context(action["context"]))
        form.note = "Vu avec le siège"
        form.save().action_confirm()
        self.assertEqual(contact.note, "Vu avec le siège")


@tagged("post_install", "-at_install")
class TestLogTours(RelanceCase, HttpCase):
    """Three clicks from an invoice, a customer and a case."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.accountant + cls.salesperson).lang = "en_US"
        cls.partner = cls.customer("Customer on the phone", lang="en_US", user_id=cls.salesperson.id)
        # long ago: whatever day the tests run, it is overdue
        cls.late = cls.invoice(cls.partner, date(2025, 2, 3))

    def tour(self, path, name, login="accountant"):
        before = self.reminders(self.partner)
        self.start_tour(path, name, login=login)
        contact = self.reminders(self.partner) - before
        self.assertEqual(contact.kind, "logged")
        self.assertEqual(contact.line_ids.move_id, self.late)
        return contact

    def test_from_an_invoice(self):
        contact = self.tour(f"/odoo/customer-invoices/{self.late.id}", "relance_log_invoice_tour")
        self.assertEqual((contact.channel, contact.direction), ("call", "incoming"))

    def test_from_a_customer(self):
        contact = self.tour(f"/odoo/res.partner/{self.partner.id}", "relance_log_customer_tour")
        self.assertEqual(contact.channel, "visit")

    def test_from_a_case(self):
        self.env["relance.run"]._run(self.company, date(2025, 3, 3))
        case = self.partner.relance_case_id
        contact = self.tour(f"/odoo/dunning-cases/{case.id}", "relance_log_case_tour", "salesperson")
        self.assertEqual(contact.create_uid, self.salesperson)
        self.assertEqual((contact.channel, contact.direction), ("email", "incoming"))
        self.start_tour(f"/odoo/reminders/{contact.id}", "relance_log_undo_tour", login="salesperson")
        self.assertEqual(contact.state, "cancelled")
