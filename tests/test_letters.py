"""Letters measured on the paper, and the e-mail as people and machines read it."""

import base64
import io
import re
import subprocess
from collections import namedtuple
from datetime import date, timedelta
from unittest.mock import patch

import lxml.html
from markupsafe import Markup
from PIL import Image

from odoo.exceptions import AccessError
from odoo.tests import BaseCase, new_test_user, tagged
from odoo.tools import html2plaintext

from odoo.addons.base.models import ir_actions_report as host
from odoo.addons.base.models.res_company import ResCompany as Company
from odoo.addons.relance_douce.report import stylesheet

from .common import RelanceCase

DAY = date(2026, 3, 3)
LAYOUTS = ("standard", "boxed", "bold", "striped", "folder", "wave", "bubble")
#: window of a French DL envelope: left, top, right, bottom in mm from the top left corner
WINDOW = (105, 45, 195, 80)
#: the ladder: who gets the letter of a tone has reached the one before
BEFORE = {"courtesy": None, "friendly": "courtesy", "attentive": "friendly", "firm": "attentive"}

Word = namedtuple("Word", "page left top right bottom text")


def tool(*command, data):
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def text_of(pdf):
    return tool("pdftotext", "-layout", "-", "-", data=pdf).decode()


def pages_of(pdf):
    return text_of(pdf).rstrip("\f").split("\f")


def words_of(pdf):
    """Every word with its place on the paper, in mm."""
    parser = lxml.html.HTMLParser(encoding="utf-8")
    tree = lxml.html.document_fromstring(tool("pdftotext", "-bbox", "-", "-", data=pdf), parser)
    return [
        Word(
            number,
            *(float(word.get(side)) / 72 * 25.4 for side in ("xmin", "ymin", "xmax", "ymax")),
            word.text,
        )
        for number, page in enumerate(tree.iter("page"), start=1)
        for word in page.iter("word")
    ]


def picture(width, height):
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "#1f5f5b").save(stream, "PNG")
    return base64.b64encode(stream.getvalue())


def plain(text):
    """With ordinary spaces, as one line."""
    return " ".join(text.split())


class LetterCase(RelanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write(
            {
                "logo": picture(600, 200),
                "company_details": "<p>Exemple SARL<br>12 rue de la République<br>69002 Lyon</p>",
                "report_footer": "<p>SARL au capital de 8 000 € · RCS Lyon</p>",
                "primary_color": "#1f5f5b",
            }
        )
        cls.account = cls.env["res.partner.bank"].create(
            {
                "acc_number": "FR7630006000011234567890189",
                "partner_id": cls.company.partner_id.id,
                "bank_id": cls.env["res.bank"].create({"name": "Banque", "bic": "AGRIFRPP"}).id,
                "allow_out_payment": True,
            }
        )

    def remind(self, invoices, tone="friendly"):
        """The reminders of these invoices at the level of ``tone``, as of ``DAY``."""
        if BEFORE.get(tone):
            self.line(invoices).write(
                {
                    "relance_level_id": self.levels[BEFORE[tone]].id,
                    "relance_level_date": DAY - timedelta(days=40),
                }
            )
        run = self.run_day(DAY)
        reminders = run.reminder_ids.sorted("id").with_context(relance_date=DAY)
        self.assertEqual(set(reminders.level_id.mapped("tone")), {tone})
        return reminders

    @classmethod
    def late(cls, partner, count=1, amount=100.0, days=40, **values):
        """``count`` invoices, ``days`` days late."""
        moves = cls.env["account.move"]
        for number in range(count):
            moves += cls.invoice(partner, DAY - timedelta(days=days), amount + number, post=False, **values)
        moves.action_post()
        return moves

    def long(self, reminder, count):
        """Make ``count`` lines of the only one of the reminder, numbered, at 100, 101, …"""
        [content] = reminder.line_ids
        for number in range(1, count):
            amount = content.amount_total + number
            content.copy(
                {
                    "reminder_id": reminder.id,
                    "name": f"{content.name}-{number:03}",
                    "amount_total": amount,
                    "amount_residual": amount,
                }
            )
        return reminder

    def letters(self, reminders, day=DAY):
        report = reminders.level_id.report_id.with_context(relance_date=day)
        return report._relance_letters(reminders)

    def letter(self, reminder, day=DAY):
        return self.letters(reminder, day)[reminder.id]

    def statement(self, partners, user=None):
        report = self.env.ref("relance_douce.report_letter_statement")
        report = report.with_user(user or self.env.user)
        report = report.with_context(relance_date=DAY, force_report_rendering=True)
        streams = report._render_qweb_pdf_prepare_streams(report.report_name, {}, partners.ids)
        return {key: stream["stream"].getvalue() for key, stream in streams.items() if key}

    def assertInWindow(self, pdf, address):
        """All of the address lies in the window, and nothing else touches it."""
        left, top, right, bottom = WINDOW
        touching = [
            word
            for word in words_of(pdf)
            if word.page == 1
            and word.right > left
            and word.left < right
            and word.bottom > top
            and word.top < bottom
        ]
        self.assertEqual(" ".join(word.text for word in touching), plain(" ".join(address)))
        for word in touching:
            self.assertGreaterEqual(word.left, left, word)
            self.assertLessEqual(word.right, right, word)
            self.assertGreaterEqual(word.top, top, word)
            self.assertLessEqual(word.bottom, bottom, word)


@tagged("post_install", "-at_install")
class TestWindow(LetterCase):
    def test_address_of_three_lines(self):
        customer = self.customer("Café de la Gare")
        pdf = self.letter(self.remind(self.late(customer)))
        self.assertInWindow(pdf, ["Café de la Gare", "1 rue de l'Exemple", "75001 Paris"])

    def test_address_abroad_says_the_country(self):
        customer = self.customer("Zoo", country_id=self.env.ref("base.be").id, vat="BE0477472701")
        text = text_of(self.letter(self.remind(self.late(customer))))
        self.assertRegex(text, "Belgi(que|um)")
        self.assertNotIn("France", text)

    def test_every_layout_with_a_long_address_and_a_long_header(self):
        customer = self.customer(
            "Société Lyonnaise d'Aménagements Intérieurs, de Décoration et de Menuiserie",
            street="Immeuble Le Britannia, bâtiment C, escalier 4, quatrième étage à droite",
            street2="20 boulevard Eugène-Deruelle, boîte postale 3027, TSA 40312",
            zip="69432",
            city="Lyon CEDEX 03",
        )
        contact = self.env["res.partner"].create(
            {
                "name": "Madame Marie-Antoinette de Saint-Exupéry, comptabilité fournisseurs",
                "parent_id": customer.id,
                "type": "invoice",
                **{field: customer[field] for field in ("street", "street2", "zip", "city")},
                "country_id": customer.country_id.id,
                "email": "compta@client.test",
                "lang": "fr_FR",
            }
        )
        reminder = self.remind(self.late(customer))
        reminder.contact_id = contact
        address = [
            customer.name, contact.name, customer.street, customer.street2, "69432 Lyon CEDEX 03",
        ]  # fmt: skip
        details = "<br>".join(f"Ligne {number} des coordonnées" for number in range(12))
        self.company.write(
            {
                "logo": picture(500, 500),
                "company_details": f"<p>{details}</p>",
                "report_header": "<p>Menuiserie et agencement depuis 1962</p>",
                "report_footer": "<p>" + "<br>".join(["Pied de page"] * 6) + "</p>",
            }
        )
        for name in LAYOUTS:
            with self.subTest(layout=name):
                self.company.external_report_layout_id = self.env.ref(f"web.external_layout_{name}")
                pdf = self.letter(reminder)
                self.assertInWindow(pdf, address)
                text = text_of(pdf)
                self.assertIn("Ligne 11 des coordonnées", text)
                self.assertIn("Page 1 / 1", text)
                self.assertTrue(self.is_white_around_the_address(pdf))
                below = max(word.bottom for word in words_of(pdf))
                self.assertLessEqual(below, 295, "the footer is on the paper")

    def is_white_around_the_address(self, pdf):
        """No coloured shape of the layout reaches into the window."""
        scan = tool("pdftoppm", "-r", "25.4", "-gray", "-l", "1", "-", data=pdf)
        page = Image.open(io.BytesIO(scan))  # a pixel is a millimetre
        frame = [(x, y) for x in range(105, 195) for y in (45, 46, 79)]
        frame += [(x, y) for x in (105, 106, 194) for y in range(45, 80)]
        return all(page.getpixel(place) > 250 for place in frame)

    def test_header_of_the_second_page_stays_above_the_text(self):
        self.company.write(
            {
                "logo": picture(500, 500),
                "company_details": "<p>" + "<br>".join(["Coordonnées"] * 12) + "</p>",
            }
        )
        pdf = self.letter(self.long(self.remind(self.late(self.customer()), "firm"), 60))
        for page in (1, 2):
            header = [w for w in words_of(pdf) if w.page == page and w.text == "Coordonnées"]
            self.assertEqual(len(header), 12)
            self.assertLessEqual(max(word.bottom for word in header), 45)

    def test_what_is_outside_of_the_window_keeps_its_margins(self):
        pdf = self.letter(self.long(self.remind(self.late(self.customer()), "firm"), 20))
        for word in words_of(pdf):
            self.assertGreaterEqual(word.left, 19.5, word)
            self.assertLessEqual(word.right, 195, word)


@tagged("post_install", "-at_install")
class TestLetter(LetterCase):
    def test_fifteen_invoices_fit_on_one_page(self):
        for lang in ("fr_FR", "en_US"):
            with self.subTest(lang=lang):
                customer = self.customer(f"Imprimerie {lang}", lang=lang)
                moves = self.late(customer, 15, amount=12345.67, ref="BC 2026-0415")
                self.assertEqual(len(pages_of(self.letter(self.remind(moves, "firm")))), 1)

    def test_sixty_invoices(self):
        reminder = self.remind(self.late(self.customer(lang="en_US")), "firm")
        self.long(reminder, 60)
        pages = pages_of(self.letter(reminder))
        self.assertGreater(len(pages), 1)
        for number, page in enumerate(pages, start=1):
            self.assertRegex(page, r"Due date .*Amount +Paid +Left to pay")
            self.assertIn(f"Page {number} / {len(pages)}", page)
        self.assertEqual([page.count("Total ") for page in pages], [0] * (len(pages) - 1) + [1])
        self.assertIn("7,770.00", pages[-1])
        for name in reminder.line_ids.mapped("name")[1:]:
            self.assertEqual(sum(page.count(name) for page in pages), 1)

    def test_nobody_signs_an_empty_page(self):
        """Wherever the page ends, an invoice and the totals stand above the signature."""
        reminder = self.long(self.remind(self.late(self.customer(lang="en_US")), "firm"), 14)
        for extra in range(2, 14):
            with self.subTest(extra=extra):
                text = Markup("<p>Paragraph</p>") * extra
                reminder.write({"is_edited": True, "subject": "Subject", "body": text})
                pages = pages_of(self.letter(reminder))
                last = pages[-1]
                self.assertIn("Anne Comptable", last)
                self.assertIn("Total ", last)
                self.assertIn("INV/", last)

    def test_pre_due_says_nothing_about_being_late(self):
        customer = self.customer(lang="en_US")
        moves = self.invoice(customer, DAY + timedelta(days=5), 1234.56)
        text = text_of(self.letter(self.remind(moves, "pre_due")))
        self.assertIn("1,234.56", text)
        self.assertNotIn("late", text)

    def test_days_late(self):
        customer = self.customer(lang="en_US")
        text = text_of(self.letter(self.remind(self.late(customer, days=17))))
        self.assertRegex(text, r"Due date +late +Amount")
        self.assertRegex(text, r"INV/\d+/\d+ .* 17 +100\.00")

    def test_paid_column_where_something_was_paid(self):
        customer = self.customer(lang="en_US")
        moves = self.late(customer, 2, amount=1000)
        reminder = self.remind(moves)
        self.assertNotIn("Left to pay", text_of(self.letter(reminder)))
        self.pay(moves[0], DAY - timedelta(days=1), 400)
        reminder.line_ids._refresh_amounts()
        text = text_of(self.letter(reminder))
        self.assertRegex(text, r"1,000\.00 +€ +400\.00 +€ +600\.00 +€")
        self.assertRegex(text, r"Total +2,001\.00 +€ +400\.00 +€ +1,601\.00 +€")

    def test_third_letter_is_itemised(self):
        customer = self.customer(lang="en_US")
        text = text_of(self.letter(self.remind(self.late(customer), "firm")))
        self.assertRegex(text, r"100\.00 +€ +0\.00 +€ +100\.00 +€")

    def test_currencies_are_never_added(self):
        dollar = self.env.ref("base.USD")
        dollar.active = True
        customer = self.customer(lang="en_US")
        moves = self.late(customer, amount=640) + self.late(customer, amount=1500, currency_id=dollar.id)
        text = plain(text_of(self.letter(self.remind(moves))))
        self.assertIn("Total 640.00 €", text)
        self.assertIn("Total $ 1,500.00", text)
        self.assertNotIn("2,140", text)

    def test_credits_and_net(self):
        customer = self.customer(lang="en_US")
        moves = self.late(customer, amount=1000)
        credit = self.credit_note(customer, 300, DAY - timedelta(days=20))
        text = plain(text_of(self.letter(self.remind(moves))))
        self.assertIn(f"Credits on your account ({credit.name}) -", text)
        self.assertRegex(text, r"Left to pay after these credits 700\.00 €")

    def test_what_else_is_open_is_not_claimed(self):
        customer = self.customer(lang="en_US")
        moves = self.late(customer, amount=1000)
        other = self.invoice(customer, DAY + timedelta(days=60), 333)
        text = text_of(self.letter(self.remind(moves)))
        claimed, information = text.split("For information")
        self.assertIn(other.name, information)
        self.assertNotIn(other.name, claimed)
        self.assertNotIn("1,333", text)

    def test_names_are_escaped(self):
        name = "Éclair <script>alert(1)</script> & Fils œuvre"
        customer = self.customer(name, lang="en_US", ref="C&A <b>1</b>")
        reminder = self.remind(self.late(customer, ref="<i>PO & 7</i>"))
        text = plain(text_of(self.letter(reminder)))
        self.assertIn("Éclair <script>alert(1)</script> & Fils œuvre", text)
        self.assertIn("C&A <b>1</b>", text)
        self.assertIn("<i>PO & 7</i>", text)
        body = reminder._mail_bodies(reminder._render_texts("mail_body"))[reminder.id]
        self.assertNotIn("<script", body)

    def test_bank_details_and_signature(self):
        self.accountant.partner_id.function = "Comptabilité clients"
        moves = self.late(self.customer(lang="en_US"))
        text = plain(text_of(self.letter(self.remind(moves))))
        self.assertIn("IBAN FR76 3000 6000 0112 3456 7890 189", text)
        self.assertIn("BIC AGRIFRPP", text)
        self.assertIn(f"Reference to quote: {moves.payment_reference}", text)
        self.assertIn("Anne Comptable", text)
        self.assertIn("Comptabilité clients", text)

    def test_printed_by_an_ordinary_user(self):
        reminder = self.remind(self.late(self.customer(lang="en_US"))).with_user(self.accountant)
        self.assertIn("IBAN", text_of(self.letter(reminder)))

    def test_odd_subject(self):
        reminder = self.remind(self.late(self.customer()))
        subject = "Remise de 100 % ; été & <hiver> ? #1=%zz"
        reminder.write({"is_edited": True, "subject": subject, "body": Markup("<p>Texte</p>")})
        text = text_of(self.letter(reminder))
        self.assertIn(subject, text)
        self.assertIn("Page 1 / 1", text)

    def test_company_signs_where_nobody_does(self):
        self.company.relance_user_id = False
        reminder = self.remind(self.late(self.customer()))
        reminder.user_id = False
        text = text_of(self.letter(reminder))
        self.assertIn(self.company.name, text)
        self.assertNotIn("OdooBot", text)

    def test_french_and_english(self):
        french, english = self.customer("Fr"), self.customer("En", lang="en_US")
        reminders = self.remind(self.late(french, amount=1234.56) + self.late(english, amount=1234.56))
        letters = {
            one.partner_id: text_of(pdf)
            for one, pdf in zip(reminders, self.letters(reminders).values(), strict=True)
        }
        self.assertIn("3 March 2026", letters[english])
        self.assertIn("1,234.56 €", letters[english])
        self.assertIn("3 mars 2026", letters[french])
        self.assertRegex(letters[french], r"1\s234,56\s€")
        for label in ("Subject", "Due date", "Yours faithfully", "Left to pay"):
            self.assertNotIn(label, letters[french])

    def test_first_of_the_month_is_an_ordinal_in_french(self):
        reminder = self.remind(self.late(self.customer()))
        self.assertIn("1er avril 2026", text_of(self.letter(reminder, date(2026, 4, 1))))

    def test_earlier_messages_are_recalled(self):
        customer = self.customer(lang="en_US")
        self.late(customer, days=8)
        self.live_day(DAY)
        self.live_day(DAY + timedelta(days=8))
        day = DAY + timedelta(days=17)
        reminder = self.run_day(day).reminder_ids
        self.assertEqual(reminder.level_id.tone, "attentive")
        text = plain(text_of(self.letter(reminder, day)))
        self.assertIn("Our earlier messages on this subject: 3 March 2026 and 11 March 2026", text)

    def test_text_is_divided_at_the_closing_formula(self):
        split = self.env["relance.letter"]._split_text
        cases = {
            "<p>a</p><p>b</p><p>c</p>": ("<p>a</p><p>b</p>", "<p>c</p>"),
            "<div><p>a</p><p>b</p></div>": ("<p>a</p>", "<p>b</p>"),
            "<p>a</p>\n<p>b</p>\n<p><br></p>": ("<p>a</p>", "<p>b</p><p><br></p>"),
            "<p>a</p><ul><li>b</li></ul>": ("<p>a</p><ul><li>b</li></ul>", ""),
            "<p>only one</p>": ("<p>only one</p>", ""),
            "no paragraph": ("no paragraph", ""),
            "a &lt;b&gt; &amp; c<p>end</p>": ("a &lt;b&gt; &amp; c", "<p>end</p>"),
            "": ("", ""),
        }
        for text, (opening, closing) in cases.items():
            with self.subTest(text=text):
                self.assertEqual(split(Markup(text)), (opening, closing))

    def test_dates_are_full_in_the_text_and_short_in_the_table(self):
        customer = self.customer()
        text = text_of(self.letter(self.remind(self.late(customer, days=12))))
        self.assertIn("19/02/2026", text)
        self.assertIn("19 février 2026", text)


@tagged("post_install", "-at_install")
class TestBatch(LetterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.moves = cls.env["account.move"]
        for number in range(10):
            # letters of one page and of two
            customer = cls.customer(f"Zoé{number}Client", email=False)
            cls.moves += cls.late(customer, (1, 30, 2)[number % 3])

    def setUp(self):
        super().setUp()
        self.reminders = self.remind(self.moves)
        self.assertEqual(len(self.reminders), 10)

    def assertSplit(self, letters):
        self.assertEqual(len(letters), 10)
        for reminder in self.reminders:
            pages = pages_of(letters[reminder.id])
            text = "".join(pages)
            found = set(re.findall(r"Zoé\dClient", text))
            self.assertEqual(found, {reminder.partner_id.name})
            for content in reminder.line_ids:
                self.assertIn(content.name, text)
            self.assertIn(f"Page {len(pages)} / {len(pages)}", pages[-1])
            self.assertEqual(len(pages) > 1, len(reminder.line_ids) > 9 or reminder.is_edited)

    def test_one_call_for_all(self):
        with patch.object(host, "_run_wkhtmltopdf", wraps=host._run_wkhtmltopdf) as call:
            letters = self.letters(self.reminders)
        self.assertEqual(call.call_count, 1)
        self.assertSplit(letters)

    def test_headings_in_a_text_do_not_mix_letters_up(self):
        long = Markup("<h1>One</h1>") + Markup("<p>Text of the letter</p>") * 60
        self.reminders[:2].write(
            {"is_edited": True, "subject": "x", "body": long + Markup("<h1>Two</h1><p>End</p>")}
        )
        self.assertSplit(self.letters(self.reminders))

    def test_printed_as_the_engine_does(self):
        self.send(DAY)
        self.assertEqual(set(self.reminders.mapped("channel")), {"letter"})
        self.assertSplit({one.id: one.attachment_id.raw for one in self.reminders})

    def test_two_companies_keep_their_own_header(self):
        other = self.env["res.company"].create(
            {"name": "Autre Maison", "company_details": "<p>Autre Maison</p>"}
        )
        self.company.company_details = "<p>Exemple SARL</p>"
        second = self.reminders[0].copy({"company_id": other.id, "state": "cancelled"})
        self.reminders[0].line_ids[0].copy({"reminder_id": second.id})
        both = self.reminders[1] + second
        letters = self.letters(both)
        self.assertIn("Exemple SARL", text_of(letters[both[0].id]))
        self.assertNotIn("Autre Maison", text_of(letters[both[0].id]))
        self.assertIn("Autre Maison", text_of(letters[second.id]))
        self.assertNotIn("Exemple SARL", text_of(letters[second.id]))


@tagged("post_install", "-at_install")
class TestNoServer(LetterCase):
    def test_without_any_server_and_without_a_warning(self):
        self.env["ir.config_parameter"].set_param("report.url", "http://127.0.0.1:9")
        self.company.layout_background = "Demo logo"
        reminder = self.remind(self.late(self.customer(lang="en_US")))
        self.letter(reminder)  # what the host compiles once may say something
        with self.assertNoLogs("odoo", "WARNING"):
            pdf = self.letter(reminder)
        self.assertIn("Dear Sir or Madam", text_of(pdf))
        pictures = tool("pdfimages", "-list", "-", data=pdf).decode().splitlines()[2:]
        self.assertTrue(pictures, "logo and background are in the letter")

    def test_page_asks_for_nothing(self):
        reminder = self.remind(self.late(self.customer()))
        bodies = []
        run = host._run_wkhtmltopdf

        def read(args):
            for path in args:
                if str(path).endswith(".html"):
                    with open(path, encoding="utf-8") as file:
                        bodies.append(file.read())
            self.assertEqual(args[args.index("--javascript-delay") + 1], "0")
            return run(args)

        with patch.object(host, "_run_wkhtmltopdf", read):
            self.letter(reminder)
        self.assertEqual(len(bodies), 3, "header, footer, letter")
        for body in bodies:
            page = lxml.html.document_fromstring(body)
            self.assertFalse(page.xpath("//link | //script[@src] | //iframe"))
            self.assertFalse([src for src in page.xpath("//img/@src") if not src.startswith("data:")])
            urls = re.findall(r"url\(['\"]?([^)'\"]{0,20})", body)
            self.assertFalse([url for url in urls if not url.startswith("data:")])
            self.assertLess(len(re.sub(r"data:[^)'\"]*", "", body)), 60_000)

    def test_font_of_the_company(self):
        self.company.font = "Open_Sans"
        pdf = self.letter(self.remind(self.late(self.customer())))
        self.assertIn("OpenSans", tool("pdffonts", "-", data=pdf).decode())

    def test_picture_that_cannot_be_fetched_does_not_stop_a_letter(self):
        self.env["ir.config_parameter"].set_param("report.url", "http://127.0.0.1:9")
        reminder = self.remind(self.late(self.customer()))
        body = Markup('<p>Text<img src="/web/image/0"/></p><p>End</p>')
        reminder.write({"is_edited": True, "subject": "Subject", "body": body})
        with self.assertNoLogs("odoo.addons.base.models.ir_actions_report", "WARNING"):
            self.assertIn("Subject", text_of(self.letter(reminder)))

    def test_other_reports_are_left_alone(self):
        report = self.env["ir.actions.report"]
        self.env["ir.config_parameter"].set_param("report.print_delay", "1234")
        args = report._build_wkhtmltopdf_args(self.company.paperformat_id, False)
        self.assertEqual(args[args.index("--javascript-delay") + 1], "1234")
        invoices = self.env.ref("account.account_invoices")
        self.assertEqual(invoices._get_layout(), self.env.ref("web.minimal_layout"))
        self.assertEqual(report._get_layout(), self.env.ref("web.minimal_layout"))


@tagged("post_install", "-at_install")
class TestStatement(LetterCase):
    def test_statement_by_customer_with_credits_and_balance(self):
        office = self.customer("Siège Dauphiné", lang="en_US", vat=False)
        site = self.customer("Magasin Voiron", relance_payer_id=office.id, lang="en_US")
        self.late(office, amount=1000)
        self.late(site, amount=500)
        self.invoice(office, DAY + timedelta(days=30), 250)
        self.credit_note(site, 100, DAY - timedelta(days=5))
        text = plain(text_of(self.statement(office)[office.id]))
        self.assertIn("Subject: Your account on 3 March 2026", text)
        self.assertIn("Siège Dauphiné", text)
        self.assertIn("Magasin Voiron", text)
        self.assertRegex(text, r"Invoices to be paid of which already due: 1,500\.00 € 1,750\.00 €")
        self.assertRegex(text, r"Credits and payments not yet assigned -\S*100\.00 €")
        self.assertRegex(text, r"Balance 1,650\.00 €")
        # the site's own statement shows nothing of the others
        own = plain(text_of(self.statement(site)[site.id]))
        self.assertIn("500.00 €", own)
        self.assertNotIn("1,000.00", own)

    def test_nothing_open(self):
        customer = self.customer(lang="en_US")
        text = plain(text_of(self.statement(customer)[customer.id]))
        self.assertIn("Nothing is open on your account", text)

    def test_several_statements_in_one_call(self):
        customers = self.customer("Premier") + self.customer("Deuxième")
        for customer in customers:
            self.late(customer, 30)
        with patch.object(host, "_run_wkhtmltopdf", wraps=host._run_wkhtmltopdf) as call:
            statements = self.statement(customers)
        self.assertEqual(call.call_count, 1)
        self.assertIn("Premier", text_of(statements[customers[0].id]))
        self.assertNotIn("Premier", text_of(statements[customers[1].id]))

    def test_only_for_those_who_may_read_the_books(self):
        customer = self.customer()
        self.late(customer)
        plain_user = new_test_user(self.env, "nobody_of_the_books", "base.group_user")
        with self.assertRaises(AccessError):
            self.statement(customer, plain_user)
        self.assertTrue(self.statement(customer, self.accountant))


@tagged("post_install", "-at_install")
class TestMail(LetterCase):
    def mail(self, reminder):
        reminder._ensure_invoice_tokens()
        return reminder._mail_bodies(reminder._render_texts("mail_body"))[reminder.id]

    def test_plain_text(self):
        customer = self.customer(lang="en_US")
        moves = self.late(customer, 2, amount=1000)
        self.pay(moves[0], DAY - timedelta(days=1), 400)
        credit = self.credit_note(customer, 300, DAY - timedelta(days=20))
        other = self.invoice(customer, DAY + timedelta(days=60), 333)
        self.assertTrue(credit)
        text = html2plaintext(self.mail(self.remind(moves)))
        lines = [plain(line) for line in text.splitlines()]
        self.assertIn(f"{moves[0].name} [1] 01/22/2026 600.00 €", lines)
        self.assertIn("400.00 € received of 1,000.00 €", lines)
        self.assertIn("Total 1,601.00 €", lines)
        self.assertIn("Left to pay after these credits 1,301.00 €", lines)
        self.assertIn("By bank transfer: IBAN FR76 3000 6000 0112 3456 7890 189", lines)
        self.assertRegex(text, f"For information.*{other.name}")
        self.assertLess(text.index("Left to pay after"), text.index("With kind regards"))
        self.assertLess(text.index("With kind regards"), text.index("Anne Comptable"))
        self.assertNotIn("<", text)

    def test_one_button_and_a_link_for_each_invoice(self):
        reminder = self.remind(self.late(self.customer(lang="en_US"), 3))
        page = lxml.html.fromstring(self.mail(reminder))
        buttons = [link for link in page.iter("a") if "background-color" in link.get("style")]
        self.assertEqual([button.text for button in buttons], ["See and pay"])
        self.assertEqual(buttons[0].get("href"), reminder.letter_data["pay_url"])
        links = {link.text: link.get("href") for link in page.iter("a")}
        for move in reminder.line_ids.move_id:
            self.assertIn(move.access_url, links[move.name])
            self.assertIn(move.access_token, links[move.name])

    def test_small_whatever_is_open(self):
        customer = self.customer("Un client au nom assez long & Fils")
        reminder = self.long(self.remind(self.late(customer)), 150)
        body = self.mail(reminder)
        self.assertLess(len(body.encode()), 60_000)
        self.assertIn("26 175,00 €", plain(html2plaintext(body)))

    def test_dark_mode_and_no_pictures(self):
        reminder = self.remind(self.late(self.customer(), 2))
        body = self.mail(reminder)
        self.assertNotIn("<img", body)
        self.assertNotIn("<style", body)
        page = lxml.html.fromstring(body)
        for node in page.iter():
            style = node.get("style", "")
            self.assertNotIn("background:", style)
            color = re.search(r"(?<![-\w])color:([^;]+)", style)
            if "background-color" not in style and color:
                self.assertIn(color[1], ("#767676", "inherit"))

    def test_button_is_readable(self):
        color = self.env["relance.letter"]._button_color
        for own, expected in (
            ("#1f5f5b", "#1f5f5b"),
            ("#ffffff", "#35708f"),
            ("#000000", "#35708f"),
            ("#ffee00", "#35708f"),
            ("rgb(1,2,3)", "#35708f"),
            (False, "#35708f"),
        ):
            self.company.primary_color = own
            self.assertEqual(color(self.company), expected)

    def test_french(self):
        text = html2plaintext(self.mail(self.remind(self.late(self.customer(), amount=1234.56))))
        self.assertRegex(text, "1[\u00a0\u202f]234,56\u00a0€")
        self.assertNotIn("See and pay", text)
        self.assertNotIn("Due date", text)


class TestStylesheet(BaseCase):
    def test_every_company_font_is_at_hand(self):
        fonts = [name for name, _label in Company.font.selection]
        self.assertIn("Lato", fonts)
        with patch.object(stylesheet, "_is_installed", return_value=False):
            for font in fonts:
                for bold in (True, False):
                    rules = stylesheet.font_rules.__wrapped__(font, bold)
                    self.assertEqual(rules.count("src:url(data:font/ttf;base64,"), 1 + bold, font)
        with patch.object(stylesheet, "_is_installed", return_value=True):
            self.assertEqual(stylesheet.font_rules.__wrapped__("Lato"), "")

    def test_only_what_the_page_can_match_is_kept(self):
        css = """
            @import url("x.css"); @charset "utf-8";
            @font-face { font-family: X; src: url(x.woff); }
            :root { --blue: #00f; }
            p { margin: 0; --gap: 1px; } /* p { color: red } */
            .row > .col-6, .gone .col-6 { width: 50%; }
            .row:not(.other)::before { content: "x"; }
            #here td, #gone td { color: #111; }
            h1 { margin: 0 }
            a[href=".gone"] { color: inherit }
            @media (min-width: 1px) { .row { margin: 1px } .gone { margin: 2px } }
            @media print { .gone { margin: 2px } }
            @keyframes spin { from { top: 0 } to { top: 1px } }
        """
        html = (
            "<div class=\"row x\"><p class='col-6'>a</p>"
            '<table id="here"><tr><td><a>b</a></td></tr></table></div>'
        )
        kept = stylesheet.purge(css, stylesheet.names_in(html))
        self.assertEqual(
            [" ".join(line.split()) for line in kept.splitlines()],
            [
                "p{margin: 0;}",
                ".row > .col-6{width: 50%;}",
                '.row:not(.other)::before{content: "x";}',
                "#here td{color: #111;}",
                'a[href=".gone"]{color: inherit}',
                "@media (min-width: 1px){.row{margin: 1px}",
                "}",
            ],
        )
