"""Taking over an old ledger from a file: reading, checking, reporting, applying."""

import base64
import io
from datetime import date
from decimal import Decimal

import openpyxl
from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tests.common import BaseCase

from odoo.addons.relance_douce.tools import sheet
from odoo.addons.relance_douce.tools.sheet import SheetError

from .common import MONDAY
from .test_scale import ScaleCase
from .test_takeover import TakeoverCase

CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=30)


def known(text):
    return sheet.heading(text) in {"client", "niveau", "date"}


@tagged("post_install", "-at_install")
class TestSheet(BaseCase):
    """Files and cells, without a database."""

    def assertCode(self, code, function, *arguments):
        with self.assertRaises(SheetError) as raised:
            function(*arguments)
        self.assertEqual(raised.exception.code, code)

    def test_encodings(self):
        text = "Client;Niveau\r\nÉts Lœuvre & Frères – 12 €;Première\r\n"
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"):
            self.assertEqual(sheet.decode(text.encode(encoding)), text, encoding)
        latin = text.replace("–", "-")
        self.assertEqual(sheet.decode(latin.encode("iso8859-15")), latin)

    def test_what_is_no_text(self):
        self.assertCode("empty", sheet.decode, b" \r\n")
        self.assertCode("encoding", sheet.decode, b"\x00\x01\x02\x00\x9d\x81\x00")
        self.assertCode("encoding", sheet.decode, b"\xe9\x81;")
        self.assertCode("format", sheet.read, b"\xd0\xcf\x11\xe0 old workbook", known)
        self.assertCode("workbook", sheet.read, b"PK\x03\x04 damaged", known)
        self.assertCode("quotes", sheet.read, b'Client;Niveau\n"Dupont;1\nMartin;2\n', known)

    def test_separators(self):
        for separator in ";,\t":
            content = f"Client{separator}Niveau\nDupont{separator}Ferme\n".encode()
            self.assertEqual(
                sheet.read(content, known), [(1, ["Client", "Niveau"]), (2, ["Dupont", "Ferme"])]
            )
        content = b"Client;Niveau\nDupont, Martin, et fils;Ferme\n"
        self.assertEqual(sheet.read(content, known)[1], (2, ["Dupont, Martin, et fils", "Ferme"]))
        content = b"sep=|\r\nClient|Niveau\r\nDupont|Ferme\r\n"
        self.assertEqual(sheet.read(content, known)[1], (2, ["Dupont", "Ferme"]))

    def test_lines_are_counted_as_a_spreadsheet_does(self):
        content = b'Client;Niveau\n\n"Dupont\net fils";1\n;\nMartin;2\n'
        self.assertEqual([number for number, _cells in sheet.read(content, known)], [1, 3, 5])

    @settings(max_examples=300, deadline=None, derandomize=True)
    @given(st.lists(st.lists(CELL, min_size=2, max_size=5), min_size=1, max_size=6))
    def test_what_is_written_comes_back(self, rows):
        rows = [["Client", "Niveau"], *rows]
        content = sheet.write(rows)
        read = [[sheet.plain(cell) for cell in cells] for _number, cells in sheet.read(content, known)]
        self.assertEqual(read, [row for row in rows if any(cell.strip() for cell in row)])

    @settings(max_examples=300, deadline=None, derandomize=True)
    @given(st.text("=+-@\t\r'a1 ", max_size=8))
    def test_no_cell_of_ours_begins_a_formula(self, text):
        safe = sheet.neutral(text)
        self.assertFalse(safe[:1] in tuple(sheet.FORMULA))
        self.assertEqual(sheet.plain(safe), text)
        self.assertFalse(sheet.is_formula(safe))

    @settings(max_examples=300, deadline=None, derandomize=True)
    @given(st.binary(max_size=80))
    def test_any_bytes_are_read_or_refused(self, content):
        try:
            sheet.read(content, known)
        except SheetError as error:
            self.assertIn(error.code, {"empty", "encoding", "quotes", "workbook", "format"})

    def test_formulas(self):
        for text in ("=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", " =A1"):
            self.assertTrue(sheet.is_formula(text), text)
        for text in ("", "-", "-12,50", "+33 4 72 00 00 00", "Dupont = fils", "12"):
            self.assertFalse(sheet.is_formula(text), text)

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
    def test_dates_as_people_write_them(self, day):
        for form in ("%d/%m/%Y", "%Y-%m-%d", "%d.%m.%Y", "%d-%m-%y", "%Y-%m-%d 00:00:00", " %d/%m/%Y "):
            self.assertEqual(sheet.parse_date(day.strftime(form)), day, form)

    def test_what_is_no_date(self):
        self.assertIsNone(sheet.parse_date(" – "))
        for text in (
            "12/31/2025",
            "31/02/2026",
            "2026",
            "hier",
            "46022",
            "31/12",
            "2025-13-01",
            "1/1/1/2026",
        ):
            self.assertCode("date", sheet.parse_date, text)

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(st.decimals(0, 9999999, places=2))
    def test_amounts_as_people_write_them(self, amount):
        whole, cents = f"{amount:.2f}".split(".")
        spaced = f"{int(whole):,}".replace(",", "\u202f")
        for text in (
            f"{whole},{cents}",
            f"{whole}.{cents}",
            f"{spaced},{cents} €",
            f"{int(whole):,}.{cents}",
            f"{int(whole):,}".replace(",", ".") + f",{cents} EUR",
        ):
            self.assertEqual(sheet.parse_amount(text), amount, text)

    def test_what_is_no_amount(self):
        self.assertIsNone(sheet.parse_amount(""))
        self.assertEqual(sheet.parse_amount("-12,5"), Decimal("-12.5"))
        for text in ("douze", "1/2", "=A1", "12,5 pommes"):
            self.assertCode("amount", sheet.parse_amount, text)


class ImportCase(TakeoverCase):
    def importing(self, content, name="reprise.csv", user=None):
        if isinstance(content, str):
            content = content.encode()
        return (
            self.env["relance.takeover.import"]
            .with_user(user or self.accountant)
            .create({"file": base64.b64encode(content), "filename": name})
        )

    def check(self, content, **values):
        wizard = self.importing(content, **values)
        wizard.action_check()
        return wizard

    def counts(self, wizard):
        return (wizard.fit_count, wizard.same_count, wizard.empty_count, wizard.refused_count)

    def refusals(self, wizard):
        return {
            line.number: line.sentence
            for line in wizard.line_ids
            if line.status == "refused"
            and self.assertTrue(line.hint or "cannot pay" in line.sentence) is None
        }

    def tone(self, invoice):
        line = self.line(invoice)
        return (line.relance_level_id.tone or None, line.relance_level_date or None)


@tagged("post_install", "-at_install")
class TestImport(ImportCase):
    def setUp(self):
        super().setUp()
        self.dupont = self.customer("Éts Dupont & Fils", ref="C0012", company_registry="33417522100033")
        self.martin = self.customer("Martin", vat=False, email="martin@client.test", ref="C0013")
        self.late = self.invoice(self.dupont, MONDAY - self.days(50), 1000)
        self.young = self.invoice(self.dupont, MONDAY - self.days(40), 200)
        self.other = self.invoice(self.martin, MONDAY - self.days(60), 300)

    def test_everything_a_file_can_say(self):
        key = self.env.ref("relance_douce.policy_key")
        head = self.customer("Siège", ref="C0099")
        shop = self.customer("Magasin", ref="C0100")
        doubtful = self.customer("En difficulté")
        unknown = self.customer("À qualifier", vat=False)
        invoices = {
            partner: self.invoice(partner, MONDAY - self.days(30)) for partner in (shop, doubtful, unknown)
        }
        wizard = self.check(
            "Client;Référence;Facture;Niveau;Dernière relance le;Chez l’avocat;Douteux;"
            "Pas de relance jusqu’au;Scénario;Payeur;Type de client;Motif\n"
            f"ets dupont & fils;;;friendly;15/02/2026;;;;;;;\n"
            f";C0013;;;;Maître Dupuis;;;;;;\n"
            f"Magasin;;;;;;;;;C0099;;\n"
            f"En difficulté;;;;;;oui;;;;;Redressement\n"
            f"À qualifier;;;;;;;31/03/2026;{key.name};;consumer;\n"
        )
        self.assertEqual(self.counts(wizard), (5, 0, 0, 0), wizard.line_ids.mapped("sentence"))
        self.assertEqual(self.tone(self.late), (None, None), "checking writes nothing")
        self.assertFalse(unknown.relance_policy_id)
        wizard.action_apply()
        self.assertEqual(self.tone(self.late), ("friendly", date(2026, 2, 15)))
        self.assertEqual(self.tone(self.young), ("friendly", date(2026, 2, 15)))
        self.assertEqual(self.reason(self.other, MONDAY), "handed_over")
        hold = self.env["relance.hold"].search([("move_id", "=", self.other.id)])
        self.assertEqual(hold.note, "Maître Dupuis")
        self.assertEqual(shop.relance_payer_id, head)
        self.assertTrue(invoices[doubtful].no_followup)
        self.assertEqual(doubtful.trust, "bad")
        self.assertEqual(unknown.relance_paused_until, date(2026, 3, 31))
        self.assertEqual((unknown.relance_policy_id, unknown.relance_audience), (key, "consumer"))
        done = self.env["relance.takeover"].search([])
        self.assertEqual(len(done), 7)
        self.assertEqual(set(done.mapped("note")), {"reprise.csv"})

    def test_twice_changes_nothing(self):
        content = (
            "Customer;Level;Last reminded on;With the lawyer;Doubtful;No reminders until;Policy\n"
            f"Éts Dupont & Fils;friendly;2026-02-15;;;31/03/2026;{self.policy.name}\n"
            "Martin;;;x;yes;;\n"
        )
        self.check(content).action_apply()
        before = {
            model: self.env[model].with_context(active_test=False).search_count([])
            for model in ("relance.takeover", "relance.reminder", "relance.hold", "mail.message")
        }
        wizard = self.check(content)
        self.assertEqual(self.counts(wizard), (0, 2, 0, 0), wizard.line_ids.mapped("sentence"))
        with self.assertRaises(UserError):
            wizard.action_apply()
        for model, count in before.items():
            self.assertEqual(self.env[model].with_context(active_test=False).search_count([]), count)

    def test_undo_of_a_file(self):
        self.check(f"Customer;Policy\nMartin;{self.policy.name}\n").action_apply()
        takeover = self.env["relance.takeover"].search([])
        self.assertEqual(self.martin.relance_policy_id, self.policy)
        takeover.with_user(self.accountant).action_undo()
        self.assertFalse(self.martin.relance_policy_id)

    def test_whatever_identifies_the_customer(self):
        for heading, text in (
            ("Client", "ETS  DUPONT & FILS"),
            ("Code client", "c0012"),
            ("N° TVA", "FR 23 334175221"),
            ("SIRET", "334 175 221 00033"),
            ("SIREN", "334175221"),
            ("N° facture", self.late.name.lower()),
            ("Identifiant", str(self.dupont.id)),
        ):
            if heading == "N° TVA":
                self.martin.vat = False
            wizard = self.check(f"{heading};Douteux\n{text};oui\n")
            self.assertEqual(self.counts(wizard), (1, 0, 0, 0), (heading, wizard.line_ids.mapped("sentence")))
        wizard = self.check("Courriel;Douteux\nMARTIN@client.test;oui\n")
        self.assertEqual(wizard.fit_count, 1)
        contact = self.env["res.partner"].create(
            {"name": "Compta", "parent_id": self.martin.id, "email": "compta@martin.test"}
        )
        wizard = self.check(f"Courriel;Douteux\n{contact.email};oui\n")
        self.assertEqual(wizard.fit_count, 1)

    def test_one_invoice_only(self):
        wizard = self.check(
            f"Facture;Niveau;Date;Avocat\n{self.late.name};friendly;15/02/2026;\n{self.young.name};;;oui\n"
        )
        self.assertEqual(wizard.fit_count, 2)
        wizard.action_apply()
        self.assertEqual(self.tone(self.late)[0], "friendly")
        self.assertEqual(self.tone(self.young)[0], None)
        self.assertEqual(self.reason(self.young, MONDAY), "handed_over")
        self.check(f"Facture;Pas avant\n{self.late.name};20/03/2026\n").action_apply()
        self.assertEqual(self.reason(self.late, MONDAY), "paused")
        self.assertFalse(self.dupont.relance_paused_until)
        again = self.check(f"Facture;Pas avant\n{self.late.name};20/03/2026\n")
        self.assertEqual(self.counts(again), (0, 1, 0, 0))

    def test_an_opening_balance_by_the_old_numbers(self):
        journal = self.env["account.journal"].search(
            [("type", "=", "general"), ("company_id", "=", self.company.id)], limit=1
        )
        entry = self.env["account.move"].create(
            {
                "journal_id": journal.id,
                "date": MONDAY - self.days(100),
                "line_ids": [
                    (
                        0,
                        0,
                        {
                            "name": number,
                            "account_id": self.receivable.id,
                            "partner_id": self.martin.id,
                            "debit": 500,
                            "date_maturity": MONDAY - self.days(80),
                        },
                    )
                    for number in ("FA-2025-0815", "FA-2025-0816")
                ]
                + [(0, 0, {"account_id": self.income.id, "credit": 1000})],
            }
        )
        entry.action_post()
        self.check("Facture;Niveau;Date\nfa-2025-0815;attentive;01/02/2026\n").action_apply()
        levels = {line.name: line.relance_level_id.tone for line in self.line(entry)}
        self.assertEqual(levels, {"FA-2025-0815": "attentive", "FA-2025-0816": False})

    def test_a_level_of_the_policy_that_the_same_line_chooses(self):
        key = self.env.ref("relance_douce.policy_key")
        own = self.env["relance.policy"].create(
            {
                "name": "Ancien logiciel",
                "level_ids": [(0, 0, {"name": "Lettre bleue", "delay_days": 9, "tone": "friendly"})],
            }
        )
        wizard = self.check(
            f"Client;Scénario;Niveau;Date\nMartin;Ancien logiciel;lettre bleue;01/02/2026\n"
            f"C0012;{key.name};lettre bleue;01/02/2026\n"
        )
        self.assertEqual(wizard.fit_count, 1)
        self.assertEqual(list(self.refusals(wizard)), [3])
        wizard = self.check(
            f"Client;Code;Scénario;Niveau;Date\nMartin;;Ancien logiciel;lettre bleue;01/02/2026\n"
            f";C0012;{key.name};lettre bleue;01/02/2026\n"
        )
        self.assertIn("lettre bleue", self.refusals(wizard)[3])
        self.assertFalse(self.martin.relance_policy_id)
        wizard.action_apply()
        self.assertEqual(self.line(self.other).relance_level_id, own.level_ids)
        self.assertFalse(self.dupont.relance_policy_id, "a line that does not fit does nothing at all")

    def test_what_does_not_fit_line_by_line(self):
        twin = self.customer("Jumeaux", vat=False)
        self.customer("jumeaux", vat=False)
        self.invoice(twin, MONDAY - self.days(9))
        paid = self.customer("Rien en retard", vat=False)
        lines = [
            ("Inconnu SARL", "", "friendly", "01/02/2026", "", "No customer is called"),
            ("Jumeaux", "", "friendly", "01/02/2026", "", "2 customers are called"),
            ("Martin", "", "deuxième foudre", "01/02/2026", "", "has no level “deuxième foudre”"),
            ("Martin", "", "friendly", "31/02/2026", "", "is not a day"),
            ("Martin", "", "friendly", "03/03/2026", "", "lies in the future"),
            ("Martin", "", "friendly", "", "", "needs its day"),
            ("Martin", "", "", "01/02/2026", "", "no level"),
            ("=HYPERLINK(1)", "", "friendly", "01/02/2026", "", "is a formula"),
            ("Martin", "FR23334175221", "friendly", "01/02/2026", "", "different customers"),
            ("Rien en retard", "", "friendly", "01/02/2026", "", "nothing overdue"),
            ("Martin", "", "", "", "peut-être", "neither yes nor no"),
            ("", "", "friendly", "01/02/2026", "", "names no customer"),
            ("Martin", "", "friendly", "04/01/2026", "", "old enough"),
        ]
        # a customer of its own for each, or the file would contradict itself
        names = {}
        for index, line in enumerate(lines):
            names[index] = line[0]
            if line[0] == "Martin" and not line[1]:
                names[index] = f"Martin {index}"
                self.invoice(self.customer(names[index], vat=False), MONDAY - self.days(60))
        text = "Client;TVA;Niveau;Date;Douteux\n" + "".join(
            ";".join((names[index], *line[1:5])) + "\n" for index, line in enumerate(lines)
        )
        wizard = self.check(text)
        refused = self.refusals(wizard)
        for number, line in enumerate(lines, 2):
            self.assertIn(line[5], refused.get(number, ""), (number, line, refused.get(number)))
        self.assertEqual(self.counts(wizard), (0, 0, 0, len(lines)))
        self.assertTrue(paid)
        with self.assertRaises(UserError):
            wizard.action_apply()
        # the report is a file that can be mended and given back
        report = sheet.read(base64.b64decode(wizard.report), lambda text: True)
        self.assertEqual(len(report), len(lines) + 1)
        back = self.check(base64.b64decode(wizard.report))
        self.assertEqual(back.refused_count, len(lines))
        self.assertFalse(back.unused)
        french = self.importing(text).with_context(lang="fr_FR")
        french.action_check()
        self.assertFalse(self.check(base64.b64decode(french.report)).unused)
        action = wizard.action_download_report()
        self.assertIn(str(wizard.id), action["url"])

    def test_a_file_against_itself(self):
        wizard = self.check(
            "Client;Pas avant\nMartin;20/03/2026\nMartin;20/03/2026\n"
            "Nobody;\nÉts Dupont & Fils;20/03/2026\nÉts Dupont & Fils;25/03/2026\n"
        )
        refused = self.refusals(wizard)
        self.assertEqual(sorted(refused), [5, 6])
        self.assertIn("Line 6", refused[5])
        self.assertIn("Line 5", refused[6])
        told = {line.number: line.sentence for line in wizard.line_ids if line.status == "told"}
        self.assertIn("line 2", told[3])
        self.assertEqual(self.counts(wizard), (1, 1, 1, 2))
        wizard.action_apply()
        self.assertEqual(self.martin.relance_paused_until, date(2026, 3, 20))
        self.assertFalse(self.dupont.relance_paused_until)

    def test_what_counts_for_the_payer_is_said_once(self):
        """Two shops of a chain cannot have two policies, pauses or audiences: they are the payer's."""
        head = self.customer("Siège", vat=False)
        for name in ("Boutique A", "Boutique B"):
            self.invoice(
                self.customer(name, vat=False, relance_payer_id=head.id), MONDAY - self.days(40), 100
            )
        labels = dict(head._fields["relance_audience"]._description_selection(self.env))
        for heading, one, two in (
            ("Scénario", self.policy.name, self.consumers.name),
            ("Pas avant", "20/03/2026", "25/03/2026"),
            ("Audience", labels["business"], labels["consumer"]),
        ):
            text = f"Client;{heading}\nBoutique A;{one}\nBoutique B;{{}}\n"
            wizard = self.check(text.format(two))
            refused = self.refusals(wizard)
            self.assertEqual(sorted(refused), [2, 3], heading)
            self.assertIn("“Siège” pays for several", refused[2])
            wizard = self.check(text.format(one))
            self.assertEqual(self.counts(wizard), (2, 0, 0, 0), heading)
            wizard.action_apply()
        self.assertEqual(head.relance_policy_id, self.policy)
        self.assertEqual(head.relance_paused_until, date(2026, 3, 20))
        self.assertEqual(head.relance_audience, "business")

    def test_the_payer_that_the_same_file_chooses(self):
        head = self.customer("Siège", vat=False)
        for name in ("Boutique A", "Boutique B"):
            self.invoice(self.customer(name, vat=False), MONDAY - self.days(40), 100)
        text = f"Client;Payeur;Scénario\nBoutique A;Siège;{self.policy.name}\nBoutique B;Siège;{{}}\n"
        wizard = self.check(text.format(self.consumers.name))
        self.assertEqual(sorted(self.refusals(wizard)), [2, 3])
        self.assertFalse(head.relance_policy_id)
        self.check(text.format(self.policy.name)).action_apply()
        self.assertEqual(head.relance_policy_id, self.policy)

    def test_levels_need_no_right_on_contacts(self):
        self.accountant.group_ids -= self.env.ref("base.group_partner_manager")
        wizard = self.check("Client;Niveau;Date\nMartin;friendly;01/02/2026\n")
        wizard.action_apply()
        self.assertEqual(self.tone(self.other)[0], "friendly")
        wizard = self.importing(f"Client;Scénario\nMartin;{self.policy.name}\n")
        with self.assertRaisesRegex(AccessError, "right to edit contacts"):
            wizard.action_check()

    def test_a_column_that_says_the_same_as_another_is_told(self):
        wizard = self.check("Client;Niveau;Date;Relance\nMartin;friendly;01/02/2026;firm\n")
        self.assertEqual(wizard.unused, "Relance")

    def test_payers_that_cannot_be(self):
        wizard = self.check("Client;Payeur\nMartin;Martin\n")
        self.assertIn("cannot pay for", self.refusals(wizard)[2])
        wizard = self.check("Client;Code;Payeur\nMartin;;C0012\n;C0012;Martin\n")
        self.assertEqual(wizard.fit_count, 0)
        self.assertEqual(len(self.refusals(wizard)), 2)

    def test_the_books_moved_since_the_old_file(self):
        wizard = self.check("Client;Montant;Niveau;Date\nMartin;450,00 €;friendly;01/02/2026\n")
        self.assertEqual(wizard.fit_count, 1)
        self.assertIn("450", wizard.line_ids.sentence)
        wizard = self.check(f"Client;Montant;Niveau;Date\nMartin;{'9' * 400};friendly;01/02/2026\n")
        self.assertIn("is not an amount", wizard.line_ids.sentence)
        wizard = self.check("Client;Montant;Niveau;Date\nMartin;300;friendly;01/02/2026\n")
        self.assertFalse(wizard.line_ids)

    def test_files_that_cannot_be_read(self):
        for content, words in (
            (b"", "empty"),
            (b"\x00\x01\x00\x9d\x81", "no text"),
            (b"PK\x03\x04", "workbook"),
            ("Niveau;Date\nfriendly;01/02/2026\n", "which customer"),
            ('Client;Niveau\n"Martin;x\n', "quotation mark"),
        ):
            wizard = self.importing(content)
            with self.assertRaises(UserError) as raised:
                wizard.action_check()
            self.assertIn(words, str(raised.exception))
            self.assertFalse(wizard.is_checked)

    def test_workbook(self):
        book = openpyxl.Workbook()
        rows = book.active
        rows.append(["Client", "Niveau", "Date", "SIRET"])
        rows.append([])
        rows.append(["Éts Dupont & Fils", "friendly", date(2026, 2, 1), 33417522100033])
        rows.append(["Inconnu", "friendly", date(2026, 2, 1), None])
        content = io.BytesIO()
        book.save(content)
        wizard = self.check(content.getvalue(), name="reprise.xlsx")
        self.assertEqual(wizard.fit_count, 1)
        self.assertEqual(list(self.refusals(wizard)), [4])

    def test_unknown_columns_are_told(self):
        wizard = self.check("Client;Couleur;Douteux\nMartin;bleu;oui\n")
        self.assertEqual(wizard.unused, "Couleur")

    def test_the_model_comes_back_identical(self):
        poisoned = self.customer("=cmd|' /C calc'!A0", ref="@SUM(1)", vat=False, email="+x@client.test")
        spaced = self.customer('Dit "Le Grand"; et\nfils', vat=False)
        twins = [self.customer("Jumeaux", vat=False, email=False) for _once in range(2)]
        for partner in (poisoned, spaced, *twins):
            self.invoice(partner, MONDAY - self.days(20))
        wizard = self.importing(b"")
        action = wizard.action_download_model()
        self.assertIn("model_file", action["url"])
        content = base64.b64decode(wizard.model_file)
        rows = sheet.read(content, lambda text: True)
        self.assertEqual(len(rows), len(self.overdue()) + 1)
        for _number, cells in rows:
            for cell in cells:
                self.assertFalse(cell.startswith(tuple("=+-@\t\r")), cell)
        back = self.check(content)
        self.assertEqual(self.counts(back), (0, 0, len(rows) - 1, 0), back.line_ids.mapped("sentence"))
        self.assertFalse(back.unused)
        # filled in, the same file finds everybody, also those of one name
        column = [cell for cell in rows[0][1]].index("Doubtful")
        filled = sheet.write(
            [[sheet.plain(cell) for cell in rows[0][1]]]
            + [
                [sheet.plain(cell) if index != column else "yes" for index, cell in enumerate(cells)]
                for _number, cells in rows[1:]
            ]
        )
        self.assertEqual(self.check(filled).fit_count, len(rows) - 1)
        # in the words of the reader
        french = self.importing(b"").with_context(lang="fr_FR")
        french.action_download_model()
        self.assertEqual(self.check(base64.b64decode(french.model_file)).empty_count, len(rows) - 1)

    def test_rights(self):
        for user in (self.salesperson, self.outsider):
            with self.assertRaises(AccessError):
                self.check("Client;Douteux\nMartin;oui\n", user=user)
        other = self.env["res.company"].create({"name": "Autre société"})
        wizard = self.importing("Client;Douteux\nMartin;oui\n")
        wizard.company_id = other
        with self.assertRaises(AccessError):
            wizard.action_check()
        mine = self.importing("Client;Douteux\nMartin;oui\n", user=self.manager)
        with self.assertRaises(AccessError):
            mine.with_user(self.accountant).read(["file"])


@tagged("post_install", "-at_install")
class TestImportScale(ImportCase, ScaleCase):
    def content(self, partners):
        """A line for each customer, each with a day of its own."""
        return "Identifiant;Niveau;Date;Avocat;Pas avant\n" + "".join(
            f"{partner.id};courtesy;{MONDAY.isoformat()};{'oui' if index % 2 else ''};"
            f"{(MONDAY + self.days(index % 90)).isoformat() if index % 3 else ''}\n"
            for index, partner in enumerate(partners)
        )

    def test_growth(self):
        few, many = self.load(8, 2), self.load(98, 2)

        def measure(partners):
            wizard = self.importing(self.content(partners))
            return self.queries(wizard.action_check), self.queries(wizard.action_apply)

        small, large = measure(few), measure(many)
        print(small, large)
        for low, high in zip(small, large, strict=True):
            self.assertLessEqual((high - low) / 90, 0.2, (small, large))
