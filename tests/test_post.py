"""Letters on paper: the pile, its numbers, the printer and the post."""

import io
from datetime import date
from unittest.mock import patch

import pytest
from freezegun import freeze_time
from reportlab.pdfgen.canvas import Canvas

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, HttpCase, tagged
from odoo.tools.pdf import PdfFileReader

from odoo.addons.relance_douce.tools import tracking

from .common import MONDAY, RelanceCase
from .test_races import RaceCase
from .test_scale import ScaleCase


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("RK 123 456 785 FR", "RK123456785FR"),
        (" rk123456785fr\n", "RK123456785FR"),
        ("1A 234\u00a0567 890\u202f12", "1A23456789012"),
        ("", ""),
        (None, ""),
        (False, ""),
    ],
)
def test_spaces_and_case_do_not_count(typed, kept):
    assert tracking.normalise(typed) == kept


@pytest.mark.parametrize(
    "number",
    # the example of the standard, then digits whose rest is 0 and 1
    ["RK123456785FR", "EE473124829GB", "RA000000005FR", "RA000000310FR", "1A23456789012", "87000123456789A"],
)
def test_numbers_that_can_be_right(number):
    assert not tracking.is_mistyped(number)


@pytest.mark.parametrize("number", ["RK123456784FR", "RK213456785FR", "RA000000001FR"])
def test_numbers_that_cannot_be_right(number):
    assert tracking.is_mistyped(number)


def test_tracking_page_of_known_numbers():
    assert tracking.tracking_url("RK123456785FR").endswith("=RK123456785FR")
    assert tracking.tracking_url("EE473124829GB") == ""
    assert tracking.tracking_url("1A23456789012") == ""


def sheets(names, pages=1):
    """A PDF that says ``names`` on each of its pages."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    for _page in range(pages):
        canvas.drawString(100, 700, names)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


class PostCase(RelanceCase):
    """Letters without the program that prints them: what it gives back is written here."""

    def setUp(self):
        super().setUp()
        self.pages = {}
        reports = self.env.registry["ir.actions.report"]
        self.patch(reports, "_relance_check_printer", lambda _self: None)

        def print_letters(_report, reminders):
            return {
                one.id: sheets(one.partner_id.name, self.pages.get(one.partner_id.name, 1))
                for one in reminders
            }

        self.patch(reports, "_relance_letters", print_letters)

    def letters(self, *customers):
        """Letters prepared on MONDAY for customers by name and what else is known of them."""
        self.invoices = {}
        for name, values in customers:
            partner = self.customer(name, relance_channel="letter", **values)
            self.invoices[name] = self.invoice(partner, MONDAY - self.days(3))
        self.run_day(MONDAY)
        self.send(MONDAY)
        reminders = self.env["relance.reminder"].search([("channel", "=", "letter")], order="id")
        self.assertEqual(len(reminders), len(customers))
        return reminders.with_user(self.accountant)

    def three(self):
        return self.letters(
            ("Chevalier", {"zip": "69001"}), ("Avril", {"zip": "75001"}), ("Blanc", {"zip": "01000"})
        )

    def names(self, action):
        """What stands on the pages of the PDF that ``action`` downloads; “” on a blank one."""
        number = int(action["url"].split("/")[3].split("?")[0])
        attachment = self.env["ir.attachment"].browse(number)
        reader = PdfFileReader(io.BytesIO(attachment.raw), strict=False)
        return [
            reader.getPage(page).extract_text().strip() if "/Contents" in reader.getPage(page) else ""
            for page in range(reader.getNumPages())
        ]

    def posted(self, letters, day=MONDAY):
        """The dialog, filled in with ``day``: what it showed, and what came of it."""
        action = letters.action_open_post()
        wizard = (
            self.env[action["res_model"]]
            .with_user(letters.env.user)
            .with_context(**action["context"])
            .create({"date": day} if day else {})
        )
        shown = (wizard.letter_count, wizard.registered_count, wizard.date, wizard.left_out)
        return shown, wizard.action_confirm()


@tagged("post_install", "-at_install")
@freeze_time("2026-03-02 10:00:00")
class TestPile(PostCase):
    def test_a_letter_that_left_is_evidence(self):
        letter, other, _third = self.three()
        kept = letter.attachment_id.raw
        letter.action_mark_posted(MONDAY)
        attempts = (
            lambda: letter.attachment_id.write({"raw": b"forged"}),
            lambda: letter.attachment_id.write({"res_id": other.id}),
            lambda: letter.attachment_id.unlink(),
            # the cross in the chatter: the host looks at rights, then deletes with all of them
            lambda: letter.attachment_id.sudo()._delete_and_notify(),
        )
        for attempt in attempts:
            with self.assertRaisesRegex(UserError, "stays as it was sent"):
                attempt()
        self.assertEqual(letter.attachment_id.raw, kept)
        # one that did not leave is made anew whenever something changes
        other.attachment_id.unlink()
        self.assertFalse(other.attachment_id)

    def test_order_of_the_envelopes(self):
        belgium = self.env.ref("base.be").id
        letters = self.letters(
            ("Bruxelles", {"zip": "1000", "country_id": belgium}),
            ("Zoé", {"zip": "69001"}),
            ("avril", {"zip": "69001"}),
            ("Blanc", {"zip": "01000"}),
            ("Sans pays", {"zip": "33000", "country_id": False}),
        )
        # the envelope goes to the contact, where he has an address of his own
        branch = self.env["res.partner"].create(
            {"name": "Succursale", "street": "2 quai", "zip": "99000", "city": "Ville"}
        )
        letters.filtered(lambda one: one.partner_id.name == "Blanc").sudo().contact_id = branch
        ordered = letters.search([("id", "in", letters.ids)], order="post_position")
        wanted = ["Sans pays", "avril", "Zoé", "Blanc", "Bruxelles"]
        self.assertEqual(ordered.mapped("partner_id.name"), wanted)
        self.assertEqual(ordered.mapped("post_position"), [1, 2, 3, 4, 5])
        self.assertEqual(ordered.mapped("post_place")[3:], ["99000 Ville", "1000 Paris BE"])
        backwards = letters.search([("id", "in", letters.ids)], order="post_position desc")
        self.assertEqual(backwards.mapped("partner_id.name"), wanted[::-1])
        self.assertEqual(self.names(letters.action_print()), wanted)

    def test_numbers_of_a_chosen_pile(self):
        letters = self.three()
        action = self.env["relance.reminder"].with_user(self.accountant)._action_post(letters[:2])
        pile = self.env["relance.reminder"].with_user(self.accountant).with_context(**action["context"])
        chosen = pile.search(action["domain"], order="post_position")
        self.assertEqual(
            chosen.mapped(lambda one: (one.post_position, one.partner_id.name)),
            [(1, "Chevalier"), (2, "Avril")],
        )
        # in the whole pile, they have others
        self.assertEqual(letters.mapped("post_position"), [2, 3, 1])
        # and a pile keeps its numbers while it is posted
        chosen.action_print()
        self.posted(chosen[0])
        self.assertEqual(chosen[1].post_position, 2)

    def test_action_for_all_and_for_what_is_chosen(self):
        action = self.env.ref("relance_douce.action_relance_post").with_user(self.accountant)
        self.assertEqual(action.run()["path"], "letters-to-post")
        letters = self.three()
        context = {"active_model": "relance.reminder", "active_ids": letters[1:].ids}
        self.assertEqual(
            action.with_context(**context).run()["domain"][0][2],
            letters[2:].ids + letters[1:2].ids,
        )
        letters.sudo()._set_cancelled("Payée.")
        with self.assertRaisesRegex(UserError, "waits for the post"):
            action.with_context(**context).run()

    def test_reader_neither_prints_nor_posts(self):
        letters = self.three().with_user(self.salesperson)
        letters.partner_id.sudo().user_id = self.salesperson
        for name in ("action_print", "action_open_post", "action_print_again"):
            with self.assertRaises(AccessError):
                getattr(letters, name)()
        with self.assertRaises(AccessError):
            letters[0].tracking_number = "RK123456785FR"
        with self.assertRaises(AccessError):
            self.env["relance.reminder"].with_user(self.salesperson)._action_post()


@tagged("post_install", "-at_install")
@freeze_time("2026-03-02 10:00:00")
class TestPrint(PostCase):
    def test_both_sides(self):
        self.pages = {"Blanc": 2, "Chevalier": 1, "Avril": 1}
        letters = self.three()
        self.assertEqual(self.names(letters.action_print()), ["Blanc", "Blanc", "Chevalier", "Avril"])
        self.company.relance_duplex = True
        self.assertEqual(
            self.names(letters.action_print_again()), ["Blanc", "Blanc", "Chevalier", "", "Avril"]
        )

    def test_print_again_has_no_effect(self):
        letters = self.three()
        first = self.names(letters.action_print())
        before = letters.read(
            ["state", "level_id", "date_printed", "attachment_id", "contact_date", "attempt"]
        )
        levels = [self.line(invoice).relance_level_id for invoice in self.invoices.values()]
        with (
            freeze_time("2026-03-04 10:00:00"),
            patch.object(
                self.env.registry["relance.reminder"], "_render_letters", side_effect=AssertionError
            ),
        ):
            self.assertEqual(self.names(letters.action_print_again()), first)
        self.assertEqual(
            letters.read(["state", "level_id", "date_printed", "attachment_id", "contact_date", "attempt"]),
            before,
        )
        self.assertEqual([self.line(invoice).relance_level_id for invoice in self.invoices.values()], levels)
        self.assertIn("Printed again by Anne Comptable", letters[0].case_id.message_ids[0].body)

    def test_posted_letter_is_printed_again(self):
        letter = self.letters(("Avril", {}))
        letter.action_print()
        letter.action_mark_posted(MONDAY)
        self.assertEqual(self.names(letter.action_print_again()), ["Avril"])
        self.assertEqual((letter.state, letter.contact_date), ("sent", MONDAY))

    def test_the_button_prints_what_is_new(self):
        letters = self.three()
        letters[0].action_print()
        listed = letters.browse().with_context(active_domain=[("channel", "=", "letter")])
        self.assertEqual(self.names(listed.action_print_pile()), ["Blanc", "Avril"])
        with self.assertRaisesRegex(UserError, "Print again"):
            listed.action_print_pile()
        self.assertEqual(self.names(listed.action_print_again()), ["Blanc", "Chevalier", "Avril"])
        # nothing chosen and no list: nothing is printed by accident
        with self.assertRaises(UserError):
            letters.browse().action_print_again()

    def test_nothing_to_print(self):
        with self.assertRaisesRegex(UserError, "no letter to print"):
            self.env["relance.reminder"].with_user(self.accountant).action_print_pile()

    def test_paid_letter_is_left_out_with_a_sentence(self):
        letters = self.three()
        letters.sudo()._set_ready()
        # rendered anew below, checked again before
        letters.sudo().write({"attachment_id": False, "date_prepared": False})
        blanc = letters.filtered(lambda one: one.partner_id.name == "Blanc")
        blanc.case_id.sudo().paused_until = MONDAY + self.days(9)
        self.invoices["Avril"].line_ids.sudo().no_followup = True
        action = letters.action_print()
        self.assertEqual(self.names(action["params"]["next"]), ["Chevalier"])
        self.assertIn("Blanc", action["params"]["message"])
        self.assertIn("Avril", action["params"]["message"])

    def test_what_a_rule_postpones_is_named_with_its_reason(self):
        letters = self.three()
        waiting = letters.filtered(lambda one: one.partner_id.name != "Chevalier")
        waiting.sudo().write({"attachment_id": False, "date_prepared": False})
        self.bank_line(10, MONDAY - self.days(40))
        action = letters.action_print()
        self.assertEqual(self.names(action["params"]["next"]), ["Chevalier"])
        for words in ("Avril", "Blanc", "bank data are too old"):
            self.assertIn(words, action["params"]["message"])
        self.assertEqual(waiting.mapped("state"), ["ready"] * 2)

    def test_missing_file_is_named(self):
        letters = self.three()
        letters.action_print()
        self.env.cr.execute(
            "UPDATE ir_attachment SET store_fname = NULL WHERE id = %s", [letters[1].attachment_id.id]
        )
        self.env["ir.attachment"].invalidate_model()
        with self.assertRaisesRegex(UserError, "Avril"):
            letters.action_print_again()

    def test_download_belongs_to_who_printed(self):
        letter = self.letters(("Avril", {}))
        number = int(letter.action_print()["url"].split("/")[3].split("?")[0])
        attachment = self.env["ir.attachment"].browse(number)
        attachment.with_user(self.accountant).check_access("read")
        with self.assertRaises(AccessError):
            attachment.with_user(self.manager).check_access("read")
        # and goes with its transient record
        self.env["relance.post"].browse(attachment.res_id).unlink()
        self.assertFalse(attachment.exists())


@tagged("post_install", "-at_install")
@freeze_time("2026-03-02 10:00:00")
class TestNumbers(PostCase):
    def test_number_is_kept_as_it_counts(self):
        letter = self.letters(("Avril", {}))
        letter.tracking_number = " rk 123 456 785 fr "
        self.assertEqual(letter.tracking_number, "RK123456785FR")
        self.assertIn("RK123456785FR", letter.tracking_url)
        letter.tracking_number = "RK123456785FR"
        letter.tracking_number = "  "
        self.assertFalse(letter.tracking_number)

    def test_wrong_numbers_are_explained(self):
        letters = self.three()
        with self.assertRaisesRegex(UserError, "do not fit together"):
            letters[0].tracking_number = "RK123456784FR"
        with self.assertRaisesRegex(UserError, "is no tracking number"):
            letters[0].tracking_number = "https://example.com/" + "x" * 60
        with self.assertRaisesRegex(UserError, "belongs to one letter"):
            letters.tracking_number = "RK123456785FR"
        self.assertEqual(letters.mapped("tracking_number"), [False] * 3)

    def test_the_same_number_twice(self):
        letters = self.three()
        letters[0].tracking_number = "RK123456785FR"
        with self.assertRaisesRegex(UserError, "Chevalier"):
            letters[1].tracking_number = "RK 123456785 FR"
        letters.action_print()
        self.posted(letters[0])
        # used for good, also once it was posted
        with self.assertRaisesRegex(UserError, "Chevalier"):
            letters[1].tracking_number = "RK123456785FR"
        # a letter that never leaves gives its label back
        letters[1].tracking_number = "1A23456789012"
        letters[1].action_cancel()
        letters[2].tracking_number = "1A23456789012"
        with self.assertRaisesRegex(UserError, "take it out of the pile"):
            letters[1].tracking_number = "1A99999999999"

    def test_no_number_on_what_is_no_letter(self):
        mail = self.customer("Courriel")
        self.invoice(mail, MONDAY - self.days(3))
        self.run_day(MONDAY)
        with self.assertRaisesRegex(UserError, "no letter"):
            self.reminders(mail).with_user(self.accountant).tracking_number = "RK123456785FR"

    def test_correction_after_the_post_is_traced(self):
        letter = self.letters(("Avril", {}))
        letter.tracking_number = "RK123456785FR"
        letter.action_print()
        self.posted(letter)
        self.assertIn("RK123456785FR", letter.case_id.message_ids[0].body)
        letter.tracking_number = "1A23456789012"
        self.assertIn("1A23456789012", letter.case_id.message_ids[0].body)


@tagged("post_install", "-at_install")
@freeze_time("2026-03-02 10:00:00")
class TestPosted(PostCase):
    def test_all_in_one_go(self):
        letters = self.three()
        letters.action_print()
        letters[0].tracking_number = "RK123456785FR"
        listed = letters.browse().with_context(active_domain=[("state", "=", "ready")])
        dialog, result = self.posted(listed, None)
        self.assertEqual(dialog, (3, 1, MONDAY, ""))
        self.assertEqual(result["params"]["type"], "success")
        self.assertEqual(letters.mapped("state"), ["sent"] * 3)
        self.assertEqual(letters.mapped("contact_date"), [MONDAY] * 3)
        for invoice in self.invoices.values():
            self.assertEqual(self.line(invoice).relance_level_id.tone, "courtesy")

    def test_paid_meanwhile_drops_out_and_the_others_go(self):
        letters = self.three()
        letters.action_print()
        self.settle(self.invoices["Avril"], MONDAY)
        listed = letters.browse().with_context(active_domain=[("state", "=", "ready")])
        dialog, result = self.posted(listed)
        self.assertEqual(dialog[0], 2)
        self.assertIn("Avril", dialog[3])
        self.assertEqual(result["params"]["type"], "warning")
        self.assertIn("Avril", result["params"]["message"])
        self.assertIn("paid", result["params"]["message"])
        self.assertEqual(letters.mapped("state"), ["sent", "cancelled", "sent"])

    def test_dialog_counts_what_it_can_post_before_it_is_saved(self):
        letters = self.three()
        letters[:2].action_print()
        action = letters.action_open_post()
        model = self.env[action["res_model"]].with_user(self.accountant).with_context(**action["context"])
        dialog = Form(model)
        self.assertEqual((dialog.letter_count, len(dialog.left_out.splitlines())), (2, 1))

    def test_dialog_that_is_not_fresh_any_more(self):
        letters = self.three()
        letters.action_print()
        wizard = self.env["relance.post"].with_user(self.accountant).create({"reminder_ids": letters.ids})
        self.assertEqual(wizard.letter_count, 3)
        self.settle(self.invoices["Avril"], MONDAY)
        self.assertIn("Avril", wizard.action_confirm()["params"]["message"])
        # a page on which the letter is still chosen
        letters[0].sudo()._undo()
        self.assertIn("Avril", self.posted(letters[:2])[0][3])

    def test_changed_letter_is_printed_anew_before_it_is_posted(self):
        letters = self.three()
        letters.action_print()
        self.settle(self.invoices["Avril"], MONDAY, amount=200)
        _dialog, result = self.posted(letters)
        self.assertIn("print it", result["params"]["message"])
        self.assertEqual(letters.mapped("state"), ["sent", "ready", "sent"])

    def test_unprinted_letters_stay(self):
        letters = self.three()
        with self.assertRaisesRegex(UserError, "not printed"):
            self.posted(letters)
        self.assertEqual(letters.mapped("state"), ["ready"] * 3)

    def test_posted_twice(self):
        letters = self.three()
        letters.action_print()
        stale = self.env["relance.post"].with_user(self.manager).create({"reminder_ids": letters.ids})
        self.posted(letters)
        with self.assertRaisesRegex(UserError, "already"):
            stale.action_confirm()
        with self.assertRaisesRegex(UserError, "No letter waits"):
            letters.action_open_post()

    def test_proposed_day(self):
        friday, saturday, monday = date(2026, 3, 6), date(2026, 3, 7), date(2026, 3, 9)
        self.assertEqual(self.company._relance_posting_date(friday), friday)
        self.assertEqual(self.company._relance_posting_date(saturday), monday)
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Férié",
                "calendar_id": self.company.resource_calendar_id.id,
                "date_from": self.noon(monday, 0),
                "date_to": self.noon(monday, 23),
            }
        )
        self.assertEqual(self.company._relance_posting_date(saturday), date(2026, 3, 10))
        self.company.resource_calendar_id = False
        self.assertEqual(self.company._relance_posting_date(saturday), saturday)

    def test_day_that_cannot_be(self):
        letters = self.three()
        letters.action_print()
        with self.assertRaisesRegex(UserError, "up to"):
            self.posted(letters, MONDAY + self.days(1))
        with self.assertRaisesRegex(UserError, "was made on"):
            self.posted(letters, MONDAY - self.days(1))
        self.assertEqual(letters.mapped("state"), ["ready"] * 3)
        # on a Saturday the next Monday may be meant
        with freeze_time("2026-03-07 09:00:00"):
            self.posted(letters, date(2026, 3, 9))
        self.assertEqual(letters.mapped("contact_date"), [date(2026, 3, 9)] * 3)


@tagged("post_install", "-at_install")
class TestPostScale(PostCase, ScaleCase):
    def pile(self, count):
        partners = self.load(count, 1)
        partners.write({"relance_channel": "letter", "email": False})
        self.run_day(MONDAY)
        letters = self.env["relance.reminder"].search([("partner_id", "in", partners.ids)])
        self.assertEqual(letters.mapped("channel"), ["letter"] * count)
        self.send(MONDAY)
        return letters.with_user(self.accountant)

    def work(self, letters):
        """Queries of the page, of printing again and of posting."""
        names = ["post_position", "post_place", "partner_id", "level_id", "tracking_number", "tracking_url"]
        page = self.queries(
            lambda: letters.search([("id", "in", letters.ids)], order="post_position").read(names)
        )
        printing = self.queries(letters.action_print)
        again = self.queries(letters.action_print_again)
        with freeze_time("2026-03-02 11:00:00"):
            posting = self.queries(lambda: letters._post(MONDAY))
        self.assertEqual(letters.mapped("state"), ["sent"] * len(letters))
        return page, printing, again, posting

    def test_queries_do_not_grow(self):
        few = self.work(self.pile(4))
        many = self.work(self.pile(60))
        print("queries (page, print, again, post) of 4 and 60 letters:", few, many)
        for small, large in zip(few, many, strict=True):
            self.assertLessEqual(large, small + 6)


@tagged("post_install", "-at_install")
class TestTwoPost(RaceCase):
    def test_two_people_post_the_same_letter(self):
        """One winner; the other one hears about it, and the letter counts once."""
        with self.registry_cursor() as env:
            partner = env["res.partner"].browse(self.partner_id)
            partner.write({"relance_channel": "letter", "email": False})
            env["relance.run"]._run(env.company, MONDAY)
            env["relance.reminder"]._send_batch(now=self.noon(MONDAY))
            letter = env["relance.reminder"].search([("partner_id", "=", partner.id)])
            letter.action_print()
            letter_id = letter.id

        def post(env):
            with freeze_time("2026-03-02 11:00:00"):
                posted, left = env["relance.reminder"].browse(letter_id)._post(MONDAY)
                return len(posted), " ".join(left.values())

        with self.registry_cursor() as env:
            first = post(env)
            thread, second = self.in_thread(post)
            thread.join()
        self.assertEqual(first, (1, ""))
        self.assertEqual(second["result"][0], 0)
        self.assertIn("being processed", second["result"][1])
        third = self.in_thread(post)
        third[0].join()
        self.assertEqual(third[1]["result"][0], 0)
        self.assertIn("already", third[1]["result"][1])


@tagged("post_install", "-at_install")
class TestPostTour(PostCase, HttpCase):
    def test_five_letters_printed_numbered_and_posted(self):
        self.accountant.lang = "en_US"
        policy = self.env["relance.policy"].create(
            {
                "name": "By post",
                "level_ids": [
                    Command.create(
                        {
                            "name": "Friendly",
                            "delay_days": 7,
                            "tone": "friendly",
                            "approval": "none",
                            "subject": "Friendly",
                            "mail_body": "<p>Please</p>",
                            "letter_body": "<p>Please</p>",
                        }
                    )
                ],
            }
        )
        towns = {"Marseille": "13001", "Lyon": "69001", "Ajaccio": "20000", "Bourg": "01000", "Nice": "06000"}
        for town, code in towns.items():
            partner = self.customer(
                f"Letter to {town}", zip=code, city=town, email=False, relance_policy_id=policy.id
            )
            # long ago: whatever day the tour runs, they are overdue
            self.invoice(partner, date(2025, 2, 3))
        self.run_day(date(2025, 3, 3))
        self.start_tour("/odoo/letters-to-post", "relance_post_tour", login="accountant")
        letters = self.env["relance.reminder"].search([("partner_id.name", "like", "Letter to")])
        self.assertEqual(letters.mapped("state"), ["sent"] * 5)
        numbers = {one.partner_id.city: one.tracking_number for one in letters}
        self.assertEqual(
            numbers,
            {
                "Bourg": "RK123456785FR",
                "Nice": "RA000000005FR",
                "Marseille": "RA000000310FR",
                "Ajaccio": "1A23456789012",
                "Lyon": "1A23456789013",
            },
        )
        self.assertEqual(letters.mapped("contact_date"), [self.company._relance_posting_date()] * 5)
