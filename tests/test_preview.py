"""The preview of a run: equal to what the run then does, and nothing written."""

import base64
import io
import os
import re
from contextlib import closing
from datetime import date, timedelta

from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, HttpCase, new_test_user, tagged
from odoo.tools import SQL, config, html2plaintext, pdf
from odoo.tools.safe_eval import safe_eval

from .common import MONDAY, RelanceCase
from .test_scale import ScaleCase

#: the day on which the accountant looks: the Friday before
FRIDAY = date(2026, 2, 27)
SATURDAY = date(2026, 3, 7)


class PreviewCase(RelanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(freeze_time(f"{FRIDAY} 10:00:00"))
        cls.key_accounts = cls.env.ref("relance_douce.policy_key")

    def ledger(self):
        """Customers of every kind: dict name → their invoices."""
        late = lambda days: MONDAY - self.days(days)  # noqa: E731
        kinds = {
            "courtesy": ({}, [late(3)]),
            "friendly": ({}, [late(12), late(4), late(-10)]),
            "by post": ({"email": False}, [late(11)]),
            "by phone": ({"phone": "04 72 11 11 11", "relance_policy_id": self.key_accounts.id}, [late(4)]),
            "consumer": ({"is_company": False, "vat": False}, [late(9)]),
            "paused": ({"relance_paused_until": MONDAY + self.days(9)}, [late(20)]),
            "nobody": ({"email": False, "street": False, "city": False}, [late(20)]),
            "not due": ({}, [late(-40)]),
        }
        made = {}
        for name, (values, days) in kinds.items():
            partner = self.customer(name, **values)
            made[name] = self.env["account.move"].union(
                *(self.invoice(partner, day, 100 * (index + 1.11)) for index, day in enumerate(days))
            )
        # two messages: one line goes on to a level with approval, one starts
        double = self.customer("double")
        made["double"] = self.invoice(double, late(20), 333.33) + self.invoice(double, late(12), 44.44)
        self.line(made["double"][0]).write(
            {"relance_level_id": self.levels["friendly"].id, "relance_level_date": MONDAY - self.days(13)}
        )
        covered = self.customer("covered")
        made["covered"] = self.invoice(covered, late(12), 100)
        self.credit_note(covered, 150, late(5))
        head = self.customer("head office")
        branch = self.customer("branch", relance_payer_id=head.id)
        made["branch"] = self.invoice(branch, late(15), 77.7)
        part = self.invoice(self.customer("part"), late(15), 500)
        self.settle(part, FRIDAY, 120.5)
        made["part"] = part
        return made

    def entry(self, partner, due, amount=500.0):
        """An opening balance in a general journal."""
        journal = self.env["account.journal"].search(
            [("type", "=", "general"), ("company_id", "=", self.company.id)], limit=1
        )
        move = self.env["account.move"].create(
            {
                "journal_id": journal.id,
                "date": due,
                "line_ids": [
                    Command.create(
                        {
                            "account_id": self.receivable.id,
                            "partner_id": partner.id,
                            "debit": amount,
                            "date_maturity": due,
                        }
                    ),
                    Command.create({"account_id": self.income.id, "credit": amount}),
                ],
            }
        )
        move.action_post()
        return move

    def preview(self, day=MONDAY, company=None):
        return self.env["relance.run"]._preview(company or self.company, day)

    def screen(self, user=None, **values):
        """The saved screen, as this user sees it in English."""
        screens = self.env["relance.preview"].with_user(user or self.accountant)
        return screens.with_context(lang="en_US").create({"date": MONDAY, **values})

    def lines(self, day=MONDAY, user=None, **context):
        lines = self.env["relance.preview.line"].with_user(user or self.accountant)
        return lines.with_context(
            lang="en_US",
            relance_preview_company=self.company.id,
            relance_preview_date=str(day),
            **context,
        )

    def message(self, invoice, day=MONDAY, user=None):
        """The dialog that shows the message this invoice leaves in."""
        line = self.lines(day, user).browse(self.line(invoice).id)
        action = line.action_open_message()
        return line.env[action["res_model"]].browse(action["res_id"])

    def totals(self, rows):
        """What a plain loop counts of rows of the decision."""
        return (
            len({row.partner_id for row in rows}),
            len({row.move_id for row in rows}),
            len(rows),
            self.company.currency_id.round(sum(float(row.balance_residual) for row in rows)),
        )

    def grouped(self, rows, key):
        groups = {}
        for row in rows:
            groups.setdefault(key(row), []).append(row)
        return {value: self.totals(own) for value, own in groups.items()}

    def table(self, screen, key):
        return next((one for one in screen.figures["tables"] if one["key"] == key), None)

    def check_against_run(self, day=MONDAY):
        """Run for real: reminders, lines, amounts and channels are those of the preview."""
        preview = self.preview(day)
        lines = {line.id: line for line in self.lines(day).search([("verdict", "=", "send")])}
        previewed = {id_: (line.message_level_id.id, line.channel) for id_, line in lines.items()}
        run = self.run_day(day)
        prepared = run.reminder_ids
        self.assertEqual(preview.message_count, len(prepared))
        self.assertEqual(
            previewed,
            {
                content.move_line_id.id: (reminder.level_id.id, reminder.channel)
                for reminder in prepared
                for content in reminder.line_ids
            },
        )
        for totals, group in (
            (preview.by_level, lambda one: one.level_id.id),
            (preview.by_channel, lambda one: one.channel),
            (preview.by_message, lambda one: (one.level_id.id, one.channel)),
            (preview.by_verdict, lambda one: "send"),
        ):
            real = {}
            for reminder in prepared:
                real.setdefault(group(reminder), self.env["relance.reminder"])
                real[group(reminder)] += reminder
            self.assertEqual(
                {key: tuple(one) for key, one in totals.items() if one and key not in ("wait", "hold")},
                {
                    key: (
                        len(own.partner_id),
                        len(own.line_ids.move_id),
                        len(own.line_ids),
                        self.company.currency_id.round(sum(own.line_ids.mapped("balance_residual"))),
                    )
                    for key, own in real.items()
                },
            )
        self.assertEqual(
            preview.approval_count, len(prepared.filtered(lambda one: one.state == "draft").partner_id)
        )
        self.assertEqual(preview.total.lines, run.line_count)
        self.assertEqual(preview.total.customers, run.customer_count)
        self.assertEqual(
            {reason: totals.lines for reason, totals in preview.by_reason.items()}, run.reason_counts
        )
        return run


@tagged("post_install", "-at_install")
class TestPreview(PreviewCase):
    # -- the totals ------------------------------------------------------------------------------
    def test_totals_equal_a_loop_over_the_decision(self):
        self.ledger()
        self.entry(self.customer("opening"), MONDAY - self.days(90))
        rows = self.decide(MONDAY)
        preview = self.preview()
        self.assertEqual(tuple(preview.total), self.totals(rows))
        self.assertEqual(
            {key: tuple(one) for key, one in preview.by_verdict.items()},
            self.grouped(rows, lambda row: row.verdict),
        )
        self.assertEqual(
            {key: tuple(one) for key, one in preview.by_reason.items()},
            self.grouped(rows, lambda row: row.reason),
        )
        for row in rows:
            self.assertEqual(preview.verdict_of[row.reason], row.verdict)
        self.assertGreaterEqual(
            set(preview.by_reason),
            {"climb", "paused", "address", "not_due", "credit", "host_flag"},
        )
        reminded = {row.partner_id for row in rows if row.verdict == "send"}
        alone = {row.partner_id for row in rows} - reminded
        late = {row.partner_id for row in rows if row.days_late > 0}
        self.assertEqual(preview.left_alone, len(alone))
        self.assertEqual(preview.not_late, len(alone - late))
        self.assertEqual(
            preview.also_reminded,
            len(reminded & {row.partner_id for row in rows if row.verdict != "send"}),
        )
        self.assertEqual(preview.excluded.lines, 1)
        self.assertEqual(preview.excluded.amount, 500)

    def test_the_run_then_does_what_the_preview_said(self):
        made = self.ledger()
        run = self.check_against_run()
        payers = run.reminder_ids.partner_id
        self.assertIn(made["branch"].partner_id.relance_payer_id, payers)
        self.assertEqual(len(self.reminders(made["double"].partner_id)), 2)
        self.assertEqual(set(run.reminder_ids.mapped("channel")), {"email", "letter", "call"})
        # a day later the same customers were contacted: again they agree
        self.send(MONDAY)
        self.check_against_run(MONDAY + self.days(1))

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(
        st.lists(
            st.tuples(st.integers(0, 3), st.integers(-12, 50), st.integers(1, 99_999), st.integers(-1, 4)),
            min_size=3,
            max_size=12,
        ),
        st.integers(0, 9),
    )
    def test_any_ledger(self, invoices, offset):
        with closing(self.env.cr.savepoint()):
            partners = [
                self.customer("mail"),
                self.customer("post", email=False),
                self.customer("nobody", email=False, street=False, city=False),
                self.customer("consumer", is_company=False, vat=False),
            ]
            tones = ["courtesy", "friendly", "attentive", "firm", "pre_due"]
            for whose, days, cents, level in invoices:
                invoice = self.invoice(partners[whose], MONDAY - self.days(days), cents / 100)
                if level >= 0:
                    # where an earlier program left it
                    self.line(invoice).write(
                        {
                            "relance_level_id": self.levels[tones[level]].id,
                            "relance_level_date": MONDAY - self.days(9),
                        }
                    )
            self.check_against_run(MONDAY + self.days(offset))
        self.env.invalidate_all()

    def test_rows_come_in_pages(self):
        self.ledger()
        preview = self.preview()
        every = self.decide(MONDAY)
        self.assertEqual(preview.rows(limit=None), every)
        self.assertEqual(preview.rows(limit=3) + preview.rows(limit=3, offset=3), every[:6])
        self.assertEqual(
            preview.rows(limit=100, reason="paused"), [row for row in every if row.reason == "paused"]
        )
        self.assertEqual(preview.rows(reason="plan"), [])

    def test_two_currencies_are_never_added(self):
        dollar = self.env.ref("base.USD" if self.company.currency_id.name != "USD" else "base.EUR")
        dollar.active = True
        self.env["res.currency.rate"].create(
            {"currency_id": dollar.id, "name": "2026-01-01", "rate": 2.0, "company_id": self.company.id}
        )
        client = self.customer()
        own = self.invoice(client, MONDAY - self.days(10), 100)
        foreign = self.invoice(client, MONDAY - self.days(10), 300, currency_id=dollar.id)
        preview = self.preview()
        send = preview.amounts["send"]
        self.assertEqual(send, {self.company.currency_id.id: 100, dollar.id: 300})
        self.assertEqual(preview.by_verdict["send"].amount, 250)
        screen = self.screen()
        [remark] = [one for one in screen.figures["remarks"] if "asks for" in one]
        for amount in ("250.00", "100.00", "300.00"):
            self.assertIn(amount, remark)
        self.assertNotIn("400.00", remark)
        lines = self.lines()
        [[balance]] = lines._read_group(
            [("move_id", "in", (own + foreign).ids)], [], ["balance_residual:sum"]
        )
        self.assertEqual(balance, 250)
        self.assertNotIn("aggregator", lines.fields_get(["amount_residual"])["amount_residual"])

    def test_lines_of_general_journals_are_counted_and_listed(self):
        client = self.customer()
        opening = self.entry(client, MONDAY - self.days(90))
        included = self.entry(client, MONDAY - self.days(80), 700)
        self.line(included).no_followup = False
        flagged = self.invoice(client, MONDAY - self.days(20))
        flagged.no_followup = True
        screen = self.screen()
        self.assertEqual(screen.excluded_count, 1)
        action = screen.action_open_excluded()
        found = self.lines().with_context(**action["context"]).search(action["domain"])
        self.assertEqual(found.move_id, opening)
        # managers may include them: they get the list that does so, with the same lines
        action = self.screen(user=self.manager).action_open_excluded()
        items = self.env[action["res_model"]].search(safe_eval(action["domain"]))
        self.assertEqual(items.move_id, opening)

    # -- nothing is written --------------------------------------------------------------------------
    def test_a_read_only_transaction_is_enough(self):
        self.ledger()
        screen = self.screen(date_until=MONDAY + self.days(7))
        self.env.flush_all()
        self.env.invalidate_all()
        with closing(self.env.cr.savepoint(flush=False)):
            self.env.cr.execute("SET TRANSACTION READ ONLY")
            preview = self.preview()
            self.assertTrue(preview.rows())
            self.assertTrue(screen.figures["tables"])
            lines = self.lines()
            self.assertTrue(lines.web_search_read([], {"name": {}, "why": {}, "partner_id": {}}))
            self.assertTrue(lines._read_group([], ["reason"], ["__count"]))
            # all of it happened under PostgreSQL's own guard
            self.assertEqual(self.env.execute_query(SQL("SHOW transaction_read_only")), [("on",)])
        self.env.invalidate_all()

    def database(self):
        """What every table holds: dict table → (rows, checksum)."""
        # with what the host keeps for the end of the transaction
        self.env.cr.flush()
        tables = self.env.execute_query(
            SQL("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        )
        return {
            table: self.env.execute_query(
                SQL("SELECT count(*), sum(hashtext(t::text)::bigint) FROM %s t", SQL.identifier(table))
            )
            for [table] in tables
        }

    def filestore(self):
        root = config.filestore(self.env.cr.dbname)
        return {os.path.join(path, name) for path, _folders, names in os.walk(root) for name in names}

    def test_letters_leave_nothing_behind(self):
        made = self.ledger()
        # what the host keeps for itself: style sheets, the look of the company
        self.env["ir.actions.report"]._letter_compile_styles()
        shown = [
            self.message(made["double"][0]),  # an e-mail with a letter
            self.message(made["double"][1]),
            self.message(made["by post"]),
            self.message(made["by phone"]),
        ]
        before, files = self.database(), self.filestore()
        for message in shown:
            self.assertFalse(message.notice)
            self.assertTrue(message.body)
            self.assertEqual(bool(message.letter), message.has_letter)
        self.env.invalidate_all()
        after = self.database()
        self.assertEqual(
            {table: held for table, held in after.items() if before.get(table) != held},
            {},
        )
        if not os.environ.get("PYTEST_XDIST_WORKER"):
            # the workers share one filestore: there others write meanwhile
            self.assertEqual(self.filestore(), files)
        self.assertFalse(self.reminders(made["by post"].partner_id))

    # -- the letters as they would be ----------------------------------------------------------------
    def without_links(self, html):
        """Tokens of links are drawn anew each time."""
        return html2plaintext(re.sub(r"https?://[^\"'\s<]*", "", str(html or "")))

    def text_of(self, content):
        return " ".join(page.extract_text() for page in pdf.PdfFileReader(io.BytesIO(content)).pages)

    def test_the_mail_is_the_one_that_leaves(self):
        made = self.ledger()
        client = made["double"].partner_id
        shown = {}
        for invoice in made["double"]:
            message = self.message(invoice)
            shown[message.needs_approval] = message.read(
                ["subject", "body", "channel", "recipient", "attachments", "balance_total", "sender"]
            )[0] | {"level": message.level_id, "letter": message.letter, "approval": message.approval}
        self.run_day(MONDAY)
        reminders = self.reminders(client)
        self.assertEqual(set(reminders.mapped("needs_approval")), {True, False})
        for reminder in reminders.sorted("needs_approval", reverse=True):
            mail = shown[reminder.needs_approval]
            self.assertEqual(mail["level"], reminder.level_id)
            self.assertEqual(mail["channel"], "email")
            self.assertEqual(mail["balance_total"], reminder.balance_total)
            self.assertEqual(mail["sender"], reminder.user_id.name)
            self.assertIn(reminder.contact_id.email, mail["recipient"])
            reminder.filtered(lambda one: one.state == "draft").action_approve()
            with freeze_time(self.noon(MONDAY)):
                self.env["relance.reminder"].browse(reminder.id)._process(self.company, self.noon(MONDAY))
            self.assertEqual(reminder.state, "sent", reminder.error)
            sent = reminder.message_id.mail_ids.body_html
            self.assertEqual(self.without_links(mail["body"]), self.without_links(sent))
            self.assertEqual(mail["subject"], reminder.message_id.subject)
            # one message a day: the other one is looked at as if it were alone
            reminder.contact_date = MONDAY - self.days(20)
        self.assertEqual(shown[True]["approval"], "user")
        firm = reminders.filtered("needs_approval")
        self.assertEqual(
            self.text_of(base64.b64decode(shown[True]["letter"])),
            self.text_of(firm.attachment_id.raw),
        )
        self.assertFalse(shown[False]["letter"])

    def test_the_letter_is_the_one_that_is_printed(self):
        made = self.ledger()
        message = self.message(made["by post"])
        self.assertEqual(message.channel, "letter")
        self.assertIn("1 rue de l'Exemple", message.recipient)
        letter = base64.b64decode(message.letter)
        self.run_day(MONDAY)
        self.send(MONDAY)
        [reminder] = self.reminders(made["by post"].partner_id)
        self.assertEqual(self.text_of(letter), self.text_of(reminder.attachment_id.raw))

    def test_a_call_shows_its_words(self):
        made = self.ledger()
        message = self.message(made["by phone"])
        self.assertEqual(message.channel, "call")
        self.assertIn("04 72 11 11 11", message.recipient)
        self.assertTrue(message.body)
        self.assertFalse(message.has_letter)

    def test_a_mail_prepared_on_a_closed_day_is_dated_when_it_leaves(self):
        invoice = self.invoice(self.customer(lang="en_US"), SATURDAY - self.days(12))
        self.assertEqual(self.message(invoice, SATURDAY).date_leaving, date(2026, 3, 9))
        post = self.invoice(self.customer("Post", email=False), SATURDAY - self.days(12))
        self.assertEqual(self.message(post, SATURDAY).date_leaving, SATURDAY)

    def test_messages_one_after_the_other(self):
        screen = self.screen()
        with self.assertRaisesRegex(UserError, "choose another one"):
            screen.action_open_messages()
        made = self.ledger()
        self.env.invalidate_all()
        action, seen = screen.action_open_messages(), []
        while True:
            message = screen.env[action["res_model"]].browse(action["res_id"])
            key = (message.partner_id, message.needs_approval)
            if key in seen:
                break
            seen.append(key)
            self.assertTrue(message.level_id, message.notice)
            action = message.action_next()
        self.assertEqual(key, seen[0])
        names = [partner.name for partner, _needs in seen]
        self.assertEqual(names, sorted(names))
        self.assertEqual(len(seen), screen.message_count)
        self.assertEqual(
            [needs for partner, needs in seen if partner == made["double"].partner_id], [False, True]
        )
        action = message.action_previous()
        last = screen.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual((last.partner_id, last.needs_approval), seen[-1])

    def test_an_only_message_has_none_beside_it(self):
        message = self.message(self.invoice(self.customer(), MONDAY - self.days(10)))
        with self.assertRaisesRegex(UserError, "No other message"):
            message.action_next()

    def test_what_became_impossible_is_said(self):
        client = self.customer()
        invoice = self.invoice(client, MONDAY - self.days(10))
        message = self.message(invoice)
        client.relance_paused_until = MONDAY + self.days(3)
        self.env.invalidate_all()
        self.assertIn("Nothing leaves for this customer", message.notice)
        self.assertFalse(message.letter)
        line = self.lines().browse(self.line(invoice).id)
        with self.assertRaisesRegex(UserError, "paused until"):
            line.action_open_message()

    def test_a_text_that_cannot_be_written_is_named(self):
        level = self.levels["courtesy"]._text_source()
        level.mail_body = '<p><t t-out="object.nowhere"/></p>'
        message = self.message(self.invoice(self.customer(lang="en_US"), MONDAY - self.days(10)))
        self.assertIn("object.nowhere", message.notice)
        self.assertEqual(message.level_id, self.levels["courtesy"])
        self.assertFalse(message.body)

    # -- the screen ------------------------------------------------------------------------------------
    def test_it_begins_on_the_next_working_day(self):
        self.assertEqual(self.env["relance.preview"].create({}).date, MONDAY)
        calendar = self.company.resource_calendar_id
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Holiday",
                "calendar_id": calendar.id,
                "date_from": "2026-03-01 23:00:00",
                "date_to": "2026-03-02 23:00:00",
            }
        )
        self.assertEqual(self.env["relance.preview"].create({}).date, MONDAY + self.days(1))
        # once reminders are on: the next day that is worked, or the one they start on
        self.company.write({"relance_active": True, "relance_start_date": MONDAY + self.days(8)})
        self.assertEqual(self.company._relance_preview_date(), MONDAY + self.days(8))
        self.company.relance_start_date = FRIDAY
        self.assertEqual(self.company._relance_preview_date(), MONDAY + self.days(1))
        self.company.resource_calendar_id = False
        self.assertEqual(self.company._relance_preview_date(), FRIDAY + self.days(1))

    def test_a_sentence_with_the_right_plurals(self):
        self.invoice(self.customer("One"), MONDAY - self.days(3))
        headline = self.screen().figures["headline"]
        self.assertEqual(
            headline, "If you start on Monday 2 March 2026: 1 customer gets a courtesy reminder."
        )
        self.invoice(self.customer("Two"), MONDAY - self.days(3))
        # beyond sixty days nobody believes in an oversight
        self.invoice(self.customer("Three"), MONDAY - self.days(70))
        key = self.customer("Key", phone="04 72 11 11 11", relance_policy_id=self.key_accounts.id)
        self.invoice(key, MONDAY - self.days(3))
        self.invoice(self.customer("Later"), MONDAY + self.days(30))
        self.company.relance_active = True
        screen = self.screen()
        self.assertEqual(
            screen.figures["headline"],
            "On Monday 2 March 2026: 2 customers get a courtesy reminder, 1 customer gets a friendly "
            "reminder, 1 customer gets a call and 1 customer is left alone.",
        )
        self.assertIn("4 messages ask for", screen.figures["remarks"][0])
        self.assertIn("Of those left alone, 1 owes nothing overdue.", screen.figures["remarks"])

    def test_nothing_to_send_is_said_too(self):
        self.assertIn("nobody owes anything", self.screen().figures["headline"])
        self.assertEqual(self.screen().figures["tables"], [])
        self.invoice(self.customer(), MONDAY + self.days(40))
        self.assertEqual(
            self.screen().figures["headline"],
            "If you start on Monday 2 March 2026: nothing leaves and 1 customer is left alone.",
        )

    def test_rows_open_the_lines_they_count(self):
        self.ledger()
        self.invoice(self.customer("Another"), MONDAY - self.days(3))
        screen = self.screen(date_until=MONDAY + self.days(10))
        opened = 0
        for table in screen.figures["tables"]:
            for row in table["rows"]:
                action = screen.action_open_lines(table["key"], row["keys"])
                lines = self.lines().with_context(**action["context"]).search(action["domain"])
                self.assertTrue(action["name"])
                self.assertEqual(str(len(lines.partner_id)), row["customers"], row)
                self.assertEqual(str(len(lines.move_id)), row["invoices"], row)
                amount = float(re.sub(r"[^\d.]", "", row["amount"]))
                self.assertAlmostEqual(sum(lines.mapped("balance_residual")), amount, 2)
                opened += 1
        self.assertGreaterEqual(opened, 10)
        action = screen.action_open_all()
        self.assertEqual(
            len(self.lines().with_context(**action["context"]).search(action["domain"])),
            self.preview().total.lines,
        )

    def test_levels_of_the_same_name_are_one_row(self):
        self.invoice(self.customer("Firm"), MONDAY - self.days(10))
        self.invoice(self.customer("Person", is_company=False, vat=False), MONDAY - self.days(10))
        screen = self.screen()
        [row] = self.table(screen, "level")["rows"]
        self.assertEqual(row["customers"], "2")
        self.assertEqual(len(row["keys"]), 2)

    def test_dates_that_make_no_sense(self):
        for values, sentence in (
            ({"date": False}, "Choose the day of the run"),
            ({"date": FRIDAY - self.days(1)}, "is past"),
            ({"date": date.max}, "up to 27 February 2027"),
            ({"date_until": MONDAY - self.days(1)}, "lies before the first one"),
            ({"date_until": MONDAY + self.days(15)}, "up to 16 March 2026"),
        ):
            screen = self.screen(**values)
            self.assertIn(sentence, screen.notice)
            self.assertFalse(screen.figures)
            with self.assertRaisesRegex(UserError, sentence):
                screen.action_open_all()
        # typed into the form, the sentence comes at once
        with Form(self.env["relance.preview"].with_user(self.accountant)) as form:
            form.date = FRIDAY - self.days(3)
            self.assertTrue(form.notice)
            form.date = FRIDAY
            self.assertFalse(form.notice)
            self.assertTrue(form.figures)

    def test_a_closed_day_says_when_messages_leave(self):
        self.invoice(self.customer(), SATURDAY - self.days(10))
        remarks = self.screen(date=SATURDAY).figures["remarks"]
        self.assertIn(
            "Saturday 7 March 2026 is not a working day: messages leave on Monday 9 March 2026.", remarks
        )
        self.assertFalse(any("working day" in one for one in self.screen().figures["remarks"]))

    def test_the_week_ahead(self):
        self.ledger()
        self.invoice(self.customer("Tuesday"), MONDAY - self.days(1))
        last = MONDAY + self.days(8)
        seen, expected = set(), {}
        for offset in (0, 1, 2, 3, 4, 7, 8):
            day = MONDAY + self.days(offset)
            rows = [row for row in self.decide(day) if row.verdict == "send" and row.partner_id not in seen]
            seen |= {row.partner_id for row in rows}
            if rows:
                expected[day] = self.totals(rows)
        ahead = self.env["relance.run"]._preview_ahead(self.company, MONDAY, last)
        self.assertEqual({day: tuple(totals) for day, totals in ahead.items()}, expected)
        self.assertGreater(len(expected), 1)
        table = self.table(self.screen(date_until=last), "day")
        self.assertEqual([row["keys"] for row in table["rows"]], [[str(day)] for day in expected])
        self.assertIn("balances and levels stay as they are", table["note"])
        # each line once, however many days could claim it
        lines = self.lines(relance_preview_until=str(last)).search([])
        self.assertEqual(len(lines), len(set(lines.ids)))
        self.assertEqual(set(lines.mapped("date")), set(expected))

    def test_bank_data_too_old(self):
        self.bank_line(10, MONDAY - self.days(30))
        self.invoice(self.customer(), MONDAY - self.days(10))
        screen = self.screen()
        self.assertTrue(screen.is_bank_stale)
        self.assertEqual(screen.bank_date, MONDAY - self.days(30))
        self.assertIn("nothing leaves", screen.figures["headline"])
        screen.action_bank_entered()
        self.env.invalidate_all()
        self.assertFalse(screen.is_bank_stale)
        self.assertIn("1 customer gets a courtesy reminder", screen.figures["headline"])

    def test_looking_is_remembered(self):
        self.assertFalse(self.company.relance_preview_seen)
        action = self.env["relance.preview"].with_user(self.accountant)._open()
        self.assertEqual(str(self.company.relance_preview_seen), f"{FRIDAY} 10:00:00")
        self.assertEqual(self.env["relance.preview"].browse(action["res_id"]).date, MONDAY)
        proposed = MONDAY + self.days(7)
        action = (
            self.env["relance.preview"].with_user(self.accountant).with_context(default_date=proposed)._open()
        )
        self.assertEqual(self.env["relance.preview"].browse(action["res_id"]).date, proposed)
        menu = self.env.ref("relance_douce.action_relance_preview")
        opened = menu.with_user(self.accountant).run()
        self.assertEqual(opened["res_model"], "relance.preview")

    def test_the_start_is_offered_until_reminders_are_on(self):
        self.assertFalse(self.screen().can_start, "managers start")
        with self.assertRaises(AccessError):
            self.screen().action_start()
        screen = self.screen(user=self.manager)
        self.assertTrue(screen.can_start)
        self.assertEqual(screen.action_start()["path"], "reminders-start")
        self.company.relance_active = True
        self.assertFalse(self.screen(user=self.manager).can_start)

    # -- the list ----------------------------------------------------------------------------------------
    def test_every_line_says_why(self):
        self.ledger()
        lines = self.lines().search([])
        rows = {row.move_line_id: row for row in self.decide(MONDAY)}
        self.assertEqual(set(lines.ids), set(rows))
        decision = self.env["relance.decision"].with_context(lang="en_US")
        for line in lines:
            row = rows[line.id]
            self.assertEqual(line.why, decision._explain([row])[0])
            self.assertEqual(line.move_id.id, row.move_id)
            self.assertEqual(line.debtor_id.id, row.debtor_id)
            self.assertEqual((line.verdict, line.reason), (row.verdict, row.reason))

    def test_groups_exports_and_clicks(self):
        made = self.ledger()
        self.accountant.group_ids += self.env.ref("base.group_allow_export")
        lines = self.lines()
        groups = lines.formatted_read_group(
            [], ["reason"], ["balance_residual:sum", "__count", "partner_id:count_distinct"]
        )
        preview = self.preview()
        self.assertEqual(
            {group["reason"]: group["__count"] for group in groups},
            {reason: totals.lines for reason, totals in preview.by_reason.items()},
        )
        for group in groups:
            self.assertAlmostEqual(
                group["balance_residual:sum"], preview.by_reason[group["reason"]].amount, 2
            )
        for name in (
            "message_level_id", "channel", "verdict", "user_id", "partner_id", "debtor_id", "date_due:month",
        ):  # fmt: skip
            counts = lines._read_group([], [name], ["__count"])
            self.assertEqual(sum(count for _value, count in counts), preview.total.lines, name)
        exported = lines.search([("move_id", "=", made["paused"].id)]).export_data(
            ["name", "partner_id/name", "why", "amount_residual", "reason"]
        )["datas"]
        [[number, partner, why, amount, reason]] = exported
        self.assertEqual(
            (number, partner, amount), (made["paused"].name, "paused", made["paused"].amount_total)
        )
        self.assertIn("paused until", why)
        self.assertEqual(reason, "Paused")
        line = lines.browse(self.line(made["paused"]).id)
        self.assertEqual(line.action_open_move()["res_id"], made["paused"].id)
        found = lines.search([("partner_id", "child_of", "branch")])
        self.assertFalse(found, "the payer is the head office")
        self.assertTrue(lines.search([("debtor_id", "child_of", "branch")]))

    def test_without_the_preview_the_list_shows_the_next_working_day(self):
        invoice = self.invoice(self.customer(), MONDAY - self.days(10))
        line = self.env["relance.preview.line"].with_user(self.accountant).search([])
        self.assertEqual(line.move_id, invoice)
        self.assertEqual(line.date, MONDAY)

    def test_a_context_that_makes_no_sense(self):
        for context in (
            {"relance_preview_date": "tomorrow"},
            {"relance_preview_company": "ours"},
            {"relance_preview_until": "2099-01-01"},
            {"relance_preview_until": "2026-01-01"},
        ):
            with self.assertRaisesRegex(UserError, "opened from the preview"):
                self.lines().with_context(**context).search([])

    # -- rights ------------------------------------------------------------------------------------------
    def test_readers_and_outsiders_see_nothing_of_it(self):
        self.invoice(self.customer(user_id=self.salesperson.id), MONDAY - self.days(10))
        for user in (self.salesperson, self.outsider):
            with self.assertRaises(AccessError):
                self.env["relance.preview"].with_user(user)._open()
            with self.assertRaises(AccessError):
                self.screen(user=user)
            with self.assertRaises(AccessError):
                self.lines(user=user).search([])
            with self.assertRaises(AccessError):
                self.env["relance.preview.message"].with_user(user).create({})

    def test_two_companies(self):
        other = self.env["res.company"].create({"name": "Other company"})
        self.env["account.chart.template"].try_loading("generic_coa", other, install_demo=False)
        outside = new_test_user(
            self.env,
            "other_accountant",
            "account.group_account_invoice,relance_douce.group_relance_user",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        invoice = self.invoice(self.customer(), MONDAY - self.days(10))
        income = self.env["account.account"].search(
            [("account_type", "=", "income"), ("company_ids", "in", other.ids)], limit=1
        )
        theirs = self.env["account.move"].with_company(other).create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer("Theirs").id,
                "invoice_date": MONDAY - self.days(40),
                "invoice_date_due": MONDAY - self.days(10),
                "invoice_payment_term_id": False,
                "invoice_line_ids": [
                    Command.create({"name": "x", "price_unit": 70, "tax_ids": [], "account_id": income.id})
                ],
            }
        )  # fmt: skip
        theirs.action_post()
        self.assertEqual(self.preview().total.lines, 1)
        self.assertEqual(self.preview(company=other).total.amount, 70)

        # who belongs to the other company sees only that one, whatever he asks for
        lines = self.lines(user=outside)
        self.assertFalse(lines.search([]).move_id & invoice)
        self.assertFalse(lines.search_count([("company_id", "=", self.company.id)]))
        own = lines.with_context(relance_preview_company=other.id, allowed_company_ids=other.ids)
        self.assertEqual(own.search([]).move_id, theirs)
        with self.assertRaises(AccessError):
            self.env["relance.preview"].with_user(outside).create({"company_id": self.company.id})
        typed = self.env["relance.preview"].with_user(outside).new(
            {"company_id": self.company.id, "date": MONDAY}
        )  # fmt: skip
        self.assertTrue(typed.notice)
        self.assertFalse(typed.figures)
        message = self.message(invoice)
        with self.assertRaises(AccessError):
            message.with_user(outside).read(["subject", "body"])
        # and who works for both sees the company he chose
        both = self.accountant
        both.company_ids += other
        chosen = self.lines(user=both).with_context(
            relance_preview_company=other.id, allowed_company_ids=(self.company + other).ids
        )
        self.assertEqual(chosen.search([]).move_id, theirs)
        everything = chosen.with_context(relance_preview_company=False)
        self.assertEqual(everything.search([]).move_id, invoice + theirs)


class PreviewScaleCase(ScaleCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(freeze_time(f"{FRIDAY} 10:00:00"))

    def open_screen(self):
        screens = self.env["relance.preview"].with_user(self.accountant)
        return screens.create({"date": MONDAY, "date_until": MONDAY + self.days(7)}).read(["figures"])

    def open_lines(self):
        lines = self.env["relance.preview.line"].with_user(self.accountant)
        return lines.with_context(
            relance_preview_company=self.company.id, relance_preview_date=str(MONDAY)
        ).web_search_read(
            [("verdict", "=", "send")],
            {
                "name": {},
                "why": {},
                "amount_residual": {},
                "currency_id": {},
                "partner_id": {"fields": {"display_name": {}}},
                "message_level_id": {"fields": {"display_name": {}}},
                "tone": {},
                "channel": {},
            },
            limit=80,
            count_limit=10001,
        )

    def costs(self):
        costs, self.seconds = {}, {}
        for name, action in (
            ("totals", lambda: self.env["relance.run"]._preview(self.company, MONDAY)),
            ("screen", self.open_screen),
            ("lines", self.open_lines),
        ):
            start = self.clock()
            costs[name] = self.queries(action)
            self.seconds[name] = round(self.clock() - start, 1)
        return costs

    def clock(self):
        """Seconds by the clock of the database: Python's stands still."""
        [[seconds]] = self.env.execute_query(SQL("SELECT extract(epoch FROM clock_timestamp())"))
        return float(seconds)


@tagged("post_install", "-at_install")
class TestPreviewScale(PreviewScaleCase):
    def test_queries_do_not_grow(self):
        self.load(10, 2)
        self.costs()
        twenty = self.costs()
        self.load(20, 5)
        few = self.costs()
        self.load(56, 5)
        many = self.costs()
        self.assertEqual(many["totals"], twenty["totals"])
        self.assertEqual(many["screen"], twenty["screen"])
        # more than a page is counted, too: one decision more, and no other
        self.assertEqual(many["lines"], few["lines"])
        self.assertLessEqual(few["totals"], 12)


@tagged("post_install", "-at_install", "relance_slow")
class TestHundredThousand(PreviewScaleCase):
    COPIES = 1000

    def copy_lines(self):
        """The receivable items of the ORM's invoices and the invoices themselves, many times."""

        def columns(table, without):
            rows = self.env.execute_query(
                SQL(
                    "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
                    " AND NOT attisdropped AND attgenerated = '' AND attname <> ALL(%s)",
                    table,
                    without,
                )
            )
            return SQL(", ").join(SQL.identifier(name) for [name] in rows)

        own = columns("account_move", ["id", "name", "sequence_number", "sequence_prefix"])
        lines = columns("account_move_line", ["id", "move_id"])
        # an index that only the numbering of new invoices needs
        self.env.cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE copied ON COMMIT DROP AS
                SELECT nextval('account_move_id_seq')::int AS new_id, move.id AS old_id
                  FROM account_move move, generate_series(1, %(copies)s)
                 WHERE move.company_id = %(company)s AND move.move_type = 'out_invoice'
                   AND move.state = 'posted';
                INSERT INTO account_move (id, name, sequence_number, sequence_prefix, %(own)s)
                SELECT new_id, 'COPY/' || new_id, new_id, 'COPY/', %(own)s
                  FROM copied JOIN account_move ON account_move.id = old_id;
                INSERT INTO account_move_line (move_id, %(lines)s)
                SELECT new_id, %(lines)s
                  FROM copied JOIN account_move_line ON move_id = old_id
                 WHERE display_type = 'payment_term';
                ANALYZE account_move; ANALYZE account_move_line
                """,
                copies=self.COPIES,
                company=self.company.id,
                own=own,
                lines=lines,
            )
        )
        self.env.invalidate_all()

    def test_hundred_thousand_open_lines(self):
        self.load(50, 2)
        self.costs()
        few = self.costs()
        self.copy_lines()
        many = self.costs()
        total = self.env["relance.run"]._preview(self.company, MONDAY).total
        self.assertEqual(total.lines, 100 * (self.COPIES + 1))
        self.assertEqual(many["totals"], few["totals"])
        self.assertEqual(many["screen"], few["screen"])
        self.assertEqual(many["lines"], few["lines"])
        print(f"{total.lines} open lines: queries {many}, seconds {self.seconds}")


@tagged("post_install", "-at_install")
class TestPreviewTour(PreviewCase, HttpCase):
    def test_manager_looks_before_the_start(self):
        self.manager.lang = "en_US"
        # long ago: whatever day the browser believes it is, these are overdue
        post = self.customer("Customer with a letter box", email=False, lang="en_US")
        mail = self.customer("Customer with e-mail", lang="en_US")
        self.invoice(post, date(2025, 2, 3))
        self.invoice(mail, date(2025, 2, 3))
        self.invoice(
            self.customer("Patient customer", relance_paused_until=date(2100, 1, 1)), date(2025, 2, 3)
        )
        self.start_tour("/odoo", "relance_preview_tour", login="manager")
        self.assertTrue(self.company.relance_preview_seen)
        self.assertFalse(self.env["relance.reminder"].search([("partner_id", "in", (post + mail).ids)]))

    def test_the_letter_is_served_to_the_reader_of_the_dialog(self):
        made = self.invoice(self.customer("Post", email=False), MONDAY - timedelta(days=10))
        message = self.message(made, user=self.manager)
        url = f"/web/content/relance.preview.message/{message.id}/letter"
        self.authenticate("manager", "manager")
        response = self.url_open(url)
        self.assertEqual(response.headers["Content-Type"], "application/pdf")
        self.assertEqual(response.content[:4], b"%PDF")
        self.authenticate("outsider", "outsider")
        self.assertIn(self.url_open(url).status_code, (403, 404))
