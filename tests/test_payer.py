"""Who pays for others: one case, one letter and one budget; each establishment owes its own."""

from datetime import timedelta

import lxml.html

from odoo.tests import tagged
from odoo.tools import html2plaintext

from .common import MONDAY, RelanceCase
from .test_letters import DAY, LetterCase, pages_of, plain, text_of

NOTE = "You pay for the establishments below"


class ChainCase(RelanceCase):
    @classmethod
    def chain(cls, *cities, **values):
        """A head office and the shops it pays for, all of the same name."""
        values = {"lang": "en_US", **values}
        office = cls.customer("Groupe Dauphiné", city="Grenoble", zip="38000", **values)
        shops = cls.env["res.partner"]
        for city in cities:
            shops += cls.customer("Magasin", city=city, relance_payer_id=office.id, lang="en_US")
        return office, shops


@tagged("post_install", "-at_install")
class TestOnePayer(ChainCase):
    def test_one_case_one_message_one_budget(self):
        office, (voiron, allevard) = self.chain("Voiron", "Allevard")
        first = self.invoice(voiron, MONDAY - self.days(10))
        second = self.invoice(allevard, MONDAY - self.days(10))
        own = self.invoice(office, MONDAY - self.days(10))
        self.run_day(MONDAY)
        reminder = self.reminders(office)
        self.assertEqual(len(reminder), 1)
        self.assertEqual(reminder.line_ids.move_id, first + second + own)
        self.assertEqual(reminder.line_ids.debtor_id, office + voiron + allevard)
        self.assertEqual(reminder.contact_id, office)
        self.send(MONDAY)
        # what was said to the head office about one shop counts for all of them
        third = self.invoice(allevard, MONDAY - self.days(9))
        self.assertEqual(self.reason(third, MONDAY + self.days(1)), "gap")
        self.policy.write({"max_contacts_30d": 1, "min_days_between_contacts": 0})
        self.assertEqual(self.reason(third, MONDAY + self.days(1)), "budget")

    def test_credit_of_one_does_not_pay_for_another(self):
        office, (voiron, allevard) = self.chain("Voiron", "Allevard")
        first = self.invoice(voiron, MONDAY - self.days(10), 1000)
        second = self.invoice(allevard, MONDAY - self.days(10), 100)
        self.credit_note(allevard, 300, MONDAY - self.days(3))
        self.assertEqual(self.reason(second, MONDAY), "credit")
        self.assertEqual(self.reason(first, MONDAY), "climb")
        self.run_day(MONDAY)
        reminder = self.reminders(office)
        [total] = reminder.letter_data["totals"]
        self.assertEqual((total["left"], total["credit"], total["net"]), (1000, 0, 1000))
        self.assertIn("1,000.00", reminder.amount_text)

    def test_credit_counts_up_to_what_its_customer_owes(self):
        office, (voiron, allevard) = self.chain("Voiron", "Allevard")
        self.invoice(voiron, MONDAY - self.days(10), 1000)
        self.invoice(allevard, MONDAY - self.days(10), 500)
        self.credit_note(allevard, 200, MONDAY - self.days(3))
        self.run_day(MONDAY)
        reminder = self.reminders(office)
        # it grows after the reminder was prepared
        self.credit_note(allevard, 400, MONDAY - self.days(2))
        reminder.invalidate_recordset()
        [total] = reminder.letter_data["totals"]
        self.assertEqual((total["left"], total["credit"], total["net"]), (1500, 500, 1000))
        owed = {sums["debtor"]: sums["net"] for sums in total["customers"]}
        self.assertEqual(owed, {voiron: 1000, allevard: 0})


@tagged("post_install", "-at_install")
class TestLettersByEstablishment(ChainCase, LetterCase):
    def lines_of(self, pdf):
        """The lines of all pages, with ordinary spaces."""
        text = text_of(pdf).replace("\ufeff", "").replace("\u200b", "")
        return [plain(line) for line in text.splitlines() if line.strip()]

    def test_establishments_with_their_totals(self):
        office, (voiron, allevard) = self.chain("Voiron", "Allevard")
        moves = self.late(voiron, 2, amount=500) + self.late(allevard, amount=70)
        moves += self.late(office, amount=1000)
        reminder = self.remind(moves)
        lines = self.lines_of(self.letter(reminder))
        order = ["Groupe Dauphiné, Grenoble", "Magasin, Allevard", "Magasin, Voiron"]
        places = [lines.index(name) for name in order]
        self.assertEqual(places, sorted(places), "the payer first, then by name and town")
        self.assertIn(moves[3].name, lines[places[0] + 1])
        self.assertIn(moves[2].name, lines[places[1] + 1])
        self.assertIn("Total Magasin, Voiron 1,001.00 €", lines)
        self.assertNotIn("Total Magasin, Allevard 70.00 €", lines, "one invoice needs no total")
        self.assertIn("Grand total 2,071.00 €", lines)
        self.assertIn(NOTE, plain(" ".join(lines)))
        self.assertEqual(len(pages_of(self.letter(reminder))), 1)

    def test_one_establishment_is_named_without_headings(self):
        office, shop = self.chain("Voiron")
        text = plain(text_of(self.letter(self.remind(self.late(shop, 2)))))
        self.assertIn("What is listed below was invoiced to Magasin, Voiron, for whom you pay.", text)
        self.assertIn("Groupe Dauphiné", text)
        self.assertNotIn("Grand total", text)
        self.assertEqual(text.count("Magasin"), 1)
        self.assertTrue(office)

    def test_own_invoices_say_nothing(self):
        office, _shops = self.chain("Voiron")
        text = plain(text_of(self.letter(self.remind(self.late(office, 2)))))
        self.assertNotIn("you pay", text.lower().replace("would you", ""))
        self.assertNotIn("Grand total", text)

    def test_currencies_are_never_added(self):
        dollar = self.env.ref("base.USD")
        dollar.active = True
        _office, (voiron, allevard) = self.chain("Voiron", "Allevard")
        moves = self.late(voiron, amount=1000) + self.late(allevard, amount=700)
        moves += self.late(voiron, 2, amount=500, currency_id=dollar.id)
        lines = self.lines_of(self.letter(self.remind(moves)))
        self.assertEqual(lines.count("Magasin, Voiron"), 2, "named for each currency")
        self.assertIn("Grand total 1,700.00 €", lines)
        # of one establishment in that currency, its total is the total
        self.assertIn("Total $ 1,001.00", lines)
        self.assertNotIn("2,700", " ".join(lines))

    def test_credits_stand_where_they_count(self):
        _office, (voiron, allevard) = self.chain("Voiron", "Allevard")
        moves = self.late(voiron, amount=1000) + self.late(allevard, amount=500)
        credit = self.credit_note(allevard, 110, DAY - timedelta(days=5))
        lines = self.lines_of(self.letter(self.remind(moves)))
        place = lines.index("Total Magasin, Allevard 500.00 €")
        self.assertEqual(
            lines[place + 1 : place + 3],
            [
                f"Credits on this account ({credit.name}) -110.00 €",
                "Left to pay after these credits 390.00 €",
            ],
        )
        place = lines.index("Grand total 1,500.00 €")
        self.assertEqual(
            lines[place + 1 : place + 3],
            ["Credits on these accounts -110.00 €", "Left to pay after these credits 1,390.00 €"],
        )

    def test_paid_column(self):
        _office, (voiron, allevard) = self.chain("Voiron", "Allevard")
        moves = self.late(voiron, 2, amount=1000) + self.late(allevard, amount=500)
        self.pay(moves[0], DAY - timedelta(days=1), 400)
        lines = self.lines_of(self.letter(self.remind(moves)))
        self.assertIn("Total Magasin, Voiron 2,001.00 € 400.00 € 1,601.00 €", lines)
        self.assertIn("Grand total 2,501.00 € 400.00 € 2,101.00 €", lines)

    def test_heading_never_stands_alone(self):
        """Wherever the page ends, an invoice stands below each name."""
        _office, shops = self.chain("Voiron", "Allevard", "Annecy")
        moves = self.env["account.move"]
        for shop in shops:
            moves += self.late(shop, 10)
        reminder = self.remind(moves, "firm")
        for extra in range(2, 9):
            with self.subTest(extra=extra):
                body = "<p>Paragraph</p>" * extra + "<p>End</p>"
                reminder.write({"is_edited": True, "subject": "Subject", "body": body})
                pages = pages_of(self.letter(reminder))
                self.assertGreater(len(pages), 1)
                for page in pages:
                    lines = [line for line in page.splitlines() if line.strip()]
                    for place, line in enumerate(lines):
                        if line.strip().startswith("Magasin, "):
                            self.assertIn("INV/", lines[place + 1])
                        if line.strip().startswith("Total Magasin"):
                            self.assertIn("INV/", lines[place - 1])
                found = [name for page in pages for name in ("Voiron", "Allevard", "Annecy") if name in page]
                self.assertEqual(set(found), {"Voiron", "Allevard", "Annecy"})

    def test_a_few_invoices_of_several_fit_on_one_page(self):
        """Names, sums and credits of three establishments beside a firm text."""
        self.company.qr_code = True
        office, shops = self.chain("Voiron", "Allevard", "Annecy", lang="fr_FR")
        moves = self.late(shops[0], 2, ref="BC 118") + self.late(shops[1], 2) + self.late(shops[2])
        self.credit_note(shops[1], 30, DAY - timedelta(days=5))
        reminder = self.remind(moves, "firm")
        reminder.level_id.offers_plan = False
        self.assertEqual(len(pages_of(self.letter(reminder))), 1)
        self.assertTrue(office)

    def test_window_and_names(self):
        hostile = "Magasin <script>x</script> {{ 1 }}"
        office, shops = self.chain("Voiron", "Allevard")
        shops[0].name = hostile
        moves = self.late(shops[0]) + self.late(shops[1])
        reminder = self.remind(moves)
        pdf = self.letter(reminder)
        self.assertInWindow(pdf, ["Groupe Dauphiné", "1 rue de l'Exemple", "38000 Grenoble"])
        self.assertIn(f"{hostile}, Voiron", plain(text_of(pdf)))
        body = reminder._mail_bodies(reminder._render_texts("mail_body"))[reminder.id]
        self.assertNotIn("<script", body)
        self.assertTrue(office)

    def test_what_else_is_open_says_whose_it_is(self):
        office, shop = self.chain("Voiron")
        other = self.invoice(shop, DAY + timedelta(days=60), 333)
        own = self.invoice(office, DAY + timedelta(days=60), 444)
        reminder = self.remind(self.late(office))
        information = plain(text_of(self.letter(reminder)).split("For information")[1])
        self.assertIn(f"{other.name} · Magasin, Voiron", information)
        self.assertNotIn(f"{own.name} ·", information)
        reminder._ensure_invoice_tokens()
        body = reminder._mail_bodies(reminder._render_texts("mail_body"))[reminder.id]
        self.assertIn(f"{other.name} · Magasin, Voiron", plain(html2plaintext(body)))

    def test_qr_code_carries_what_is_left_of_all(self):
        self.company.qr_code = True
        _office, (voiron, allevard) = self.chain("Voiron", "Allevard")
        moves = self.late(voiron, amount=1000) + self.late(allevard, amount=500)
        self.credit_note(allevard, 110, DAY - timedelta(days=5))
        reminder = self.remind(moves)
        amounts = []
        banks = type(self.account)
        original = banks.build_qr_code_base64

        def build(bank, amount, *args, **kwargs):
            amounts.append(amount)
            return original(bank, amount, *args, **kwargs)

        self.patch(banks, "build_qr_code_base64", build)
        self.letter(reminder)
        self.assertEqual(amounts, [1390.0])

    def test_statement(self):
        office, (voiron, allevard) = self.chain("Voiron", "Allevard")
        self.late(office, amount=1000)
        self.late(voiron, 2, amount=500)
        self.credit_note(allevard, 100, DAY - timedelta(days=5))
        lines = self.lines_of(self.statement(office)[office.id])
        self.assertIn(NOTE, plain(" ".join(lines)))
        self.assertIn("Total Magasin, Voiron 1,001.00 €", lines)
        self.assertIn("Magasin, Allevard", lines)
        self.assertIn("Balance 1,901.00 €", lines)
        own = plain(text_of(self.statement(voiron)[voiron.id]))
        self.assertIn("invoiced to Magasin, Voiron, for whom you pay", own)
        self.assertNotIn("Grand total", own)

    def test_firm_letters_are_set_like_friendly_ones(self):
        _office, (voiron, allevard) = self.chain("Voiron", "Allevard")
        moves = self.late(voiron, 2, amount=500) + self.late(allevard, amount=70)
        lines = self.lines_of(self.letter(self.remind(moves, "firm")))
        self.assertIn("Total Magasin, Voiron 1,001.00 € 0.00 € 1,001.00 €", lines)
        self.assertIn("Grand total 1,071.00 € 0.00 € 1,071.00 €", lines)
        self.assertIn(NOTE, plain(" ".join(lines)))

    # -- the mail ---------------------------------------------------------------------------
    def mail(self, reminder):
        reminder._ensure_invoice_tokens()
        return reminder._mail_bodies(reminder._render_texts("mail_body"))[reminder.id]

    def test_mail(self):
        _office, (voiron, allevard) = self.chain("Voiron", "Allevard")
        moves = self.late(voiron, 2, amount=500) + self.late(allevard, amount=700)
        self.credit_note(allevard, 110, DAY - timedelta(days=5))
        text = html2plaintext(self.mail(self.remind(moves))).replace("\ufeff", "")
        lines = [plain(line) for line in text.splitlines() if line.strip()]
        self.assertLess(lines.index("Magasin, Allevard"), lines.index("Magasin, Voiron"))
        for line in (
            "Total Magasin, Allevard 700.00 €",
            "Credits on this account -110.00 €",
            "Left to pay after these credits 590.00 €",
            "Total Magasin, Voiron 1,001.00 €",
            "Grand total 1,701.00 €",
            "Left to pay after these credits 1,591.00 €",
        ):
            self.assertIn(line, lines)
        self.assertIn(NOTE, plain(text))

    def test_mail_stays_small(self):
        """A chain of hundreds of shops: under 60 KB, and nothing is left out of the total."""
        _office, shops = self.chain(*(f"Ville-sous-Bois-le-Château-{number}" for number in range(120)))
        moves = self.env["account.move"]
        for shop in shops:
            moves += self.late(shop, amount=100)
        reminder = self.remind(moves)
        body = self.mail(reminder)
        self.assertLess(len(body.encode()), 60_000)
        text = plain(html2plaintext(body))
        self.assertIn("and 90 more invoices, contained in the total", text)
        self.assertIn("Grand total 12,000.00 €", text)
        rows = [row for row in lxml.html.fromstring(body).iter("tr")]
        self.assertLess(len(rows), 70)

    def test_queries_do_not_grow_with_the_establishments(self):
        def queries(count):
            _office, shops = self.chain(*(f"Ville {number}" for number in range(count)))
            moves = self.env["account.move"]
            for shop in shops:
                moves += self.late(shop)
            reminder = self.remind(moves)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            reminder._relance_letter_pages()[reminder.id]["table"]()
            self.mail(reminder)
            return self.env.cr.sql_log_count - before

        queries(2)  # what is compiled once
        few = queries(2)
        self.assertLessEqual(queries(20), few + 3)
