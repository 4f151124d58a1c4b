"""The first steps: facts, what the buttons do, the switch, and who may."""

from ast import literal_eval
from contextlib import contextmanager
from datetime import date, datetime
from unittest.mock import patch

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged

from odoo.addons.relance_douce.tools.holidays import french_holidays
from odoo.addons.relance_douce.tools.mentions import missing_mentions

from .common import MONDAY, RelanceCase
from .test_scale import ScaleCase

#: half past ten in Lyon
FRIDAY = "2026-02-27 09:30:00"
SUNDAY = "2026-03-01 09:30:00"
START = "2026-03-02 09:30:00"


class StartCase(RelanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.france = cls.env.ref("base.fr")
        cls.company.partner_id.country_id = cls.france

    def look_at_preview(self):
        self.company.relance_preview_seen = datetime(2026, 2, 27, 9)

    def first_steps(self, user=None):
        return self.env["relance.start"].with_user(user or self.manager)._for_company(self.company)

    def step(self, code, user=None):
        self.env.invalidate_all()
        return self.first_steps(user)._step(code)

    def state(self, code):
        return self.step(code).state

    def trigger(self, *names):
        for name in names:
            with self.enter_registry_test_mode():
                self.env.ref(f"relance_douce.{name}").method_direct_trigger()
            self.env.invalidate_all()

    @contextmanager
    def mail_server(self):
        """A server that takes every message; yields the list of what it took."""
        taken = []

        def send_email(server, message, *args, **kwargs):
            taken.append(message)
            return message["Message-Id"]

        with patch.multiple(
            type(self.env["ir.mail_server"]),
            _disable_send=lambda *args: False,
            _connect__=lambda *args, **kwargs: None,
            send_email=send_email,
        ):
            yield taken

    def reason_of(self, line):
        [row] = self.env["relance.decision"]._decide(self.company, MONDAY, move_lines=line)
        return row.reason

    def opening_entry(self, partner, amount=500.0, due=MONDAY - date.resolution * 40):
        """What an opening balance or a returned bill is: an entry of a general journal."""
        journal = self.env["account.journal"].search(
            [("type", "=", "general"), ("company_id", "=", self.company.id)], limit=1
        )
        entry = self.env["account.move"].create(
            {
                "move_type": "entry",
                "journal_id": journal.id,
                "date": due,
                "line_ids": [
                    Command.create(
                        {
                            "name": "À nouveau",
                            "account_id": self.receivable.id,
                            "partner_id": partner.id,
                            "debit": amount,
                            "date_maturity": due,
                        }
                    ),
                    Command.create({"name": "À nouveau", "account_id": self.income.id, "credit": amount}),
                ],
            }
        )
        entry.action_post()
        return self.line(entry)


@tagged("post_install", "-at_install")
class TestTools(RelanceCase):
    def test_french_holidays(self):
        days = dict((code, day) for day, code in french_holidays(2026))
        self.assertEqual(len(days), 11)
        self.assertEqual(days["easter_monday"], date(2026, 4, 6))
        self.assertEqual(days["ascension"], date(2026, 5, 14))
        self.assertEqual(days["whit_monday"], date(2026, 5, 25))
        self.assertEqual(days["victory_1945"], date(2026, 5, 8))
        for year, easter_monday in ((2024, (4, 1)), (2025, (4, 21)), (2027, (3, 29)), (2038, (4, 26))):
            self.assertIn((date(year, *easter_monday), "easter_monday"), french_holidays(year))
        local = dict((code, day) for day, code in french_holidays(2026, alsace_moselle=True))
        self.assertEqual(local["good_friday"], date(2026, 4, 3))
        self.assertEqual(local["saint_stephen"], date(2026, 12, 26))
        self.assertEqual(french_holidays(2026), sorted(french_holidays(2026)))

    def test_missing_mentions(self):
        full = (
            "Pénalités de retard : taux de la BCE majoré de 10 points. Indemnité forfaitaire de "
            "recouvrement : 40 €. Pas d’escompte pour paiement anticipé."
        )
        self.assertEqual(missing_mentions(full), [])
        self.assertEqual(missing_mentions(""), ["rate", "fee", "discount"])
        self.assertEqual(missing_mentions(full.replace("40 €", "140 €")), ["fee"])
        self.assertEqual(missing_mentions(full.replace("40 €", "40,00 EUR")), [])
        self.assertEqual(missing_mentions("Escompte 2 % à 8 jours"), ["rate", "fee"])
        self.assertEqual(missing_mentions("Pénalités de retard. 40 €. Escompte : néant."), ["rate"])


@tagged("post_install", "-at_install")
@freeze_time(FRIDAY)
class TestFacts(StartCase):
    def test_company(self):
        self.company.write({"company_registry": "33417522101010"})
        self.assertEqual(self.state("company"), "done")
        self.company.phone = False
        step = self.step("company")
        self.assertEqual(step.state, "todo")
        self.assertIn("Phone", step.sentence)
        # a manager of reminders need not be an administrator
        self.assertFalse(step.button)
        self.assertIn("administrator", step.sentence)
        admin = self.env.ref("base.user_admin")
        self.assertEqual(self.step("company", admin).action_do()["res_id"], self.company.id)

    def test_public_holidays_are_added_once(self):
        leaves = self.env["resource.calendar.leaves"]
        step = self.step("calendar")
        self.assertEqual(step.state, "todo")
        # from 27 February on: those of 2026 on working days, and New Year's Day 2027
        self.assertIn("no days off yet: 9", step.sentence)
        self.assertIn("Monday 6 April 2026", step.sentence)
        before = leaves.search([])
        step.action_do()
        added = leaves.search([]) - before
        self.assertEqual(len(added), 22)
        self.assertEqual(self.state("calendar"), "done")
        self.assertFalse(self.company._relance_is_open(self.noon(date(2026, 4, 6))))
        self.assertTrue(self.company._relance_is_open(self.noon(date(2026, 4, 7))))
        self.step("calendar").action_do()
        self.assertEqual(leaves.search([]) - before, added)

    def test_days_off_that_are_there_are_not_added_again(self):
        """A company that entered its holidays over several days, or for all its calendars."""
        leaves = self.env["resource.calendar.leaves"]
        leaves.create(
            {
                "name": "Pont",
                "calendar_id": self.company.resource_calendar_id.id,
                "date_from": datetime(2026, 5, 13, 22),
                "date_to": datetime(2026, 5, 15, 21, 59, 59),
            }
        )
        leaves.create(
            {
                "name": "Fête nationale",
                "calendar_id": False,
                "company_id": self.company.id,
                "date_from": datetime(2026, 7, 13, 22),
                "date_to": datetime(2026, 7, 14, 21, 59, 59),
            }
        )
        before = leaves.search([])
        self.step("calendar").action_do()
        added = leaves.search([]) - before
        self.assertEqual(len(added), 20)
        self.assertFalse(added.filtered(lambda one: one.date_from.date() == date(2026, 5, 13)))
        self.assertEqual(self.state("calendar"), "done")

    def test_clock(self):
        calendar = self.company.resource_calendar_id
        calendar.tz = "Europe/Brussels"
        self.assertNotIn("Brussels", self.step("calendar").sentence)
        calendar.tz = "America/New_York"
        step = self.step("calendar")
        self.assertIn("New_York", step.sentence)
        step.action_do()
        self.assertEqual(calendar.tz, "Europe/Paris")
        self.assertEqual(self.state("calendar"), "done")

    def test_alsace_and_other_countries(self):
        self.company.partner_id.zip = "67000"
        self.assertIn(date(2026, 4, 3), self.company._relance_missing_holidays(date(2026, 3, 1)))
        self.company.partner_id.write({"zip": "1000", "country_id": self.env.ref("base.be").id})
        step = self.step("calendar")
        self.assertEqual(step.state, "todo")
        self.assertEqual(step.action_do()["res_model"], "resource.calendar.leaves")
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Fête nationale",
                "calendar_id": self.company.resource_calendar_id.id,
                "date_from": datetime(2026, 7, 20, 22),
                "date_to": datetime(2026, 7, 21, 21, 59, 59),
            }
        )
        self.assertEqual(self.state("calendar"), "done")

    def test_bank(self):
        self.assertEqual(self.state("bank"), "todo")
        self.step("bank").action_do()
        self.assertEqual(self.company.relance_bank_entered_until, date(2026, 2, 27))
        self.assertEqual(self.state("bank"), "done")
        dialog = self.env["relance.start.bank"].with_user(self.manager).create({"date": "2026-02-10"})
        dialog.action_save()
        self.assertEqual(self.company.relance_bank_entered_until, date(2026, 2, 10))
        step = self.step("bank")
        self.assertEqual(step.state, "todo")
        self.assertIn("17 days ago", step.sentence)
        dialog.date = date(2026, 3, 2)
        with self.assertRaises(UserError):
            dialog.action_save()
        self.bank_line(100, date(2026, 2, 26))
        self.assertEqual(self.state("bank"), "done")

    def test_mail(self):
        step = self.step("mail")
        self.assertEqual(step.state, "todo")
        with self.mail_server() as server:
            step.action_do()
        [message] = server
        plain = message.get_body(("plain",)).get_content()
        self.assertIn("This is a test", plain)
        self.assertIn("EXAMPLE/2026/00042", plain)
        mail = self.env["mail.mail"].search([("subject", "like", "Test: ")])
        self.assertEqual(mail.state, "sent")
        self.assertIn("paul@exemple.test", mail.email_to)
        self.assertIn("Test: ", mail.subject)
        self.assertIn("EXAMPLE/2026/00042", mail.body_html)
        # the words of the friendly level, under a word that says it is a test
        self.assertRegex(mail.body_html, r"(?s)This is a test.*has not reached us")
        self.assertEqual(self.company.relance_mail_tested_on, date(2026, 2, 27))
        self.assertEqual(self.state("mail"), "done")
        self.assertFalse(self.env["relance.reminder"].search([]))
        self.assertFalse(self.env["relance.case"].search([]))

    def test_mail_that_does_not_leave(self):
        def refused(*args, **kwargs):
            raise OSError("535 Authentication failed")

        servers = type(self.env["ir.mail_server"])
        with self.mail_server(), patch.object(servers, "_connect__", refused):
            self.step("mail").action_do()
            step = self.step("mail")
            self.assertEqual(step.state, "todo")
            self.assertIn("no outgoing mail server is set up", step.sentence)
            self.env["ir.mail_server"].create({"name": "Serveur", "smtp_host": "mail.exemple.test"})
            step.action_do()
        self.assertIn("535 Authentication failed", self.step("mail").sentence)
        self.assertFalse(self.company.relance_mail_tested_on)
        with self.mail_server() as server:
            self.step("mail").action_do()
        self.assertEqual(len(server), 1)
        self.assertEqual(self.state("mail"), "done")

    def test_mail_without_an_address(self):
        self.manager.email = False
        step = self.step("mail")
        action = step.action_do()
        self.assertEqual((action["res_model"], action["res_id"]), ("res.users", self.manager.id))
        with self.assertRaises(UserError):
            self.first_steps()._send_test_mail(MONDAY)

    def test_policies(self):
        for name in ("Alpha", "Beta"):
            self.invoice(self.customer(name), MONDAY - self.days(3))
        self.invoice(self.customer("Jeanne", vat=False, is_company=False), MONDAY - self.days(3))
        step = self.step("policies")
        self.assertEqual(step.state, "todo")
        self.assertIn("Professionals: 2", step.sentence)
        self.assertIn("Consumers and the yet unknown: 1", step.sentence)
        step.action_do()
        self.assertEqual(self.state("policies"), "done")
        self.assertEqual(self.step("policies").decided_by_id, self.manager)

    def test_approver(self):
        self.company.relance_user_id = False
        self.assertIn("By whom?", self.step("approver").sentence)
        self.company.relance_user_id = self.accountant
        sentence = self.step("approver").sentence
        self.assertIn("Anne Comptable approves: Second reminder.", sentence)
        self.assertIn("A dunning manager approves: Third reminder.", sentence)
        self.assertEqual(self.state("approver"), "todo")
        dialog = self.env["relance.start.approver"].with_user(self.manager).create({})
        self.assertEqual(dialog.approver_id, self.accountant)
        self.assertEqual(set(dialog.level_ids.mapped("approval")), {"user", "manager"})
        # nothing leaves unseen until somebody decides that it may
        self.assertTrue(dialog.approve_all)
        dialog.write({"approver_id": self.manager.id, "weekday": "0", "approve_all": False})
        dialog.action_save()
        self.assertEqual(self.company.relance_approver_id, self.manager)
        self.assertEqual(self.company.relance_approval_weekday, "0")
        step = self.step("approver")
        self.assertEqual(step.state, "done")
        self.assertIn("monday", step.sentence)
        self.env["relance.level"].search([]).approval = "none"
        self.assertEqual(self.state("approver"), "optional")
        dialog.approve_all = True
        dialog.action_save()
        self.assertTrue(self.company.relance_approve_all)
        self.assertIn("every reminder", self.step("approver").sentence)

    def test_approver_warnings(self):
        self.company.write({"relance_approver_id": self.manager.id, "relance_approval_weekday": "2"})
        self.assertFalse(self.company._relance_approval_warning())
        self.policy.approval_days = 3
        self.assertIn("leaves 3 days to approve", self.company._relance_approval_warning())
        self.assertEqual(self.state("approver"), "todo")
        self.company.relance_approver_id = self.accountant
        warning = self.company._relance_approval_warning()
        self.assertIn("no right to approve", warning)
        self.assertIn(self.levels["firm"].name, warning)
        self.assertNotIn(self.levels["attentive"].name, warning)
        self.accountant.email = False
        self.assertIn("no e-mail address", self.company._relance_approval_warning())
        # rights elsewhere are no rights here
        self.policy.approval_days = 7
        self.company.relance_approver_id = self.manager
        self.assertFalse(self.company._relance_approval_warning())
        elsewhere = self.env["res.company"].create({"name": "Ailleurs"})
        self.manager.write({"company_ids": [Command.set(elsewhere.ids)], "company_id": elsewhere.id})
        self.assertIn("no right to approve", self.company._relance_approval_warning())

    def test_mentions(self):
        self.assertIn("40 €", self.step("mentions").sentence)
        self.env["res.lang"]._activate_lang("fr_FR")
        self.company.with_context(lang="fr_FR").invoice_terms = "<p>Merci de votre confiance.</p>"
        before = self.company._fields["invoice_terms"]._get_stored_translations(self.company)
        dialog = self.env["relance.start.mentions"].with_user(self.manager).create({})
        self.assertIn("Merci de votre confiance", dialog.terms)
        dialog.action_save()
        self.assertEqual(self.state("mentions"), "done")
        invoice = self.invoice(self.customer(), MONDAY, post=False)
        self.assertIn("40", invoice.narration)
        self.assertIn("consumers", self.company.with_context(lang="en_US").invoice_terms)
        self.assertTrue(self.step("mentions").other)
        self.step("mentions").action_help()
        after = self.company._fields["invoice_terms"]._get_stored_translations(self.company)
        self.assertEqual(after, before)
        self.assertEqual(self.state("mentions"), "todo")
        self.assertFalse(self.env["ir.config_parameter"].get_param("account.use_invoice_terms"))
        with self.assertRaises(UserError):
            self.step("mentions").action_help()

    def test_what_was_written_since_is_not_undone(self):
        self.company.invoice_terms = "<p>Avant</p>"
        self.env["relance.start.mentions"].with_user(self.manager).create({}).action_save()
        self.assertEqual(self.step("mentions").other, "Undo")
        self.company.invoice_terms = "<p>Écrit depuis, à la main</p>"
        self.assertFalse(self.step("mentions").other)
        with self.assertRaisesRegex(UserError, "changed since"):
            self.step("mentions").action_help()
        self.assertIn("à la main", self.company.invoice_terms)

    def test_mentions_elsewhere(self):
        """Terms behind a link are not on the invoice; the footer is."""
        self.env["ir.config_parameter"].set_param("account.use_invoice_terms", True)
        text = "Pénalités : 12 %. Indemnité : 40 €. Escompte : néant."
        self.company.write({"invoice_terms": text, "terms_type": "html"})
        self.assertEqual(self.state("mentions"), "todo")
        dialog = self.env["relance.start.mentions"].with_user(self.manager).create({})
        self.assertIn("link", dialog.note)
        self.company.report_footer = text
        self.assertEqual(self.state("mentions"), "done")

    def test_accounts(self):
        one, two = self.customer("Alpha"), self.customer("Beta")
        left_out = self.opening_entry(one, 500) + self.opening_entry(one, 250) + self.opening_entry(two, 50)
        flagged = self.line(self.invoice(self.customer("Gamma"), MONDAY - self.days(30), 70))
        flagged.no_followup = True
        step = self.step("accounts")
        self.assertEqual(step.state, "todo")
        self.assertRegex(step.sentence, r"3 open items of 2 customers, .*800\.00")
        listed = (
            self.env["account.move.line"]
            .with_user(self.manager)
            .search(literal_eval(step.action_help()["domain"]))
        )
        self.assertEqual(listed, left_out)
        self.assertEqual(self.reason_of(left_out[0]), "host_flag")

        step.action_do()
        self.assertFalse(any(left_out.mapped("no_followup")))
        self.assertTrue(flagged.no_followup)
        self.assertEqual(self.reason_of(left_out[0]), "climb")
        step = self.step("accounts")
        self.assertEqual(step.state, "done")
        self.assertIn("Paul Gérant", step.sentence)
        inclusion = self.env["relance.inclusion"].search([])
        self.assertEqual(
            (inclusion.line_count, inclusion.customer_count, inclusion.balance, inclusion.user_id),
            (3, 2, 800.0, self.manager),
        )

        self.run_day(MONDAY)
        self.assertEqual(len(self.reminders(one)), 1)
        step.action_help()
        self.assertTrue(all(left_out.mapped("no_followup")))
        self.assertEqual(self.reminders(one).state, "cancelled")
        self.assertEqual(inclusion.undone_by_id, self.manager)
        self.assertEqual(self.state("accounts"), "todo")

    def test_some_of_the_items(self):
        one, two = self.opening_entry(self.customer("Alpha")), self.opening_entry(self.customer("Beta"))
        one.with_user(self.manager).action_relance_include()
        self.assertEqual((one.no_followup, two.no_followup), (False, True))
        with self.assertRaises(UserError):
            one.with_user(self.manager).action_relance_include()
        two.with_user(self.manager).action_relance_include()
        with self.assertRaises(UserError):
            self.step("accounts").action_do()

    def test_excluded_accounts_are_told(self):
        line = self.opening_entry(self.customer("Alpha"), 90)
        line.account_id.copy({"code": "416900"})
        doubtful = self.env["account.account"].search([("code", "=", "416900")])
        line.move_id.button_draft()
        line.account_id = doubtful
        line.move_id.action_post()
        step = self.step("accounts")
        self.assertEqual(step.state, "done")
        self.assertRegex(step.sentence, r"413, 416, 4117 are left alone: 1 open item, .*90\.00")

    def test_audience(self):
        unknown = self.customer("Sans numéro", vat=False)
        self.invoice(unknown, MONDAY)
        # known from an opening balance only
        opening = self.customer("Ancien", vat=False)
        self.opening_entry(opening)
        self.customer("Fournisseur", vat=False)
        step = self.step("audience")
        self.assertEqual(step.state, "todo")
        self.assertIn("2 customers", step.sentence)
        listed = self.env["res.partner"].search(step.action_do()["domain"])
        self.assertEqual(listed, unknown + opening)
        unknown.company_registry = "33417522101010"
        opening.relance_audience = "legal_person"
        self.assertEqual(self.state("audience"), "done")

    def test_overdue_and_preview(self):
        self.assertEqual(self.state("overdue"), "done")
        self.invoice(self.customer(), MONDAY - self.days(30), 1200)
        step = self.step("overdue")
        self.assertEqual(step.state, "todo")
        self.assertIn("Late today: 1 customer with 1 open item", step.sentence)
        self.assertEqual(self.state("preview"), "todo")
        self.look_at_preview()
        self.assertEqual(self.state("preview"), "done")

    def test_steps_that_are_not_needed(self):
        step = self.step("mentions")
        step.action_skip()
        self.assertEqual(self.state("mentions"), "skipped")
        self.assertEqual(step.decided_by_id, self.manager)
        self.assertIn("Mandatory mentions", self.first_steps().message_ids[0].body)
        self.step("mentions").action_unskip()
        self.assertEqual(self.state("mentions"), "todo")
        # a skipped step whose fact comes true is done
        self.step("bank").action_skip()
        self.company.relance_bank_entered_until = date(2026, 2, 27)
        self.assertEqual(self.state("bank"), "done")

    def test_a_step_without_help_has_none(self):
        start = self.first_steps()
        for code in ("calendar", "audience"):
            self.assertFalse(start._step(code).action_help())

    def test_progress(self):
        start = self.first_steps()
        self.assertIn(f"of {len(start.step_ids)} steps", start.progress)
        todo = start.step_ids.filtered(lambda step: step.state == "todo")
        with self.assertRaises(UserError):
            todo.action_skip()
        todo.filtered("can_skip").action_skip()
        self.look_at_preview()
        self.env.invalidate_all()
        self.assertEqual(start.progress, "Everything is settled.")

    def test_opening_again_makes_nothing_new(self):
        start = self.first_steps()
        ids = start.step_ids.ids
        self.assertEqual(self.first_steps().step_ids.ids, ids)
        self.assertEqual(start.step_ids.mapped("code"), list(start._steps()))
        start.sudo().step_ids[0].code = "gone"
        self.assertNotIn("gone", self.first_steps().step_ids.mapped("code"))


@tagged("post_install", "-at_install")
class TestSwitch(StartCase):
    def setUp(self):
        super().setUp()
        self.client = self.customer()
        self.invoice(self.client, MONDAY - self.days(9))

    def crons(self):
        self.trigger("ir_cron_run", "ir_cron_send", "ir_cron_follow", "ir_cron_approval_mail")

    def test_nothing_leaves_before_monday(self):
        with freeze_time(FRIDAY):
            self.look_at_preview()
            start = self.first_steps()
            self.assertEqual(start.date_start, MONDAY)
            self.assertEqual(start.start_label, "Start on Monday 2 March 2026")
            self.crons()
            start.action_start()
            self.assertEqual((self.company.relance_active, self.company.relance_start_date), (True, MONDAY))
            # prepared at once, to be looked at
            reminder = self.reminders(self.client)
            self.assertEqual((reminder.state, reminder.date_planned), ("ready", MONDAY))
            self.crons()
            self.assertEqual(reminder.state, "ready")
        with freeze_time(SUNDAY):
            self.crons()
            self.assertEqual(reminder.state, "ready")
            self.assertEqual(self.env["relance.run"].search([]).mapped("date"), [MONDAY])
        # half past midnight in Lyon, still Sunday on the server's clock
        with freeze_time("2026-03-01 23:30:00"):
            self.trigger("ir_cron_run")
            self.assertEqual(self.reminders(self.client), reminder)
            self.trigger("ir_cron_send")
            self.assertEqual(self.reminders(self.client).state, "ready")
        with freeze_time(START):
            self.trigger("ir_cron_send")
            self.assertEqual(self.reminders(self.client).state, "sent")

    @freeze_time(FRIDAY)
    def test_sending_waits_too(self):
        """What was prepared by hand before the start does not leave either."""
        self.look_at_preview()
        self.run_day(date(2026, 2, 27))
        self.first_steps().action_start()
        self.trigger("ir_cron_send")
        self.assertEqual(self.reminders(self.client).state, "ready")

    @freeze_time(FRIDAY)
    def test_by_hand_nothing_leaves_before_monday_either(self):
        letter = self.customer("Sans adresse électronique", email=False)
        self.invoice(letter, MONDAY - self.days(20))
        self.look_at_preview()
        self.first_steps().action_start()
        reminder = self.reminders(self.client).with_user(self.accountant)
        with self.assertRaisesRegex(UserError, "start on Monday 2 March 2026"):
            reminder.action_send_now()
        with self.assertRaisesRegex(UserError, "start on Monday 2 March 2026"):
            self.reminders(letter).with_user(self.accountant).action_print()
        with self.assertRaisesRegex(UserError, "start on Monday 2 March 2026"):
            self.reminders(letter).with_user(self.accountant).action_mark_posted()
        late = self.invoice(self.customer("Autre client"), MONDAY - self.days(9))
        with self.assertRaisesRegex(UserError, "start on Monday 2 March 2026"):
            late.with_user(self.accountant).action_relance_now()
        self.assertEqual(reminder.state, "ready")
        with freeze_time(START):
            reminder.action_send_now()
        self.assertEqual(reminder.state, "sent")

    @freeze_time(FRIDAY)
    def test_a_page_that_is_not_fresh_moves_no_first_day(self):
        self.look_at_preview()
        start = self.first_steps()
        start.action_start()
        other = self.first_steps(self.env.ref("base.user_admin"))
        other.date_start = date(2026, 3, 9)
        with self.assertRaisesRegex(UserError, "on already"):
            other.action_start()
        self.assertEqual(self.company.relance_start_date, MONDAY)

    @freeze_time(FRIDAY)
    def test_only_after_the_preview_and_by_a_manager(self):
        start = self.first_steps()
        self.assertIn("preview", start.blocker)
        with self.assertRaises(UserError):
            start.action_start()
        self.look_at_preview()
        for user in (self.accountant, self.salesperson, self.outsider):
            with self.assertRaises(AccessError):
                self.company.with_user(user)._relance_start(MONDAY, date(2026, 2, 27))
            with self.assertRaises(AccessError):
                self.company.with_user(user)._relance_stop()
        self.assertFalse(self.company.relance_active)

    @freeze_time(FRIDAY)
    def test_first_day(self):
        self.look_at_preview()
        start = self.first_steps()
        for day, words in (
            (date(2026, 2, 28), "do not work on Saturday 28 February 2026"),
            (date(2026, 2, 26), "today or later"),
            (False, "today or later"),
            (date(2027, 3, 1), "up to"),
            (date.max, "up to"),
        ):
            start.date_start = day
            with self.assertRaises(UserError) as caught:
                start.action_start()
            self.assertIn(words, str(caught.exception))
        start.date_start = date(2026, 3, 3)
        start.action_start()
        self.assertEqual(self.company.relance_start_date, date(2026, 3, 3))

    def test_next_monday(self):
        company = self.company
        for day in (date(2026, 2, 23), date(2026, 2, 27), date(2026, 3, 1)):
            self.assertEqual(company._relance_next_start(day), MONDAY)
        self.assertEqual(company._relance_next_start(MONDAY), date(2026, 3, 9))
        with freeze_time("2026-04-01 09:00:00"):
            self.first_steps()._do_calendar()
        # Easter Monday is no day to begin on
        self.assertEqual(company._relance_next_start(date(2026, 4, 1)), date(2026, 4, 7))

    def test_stop(self):
        with freeze_time(START):
            self.look_at_preview()
            start = self.first_steps()
            start.date_start = MONDAY
            start.action_start()
            self.run_day(MONDAY)
            message = start.action_stop()["params"]["message"]
            self.assertIn("0 to approve, 1 ready to leave", message)
            self.assertFalse(self.company.relance_active)
            self.assertFalse(self.company.relance_start_date)
            self.trigger("ir_cron_run", "ir_cron_send")
            self.assertEqual(self.reminders(self.client).state, "ready")
            self.assertIn("Reminders are off", start.message_ids[0].body)

    def test_nothing_leaves_again_after_the_stop(self):
        """A mail that met no server is tried again, but not once reminders are off."""
        self.company.relance_active = True
        with freeze_time(START):
            self.run_day(MONDAY)
            self.trigger("ir_cron_send")
            mail = self.env["mail.mail"].search(
                [("mail_message_id", "=", self.reminders(self.client).message_id.id)]
            )
            mail.write({"state": "exception", "failure_type": "mail_smtp"})
            self.assertIn("on their way: 1", self.first_steps().action_stop()["params"]["message"])
            self.trigger("ir_cron_send")
            self.assertEqual(mail.state, "exception")
            self.company.relance_active = True
            self.trigger("ir_cron_send")
            self.assertEqual(mail.state, "outgoing")

    @freeze_time(FRIDAY)
    def test_banner(self):
        def banner(user=self.manager):
            self.env.invalidate_all()
            return self.company.with_user(user)._relance_banner()

        self.assertEqual(banner()["kind"], "off")
        self.assertEqual(banner()["action"], "relance_douce.action_relance_start")
        self.assertIsNone(banner(self.salesperson)["action"])
        self.company.write({"relance_active": True, "relance_start_date": MONDAY})
        self.assertEqual(banner()["kind"], "planned")
        self.assertIn("Monday 2 March 2026", banner()["text"])
        self.env["res.lang"]._activate_lang("fr_FR")
        french = self.company.with_user(self.manager).with_context(lang="fr_FR")
        self.assertIn("lundi 2 mars 2026", french._relance_banner()["text"])
        with freeze_time(START):
            self.assertIsNone(banner())
        self.company.write({"relance_start_date": False})
        self.assertIsNone(banner())

    @freeze_time(FRIDAY)
    def test_the_toggle_of_the_settings_keeps_the_rules(self):
        admin = self.env.ref("base.user_admin")
        settings = self.env["res.config.settings"].with_user(admin)
        with self.assertRaises(UserError):
            settings.create({"relance_active": True, "relance_start_date": MONDAY}).execute()
        self.assertFalse(self.company.relance_active)
        self.look_at_preview()
        form = settings.new({"relance_active": True})
        form._onchange_relance_active()
        self.assertEqual(form.relance_start_date, MONDAY)
        settings.create({"relance_active": True, "relance_start_date": MONDAY}).execute()
        self.assertEqual((self.company.relance_active, self.company.relance_start_date), (True, MONDAY))
        with self.assertRaisesRegex(UserError, "up to"):
            settings.create({"relance_active": True, "relance_start_date": date(2062, 3, 2)}).execute()
        settings.create({"relance_active": False}).execute()
        self.assertEqual((self.company.relance_active, self.company.relance_start_date), (False, False))

    def test_menu(self):
        menu, root = (
            self.env.ref(f"relance_douce.{name}") for name in ("menu_relance_start", "menu_relance_root")
        )

        def menus(user):
            self.env.invalidate_all()
            return self.env["ir.ui.menu"].with_user(user).load_web_menus(False)

        action = self.env.ref("relance_douce.action_relance_start")
        self.assertEqual(menus(self.manager)[root.id]["actionID"], action.id)
        self.assertNotIn(menu.id, menus(self.accountant))
        self.company.relance_active = True
        self.assertNotIn(menu.id, menus(self.manager))
        self.assertNotEqual(menus(self.manager)[root.id]["actionID"], action.id)
        # it is asked for again where another company of the same person has not begun
        other = self.env["res.company"].create({"name": "Autre"})
        self.manager.company_ids += other
        self.assertIn(menu.id, menus(self.manager))
        self.manager.company_ids -= other
        self.company.relance_active = False
        self.assertIn(menu.id, menus(self.manager))


@tagged("post_install", "-at_install")
@freeze_time(FRIDAY)
class TestRights(StartCase):
    def test_only_managers(self):
        start = self.first_steps()
        for user in (self.accountant, self.salesperson, self.outsider):
            with self.assertRaises(AccessError):
                start.with_user(user).read(["date_start"])
            with self.assertRaises(AccessError):
                start.step_ids[0].with_user(user).action_do()
            with self.assertRaises(AccessError):
                self.env["relance.start"].with_user(user)._for_company(self.company)
            with self.assertRaises(AccessError):
                self.env["relance.start.mentions"].with_user(user).create({"terms": "x"})
            with self.assertRaises(AccessError):
                self.env["relance.inclusion"].with_user(user).search([])

    def test_nothing_by_hand(self):
        start = self.first_steps()
        start.date_start = date(2026, 3, 4)
        for values in ({"mail_error": "x"}, {"terms_before": {}}, {"company_id": 1}):
            with self.assertRaises(AccessError):
                start.write(values)
        with self.assertRaises(AccessError):
            start.step_ids.write({"skipped": True})
        with self.assertRaises(AccessError):
            self.env["relance.start"].with_user(self.manager).create({"company_id": self.company.id})
        with self.assertRaises(AccessError):
            self.env["relance.inclusion"].with_user(self.manager).create({"company_id": self.company.id})

    def test_other_company(self):
        """What one company decided says nothing about another one."""
        other = self.env["res.company"].create({"name": "Autre"})
        theirs = self.env["relance.start"]._for_company(other)
        with self.assertRaises(AccessError):
            theirs.with_user(self.manager).read(["date_start"])
        with self.assertRaises(AccessError):
            theirs.step_ids[0].with_user(self.manager).action_skip()
        with self.assertRaises(AccessError):
            other.with_user(self.manager)._relance_stop()
        for model in ("relance.start.bank", "relance.start.approver", "relance.start.mentions"):
            with self.assertRaises(AccessError):
                values = {"approver_id": self.manager.id} if model.endswith("approver") else {}
                dialog = self.env[model].with_user(self.manager).create({"company_id": other.id, **values})
                dialog.action_save()
        self.step("bank").action_do()
        self.assertFalse(other.relance_bank_entered_until)
        left_out = self.opening_entry(self.customer())
        with self.assertRaises(AccessError):
            self.env["relance.inclusion"].with_user(self.manager)._include(other)
        self.assertTrue(left_out.no_followup)

    def test_hostile_terms(self):
        dialog = self.env["relance.start.mentions"].with_user(self.manager).create({})
        dialog.terms = "<p>Escompte<script>alert(1)</script><img src=x onerror=alert(1)></p>"
        dialog.action_save()
        self.assertNotIn("script", self.company.invoice_terms)
        self.assertNotIn("onerror", self.company.invoice_terms)
        dialog.terms = "<p><br></p>"
        with self.assertRaises(UserError):
            dialog.action_save()


@tagged("post_install", "-at_install")
@freeze_time(FRIDAY)
class TestStartScale(ScaleCase, StartCase):
    def test_facts_in_few_queries(self):
        def look():
            self.first_steps().step_ids.mapped("sentence")

        for partner in self.load(4, 1):
            self.opening_entry(partner)
        look()
        few = self.queries(look)
        for partner in self.load(40, 3):
            self.opening_entry(partner)
        many = self.queries(look)
        self.assertLessEqual(many, few + 1)

    def test_including_takes_few_statements(self):
        start = self.first_steps()
        self.opening_entry(self.customer("Alpha"))
        few = self.queries(start._do_accounts)
        for index in range(20):
            self.opening_entry(self.customer(f"Client {index}"))
        many = self.queries(start._do_accounts)
        self.assertLessEqual(many, few + 1)


@tagged("post_install", "-at_install")
class TestStartTour(StartCase, HttpCase):
    def test_administrator_takes_the_first_steps(self):
        admin = self.env.ref("base.user_admin")
        admin.write({"lang": "en_US", "email": "admin@exemple.test"})
        self.company.relance_user_id = admin
        old = self.customer("Customer from before", vat=False, lang="en_US")
        entry = self.opening_entry(old, due=date(2025, 2, 3))
        self.start_tour("/odoo/reminders-start", "relance_start_tour", login="admin")
        self.env.invalidate_all()
        self.assertFalse(entry.no_followup)
        self.assertEqual(old.relance_audience, "business")
        self.assertIn("40", self.company.invoice_terms)
        self.assertEqual(self.company.relance_approval_weekday, "0")
        # started, and stopped again
        self.assertFalse(self.company.relance_active)

    def test_the_application_opens_with_it(self):
        """While reminders are off the icon leads to the first steps, without a word in the console."""
        self.authenticate("manager", "manager")
        self.start_tour("/odoo", "relance_start_icon_tour", login="manager")
