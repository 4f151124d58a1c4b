"""The weekly mail to the approver, and the page behind its button."""

import base64
import re
from datetime import date, timedelta
from unittest.mock import patch

from freezegun import freeze_time
from lxml import html

from odoo.exceptions import AccessError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools.misc import hash_sign

from odoo.addons.relance_douce.models.relance_approval_mail import LINK_SCOPE

from .common import MONDAY
from .test_start import StartCase

TUESDAY = MONDAY + timedelta(days=1)


class ApprovalCase(StartCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write(
            {
                "relance_active": True,
                "relance_approver_id": cls.manager.id,
                "relance_approval_weekday": "0",
                "relance_approval_mailed_on": MONDAY - timedelta(days=7),
            }
        )
        (cls.manager + cls.accountant).lang = "en_US"

    def waiting(self, name="Alpha", amount=1200.0, level="attentive", day=MONDAY, **values):
        """A reminder of this level that waits for approval."""
        before = {"attentive": "friendly", "firm": "attentive"}[level]
        customer = self.customer(name, **values)
        invoice = self.invoice(customer, day - timedelta(days=60), amount)
        self.line(invoice).write(
            {
                "relance_level_id": self.levels[before].id,
                "relance_level_date": day - timedelta(days=30),
            }
        )
        self.run_day(day)
        reminder = self.reminders(customer)
        self.assertEqual((reminder.state, reminder.level_id), ("draft", self.levels[level]))
        return reminder

    def mail_at(self, day, hour=11):
        mails = self.env["relance.approval.mail"]
        return mails._mail_if_due(self.company, self.noon(day, hour))

    def outgoing(self):
        return self.env["mail.mail"].search([("email_to", "ilike", "paul@exemple.test")], order="id desc")


@tagged("post_install", "-at_install")
@freeze_time("2026-03-02 10:00:00")
class TestWeeklyMail(ApprovalCase):
    def test_what_it_says(self):
        self.waiting("Boulangerie Alpha", 1200)
        self.waiting("Garage Beta", 800, "firm")
        mail = self.mail_at(MONDAY)
        [message] = self.outgoing()
        self.assertIn("reminders to approve (2)", message.subject)
        page = html.fromstring(message.body_html)
        text = " ".join(page.text_content().split())
        self.assertRegex(text, r"Boulangerie Alpha ?.?1,200\.00.{0,3}Second reminder · E-mail ?60 days late")
        self.assertRegex(text, r"Garage Beta ?.?800\.00.{0,3}Third reminder")
        self.assertRegex(text, r"2,000\.00")
        [link] = page.xpath("//a/@href")
        self.assertEqual(link, mail._url())
        self.assertLess(text.index("Alpha"), text.index("Beta"))
        self.assertTrue(message.auto_delete)
        self.assertEqual(self.company.relance_approval_mailed_on, MONDAY)

    def test_once_a_week(self):
        self.waiting()
        self.assertFalse(self.mail_at(MONDAY, 6))
        self.assertTrue(self.mail_at(MONDAY, 11))
        self.assertFalse(self.mail_at(MONDAY, 14))
        self.assertFalse(self.mail_at(MONDAY + timedelta(days=4)))
        self.assertTrue(self.mail_at(MONDAY + timedelta(days=7)))

    def test_a_day_off_moves_it(self):
        self.waiting()
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Fermé",
                "calendar_id": self.company.resource_calendar_id.id,
                "date_from": self.noon(MONDAY, 0),
                "date_to": self.noon(MONDAY, 23),
            }
        )
        self.assertFalse(self.mail_at(MONDAY))
        self.assertTrue(self.mail_at(TUESDAY))
        self.assertFalse(self.mail_at(MONDAY + timedelta(days=2)))
        self.assertTrue(self.mail_at(MONDAY + timedelta(days=7)))

    def test_the_first_mail_waits_for_its_day(self):
        self.waiting()
        self.company.write({"relance_approval_weekday": False, "relance_approval_mailed_on": False})
        self.assertFalse(self.mail_at(MONDAY))
        # chosen on Monday: Friday's mail is not the one of last week
        self.company.relance_approval_weekday = "4"
        self.assertFalse(self.mail_at(TUESDAY))
        self.assertTrue(self.mail_at(MONDAY + timedelta(days=4)))

    def test_nothing_waits_no_mail(self):
        self.assertFalse(self.mail_at(MONDAY))
        self.assertFalse(self.outgoing())
        self.assertEqual(self.company.relance_approval_mailed_on, MONDAY)

    def test_only_what_the_approver_may_approve(self):
        self.company.relance_approver_id = self.accountant
        self.waiting("Boulangerie Alpha")
        self.waiting("Garage Beta", level="firm")
        mail = self.mail_at(MONDAY)
        self.assertEqual(mail._listed().mapped("partner_id.name"), ["Boulangerie Alpha"])

    def test_nobody_to_write_to(self):
        self.waiting()
        for values in ({"email": False}, {"active": False}):
            self.manager.write(values)
            self.assertFalse(self.mail_at(MONDAY))
            self.manager.write({"email": "paul@exemple.test", "active": True})
        self.company.relance_approver_id = self.salesperson
        self.assertFalse(self.mail_at(MONDAY))
        self.company.relance_approver_id = False
        # the signatory approves where nobody was chosen
        self.assertEqual(self.mail_at(MONDAY).user_id, self.accountant)

    def test_scheduled_action(self):
        self.waiting()
        cron = self.env.ref("relance_douce.ir_cron_approval_mail")
        self.company.relance_start_date = TUESDAY
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.assertFalse(self.outgoing())
        self.company.relance_start_date = MONDAY
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.assertEqual(len(self.outgoing()), 1)

    def test_length(self):
        """Two hundred reminders: the mail stays short, the link covers them all."""
        for index in range(3):
            self.waiting(f"Société à responsabilité limitée {index} « Les Délices de l'Été »")
        first = self.env["relance.reminder"].search([("state", "=", "draft")], limit=1)
        rows = first._approval_rows(MONDAY) * 200
        mail = self.mail_at(MONDAY)
        with (
            patch.object(type(first), "_approval_rows", lambda reminders, day: rows),
            self.mail_server() as server,
        ):
            mail._create_outgoing(mail._listed())
            self.outgoing()[:1].send()
        [message] = server
        self.assertLess(len(message.as_bytes()), 60_000)
        plain = message.get_body(("plain",)).get_content()
        self.assertIn("Les Délices", plain)
        self.assertRegex(plain, r"and \d+ more")
        self.assertIn("/relance/approval/", plain)

    def test_language_of_the_reader(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.manager.lang = "fr_FR"
        self.waiting()
        self.mail_at(MONDAY)
        self.assertIn("1 200,00 €", self.outgoing().body_html.replace("\u202f", " ").replace("\xa0", " "))

    def test_hostile_names(self):
        self.waiting("<script>alert(1)</script>")
        self.mail_at(MONDAY)
        self.assertNotIn("<script>", self.outgoing().body_html)

    def test_rights(self):
        self.waiting()
        mail = self.mail_at(MONDAY)
        for user in (self.accountant, self.salesperson, self.outsider):
            with self.assertRaises(AccessError):
                mail.with_user(user).read(["date"])
        with self.assertRaises(AccessError):
            mail.with_user(self.manager).read(["secret"])
        with self.assertRaises(AccessError):
            mail.with_user(self.manager).write({"user_id": self.accountant.id})


@tagged("post_install", "-at_install")
@freeze_time("2026-03-02 10:00:00")
class TestApproving(ApprovalCase):
    def prints(self, mail):
        return {row["reminder"].id: row["fingerprint"] for row in mail._page(MONDAY)["rows"]}

    def test_approval_is_the_person_s(self):
        reminder = self.waiting()
        mail = self.mail_at(MONDAY)
        approved, changed = mail._approve(self.prints(mail))
        self.assertEqual((approved.ids, changed.ids), (reminder.ids, []))
        self.assertEqual((reminder.state, reminder.approved_by_id), ("ready", self.manager))
        log = reminder.case_id.message_ids[0]
        self.assertIn("Paul Gérant", log.body)
        self.assertEqual(log.author_id, self.manager.partner_id)

    def test_twice_changes_nothing(self):
        reminder = self.waiting()
        mail = self.mail_at(MONDAY)
        seen = self.prints(mail)
        mail._approve(seen)
        count = len(reminder.case_id.message_ids)
        approved, changed = mail._approve(seen)
        self.assertFalse(approved + changed)
        self.assertEqual(len(reminder.case_id.message_ids), count)

    def test_what_changed_is_shown_again(self):
        reminder, other = self.waiting("Alpha"), self.waiting("Beta", 300)
        mail = self.mail_at(MONDAY)
        seen = self.prints(mail)
        changes = [
            lambda: self.pay(reminder.line_ids.move_id, MONDAY, 200),
            lambda: reminder.with_user(self.accountant).action_edit_text(),
            lambda: reminder.with_user(self.accountant).write({"body": "<p>Autrement</p>"}),
        ]
        for change in changes:
            change()
            self.env.invalidate_all()
            [row] = [row for row in mail._page(MONDAY)["rows"] if row["reminder"] == reminder]
            self.assertTrue(row["changed"])
            approved, changed = mail._approve({reminder.id: seen[reminder.id]})
            self.assertEqual((approved.ids, changed.ids), ([], reminder.ids))
            seen = self.prints(mail)
        self.assertEqual(reminder.state, "draft")
        # he saw it as it is now
        approved, _changed = mail._approve(seen)
        self.assertEqual(set(approved.ids), {reminder.id, other.id})

    def test_a_changed_level_text_is_a_change(self):
        reminder = self.waiting()
        mail = self.mail_at(MONDAY)
        seen = self.prints(mail)
        reminder.level_id.with_context(lang=reminder.lang).mail_body = "<p>Tout autre chose</p>"
        self.assertFalse(mail._approve(seen)[0])
        self.assertEqual(reminder.state, "draft")

    def test_the_day_is_no_change(self):
        reminder = self.waiting()
        mail = self.mail_at(MONDAY)
        seen = self.prints(mail)
        with freeze_time("2026-03-05 10:00:00"):
            self.env.invalidate_all()
            [row] = mail._page(date(2026, 3, 5))["rows"]
            self.assertFalse(row["changed"])
            self.assertEqual(mail._approve(seen)[0].ids, reminder.ids)

    def test_nothing_but_what_the_mail_listed(self):
        mail_of = self.waiting("Alpha")
        mail = self.mail_at(MONDAY)
        later = self.waiting("Beta")
        seen = {mail_of.id: "0" * 64, later.id: later._fingerprints()[later.id], 10**15: "0" * 64}
        self.assertFalse(mail._approve(seen)[0])
        self.assertEqual((mail_of.state, later.state), ("draft", "draft"))

    def test_rights_are_those_of_today(self):
        reminder = self.waiting("Alpha", level="firm")
        mail = self.mail_at(MONDAY)
        seen = self.prints(mail)
        self.manager.group_ids -= self.env.ref("relance_douce.group_relance_manager")
        self.manager.group_ids += self.env.ref("relance_douce.group_relance_user")
        self.assertFalse(mail._approve(seen)[0])
        self.assertEqual(reminder.state, "draft")

    def test_links(self):
        mails = self.env["relance.approval.mail"]
        self.waiting()
        mail = self.mail_at(MONDAY)
        token = mail._url().rsplit("/", 1)[1]
        self.assertEqual(mails._from_token(token), mail)
        raw = base64.urlsafe_b64decode(token + "===")
        forged = [
            "",
            "x",
            "é" * 50,
            "A" * 2000,
            token[:-2],
            token + "AA",
            base64.urlsafe_b64encode(raw[:-1] + b"9").decode().rstrip("="),
            hash_sign(self.env(su=True), "other", [mail.id, mail.user_id.id, mail.secret]),
            hash_sign(self.env(su=True), LINK_SCOPE, [mail.id, self.accountant.id, mail.secret]),
            hash_sign(self.env(su=True), LINK_SCOPE, [mail.id, mail.user_id.id, "x"]),
            hash_sign(self.env(su=True), LINK_SCOPE, [mail.id, mail.user_id.id, None]),
            hash_sign(self.env(su=True), LINK_SCOPE, [10**12, mail.user_id.id, mail.secret]),
            hash_sign(self.env(su=True), LINK_SCOPE, {"id": mail.id}),
        ]
        for one in forged:
            self.assertFalse(mails._from_token(one), one)
        self.assertTrue(mails._from_token(token, self.noon(MONDAY + timedelta(days=8), 10)))
        self.assertFalse(mails._from_token(token, self.noon(MONDAY + timedelta(days=8), 12)))
        with freeze_time("2026-03-11 10:00:00"):
            self.assertFalse(mails._from_token(token))
        mail.unlink()
        self.assertFalse(mails._from_token(token))

    def test_page_grows_slowly(self):
        def look(mail):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            mail._page(MONDAY)
            return self.env.cr.sql_log_count - before

        for index in range(3):
            self.waiting(f"Few {index}")
        few = look(self.mail_at(MONDAY))
        for index in range(12):
            self.waiting(f"Many {index}")
        many = look(self.mail_at(MONDAY + timedelta(days=7)))
        self.assertLessEqual((many - few) / 12, 0.5)


@tagged("post_install", "-at_install")
class TestApprovalPage(ApprovalCase, HttpCase):
    """The page as a browser, and a program that looks through mails, get it."""

    def setUp(self):
        super().setUp()
        # the server's clock runs: the link must be fresh on whatever day the tests run
        self.first, self.second = self.waiting("Alpha", 1200), self.waiting("Beta", 800)
        self.mail = self.env["relance.approval.mail"]._send(
            self.company, self.manager, self.env.cr.now().replace(microsecond=0)
        )
        self.path = "/" + self.mail._url().split("/", 3)[3]

    def get(self, **options):
        response = self.url_open(self.path, **options)
        return response, html.fromstring(response.text)

    def press(self, page, *unticked):
        data = {
            "csrf_token": page.xpath("//input[@name='csrf_token']/@value")[0],
            "reminder": [
                value
                for value in page.xpath("//input[@name='reminder'][@checked]/@value")
                if int(value.split(":")[0]) not in unticked
            ],
        }
        response = self.url_open(self.path, data=data)
        self.env.invalidate_all()
        return response, html.fromstring(response.text)

    def states(self):
        self.env.invalidate_all()
        return (self.first.state, self.second.state)

    def test_reading_approves_nothing(self):
        for _visit in range(3):
            response, page = self.get()
            self.assertEqual(response.status_code, 200)
        self.assertEqual(self.states(), ("draft", "draft"))
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        self.assertEqual(response.headers["Referrer-Policy"], "no-referrer")
        self.assertIn("Alpha", page.text_content())
        self.assertEqual(len(page.xpath("//input[@name='reminder'][@checked]")), 2)
        # a HEAD is what some of these programs send
        self.assertEqual(self.opener.head(self.base_url() + self.path).status_code, 200)
        self.assertEqual(self.states(), ("draft", "draft"))

    def test_all_in_one_press(self):
        response, page = self.press(self.get()[1])
        self.assertEqual(response.status_code, 200)
        self.assertEqual(self.states(), ("ready", "ready"))
        self.assertIn("Approved: 2", page.text_content())
        self.assertIn("Nothing of this mail is left to approve", page.text_content())
        self.assertEqual(self.first.approved_by_id, self.manager)

    def test_one_is_left_out(self):
        _response, page = self.press(self.get()[1], self.first.id)
        self.assertEqual(self.states(), ("draft", "ready"))
        self.assertIn("Approved: 1", page.text_content())
        self.assertEqual(len(page.xpath("//input[@name='reminder']")), 1)

    def test_pressed_twice(self):
        page = self.get()[1]
        self.press(page)
        count = len(self.first.case_id.message_ids)
        response, _page = self.press(page)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(len(self.first.case_id.message_ids), count)

    def test_changed_since_the_mail(self):
        page = self.get()[1]
        self.pay(self.first.line_ids.move_id, MONDAY, 200)
        _response, page = self.press(page)
        self.assertEqual(self.states(), ("draft", "ready"))
        self.assertIn("Changed while you were reading", page.text_content())
        self.assertIn("Changed since the mail", page.text_content())
        # not ticked by itself
        self.assertFalse(page.xpath("//input[@name='reminder'][@checked]"))
        self.assertTrue(page.xpath("//input[@name='reminder']"))

    def test_hostile_posts(self):
        page = self.get()[1]
        token = page.xpath("//input[@name='csrf_token']/@value")[0]
        for value in (
            "",
            "1",
            "1:2",
            "x:" + "0" * 64,
            f"{self.first.id}:{'0' * 64}",
            "9" * 30 + ":" + "a" * 64,
        ):
            response = self.url_open(self.path, data={"csrf_token": token, "reminder": value})
            self.assertEqual(response.status_code, 200, value)
        response = self.url_open(self.path + "?done=<script>&changed=99999999")
        self.assertNotIn("<script>&", response.text)
        self.assertEqual(self.states(), ("draft", "draft"))

    def test_without_the_form_s_own_token(self):
        page = self.get()[1]
        values = page.xpath("//input[@name='reminder']/@value")
        with self.assertLogs("odoo.http", level="WARNING"):
            response = self.url_open(self.path, data={"reminder": values})
        self.assertEqual(response.status_code, 400)
        self.assertEqual(self.states(), ("draft", "draft"))

    def test_wrong_links_get_a_friendly_page(self):
        for path in (
            "/relance/approval/x",
            self.path[:-3],
            "/relance/approval/" + "A" * 3000,
            "/relance/approval/%C3%A9%00",
        ):
            response = self.url_open(path)
            self.assertEqual(response.status_code, 410, path)
            self.assertIn("no longer valid", response.text)
        self.mail.valid_until = "2020-01-01 00:00:00"
        response, _page = self.get()
        self.assertEqual(response.status_code, 410)

    def test_somebody_else_is_logged_in(self):
        self.authenticate("accountant", "accountant")
        response, page = self.get()
        self.assertEqual(response.status_code, 403)
        self.assertIn("This link is for Paul Gérant", page.text_content())
        self.authenticate("manager", "manager")
        self.assertEqual(self.get()[0].status_code, 200)

    def test_portal_visitor_with_the_link(self):
        """A customer to whom the mail was passed on is no user, so that the link is all that counts."""
        new_test_user(self.env, "buyer", "base.group_portal")
        self.authenticate("buyer", "buyer")
        self.assertEqual(self.get()[0].status_code, 200)

    def test_right_taken_away(self):
        self.manager.group_ids -= self.env.ref("relance_douce.group_relance_manager")
        self.manager.group_ids -= self.env.ref("relance_douce.group_relance_user")
        response, page = self.get()
        self.assertEqual(response.status_code, 403)
        self.assertIn("no longer approve", page.text_content())

    def test_hostile_texts(self):
        self.first.partner_id.name = "<img src=x onerror=alert(1)>"
        response, page = self.get()
        self.assertFalse(page.xpath("//img[@onerror]"))
        self.assertTrue(re.search(r"&lt;img", response.text))
