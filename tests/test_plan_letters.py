"""What a customer reads about his payment plan: the agreement, letters, e-mails, the offer in a reminder."""

import re
from datetime import timedelta

import lxml.html
from freezegun import freeze_time

from odoo import Command
from odoo.tests import tagged
from odoo.tools import html2plaintext

from .common import MONDAY
from .test_letters import DAY, LetterCase, pages_of, picture, plain, text_of, tool
from .test_plan import FIRST, SIGNATURE, PlanCase

KINDS = (
    "proposal",
    "counter_refused",
    "confirmation",
    "upcoming",
    "receipt",
    "nudge",
    "notice",
    "thanks",
    "broken",
    "withdrawn",
)
#: about instalments and not about the plan as a whole
ABOUT_LINES = ("upcoming", "receipt", "nudge", "notice", "thanks", "broken")


class PlanTexts:
    """What the texts of plans are asked for."""

    def assertWords(self, text, *words):
        for word in words:
            self.assertIn(word, text)

    def assertNoWords(self, text, *words):
        for word in words:
            self.assertNotIn(word, text)

    def assertClean(self, text):
        """Nothing a programmer left behind."""
        self.assertNotRegex(text, r"\b(None|False|True|nan)\b|%s|%\(|object\.|\{\{|False\)")


class PlanLetterCase(PlanTexts, PlanCase, LetterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.payer.write({"lang": "en_US", "ref": "C00412"})
        cls.company.partner_id.vat = "FR23334175221"
        cls.payer.vat = "FR96412345670"
        cls.accountant.partner_id.function = "Comptable"

    def owing(self, name="Lucien Perrin", amount=1000.0, **values):
        """An invoice of a customer who is no company, unless ``values`` say otherwise."""
        payer = self.customer(
            name, **{"is_company": False, "vat": False, "lang": "en_US", "email": "p@client.test", **values}
        )
        return self.invoice(payer, MONDAY - timedelta(days=20), amount)

    def agreement(self, plan):
        report = self.env.ref("relance_douce.report_plan_agreement")
        return report._relance_letters(plan)[plan.id]

    def agreement_text(self, plan):
        return plain(text_of(self.agreement(plan)))

    def message(self, plan, kind, channel="letter", lines=None):
        lines = plan.line_ids[:1] if lines is None else lines
        revision = 90 + len(plan.sudo().message_log_ids)
        return (
            self.env["relance.plan.message"]
            .create(
                {
                    "plan_id": plan.id,
                    "kind": kind,
                    "contact_id": plan.contact_id.id,
                    "line_ids": [Command.set(lines.ids if kind in ABOUT_LINES else [])],
                    "channel": channel,
                    "date_planned": MONDAY,
                    "revision": revision,
                }
            )
            .sudo()
        )

    def mail(self, message):
        return message._mail_bodies(message._render_texts())[message.id]

    def mail_text(self, message):
        return plain(html2plaintext(self.mail(message)))

    def letter_text(self, message):
        return plain(text_of(message._render_letters()[message.id]))

    def missed(self, plan, paid=0.0):
        """The first instalment of ``plan`` is late and partly paid."""
        line = plan.sudo().line_ids[0]
        line.write({"state": "late", "amount_paid": paid, "date_due": MONDAY - timedelta(days=6)})
        return line


@tagged("post_install", "-at_install")
class TestAgreement(PlanLetterCase):
    def test_offer_to_a_business_has_all_that_the_law_and_good_sense_ask_for(self):
        plan = self.proposed(signer_name="Jeanne Martin", signer_function="Gérante", waive_penalties=True)
        pdf = self.agreement(plan)
        text = plain(text_of(pdf))
        self.assertWords(
            text,
            f"Payment plan {plan.name}",
            "Proposal valid until 9 March 2026.",
            # parties
            self.company.name,
            "SIREN 334 175 221",
            "represented by Anne Comptable, Comptable,",
            "SIREN 412 345 670",
            "represented by Jeanne Martin, Gérante,",
            # debt
            "1. Acknowledgement of the debt.",
            "the principal sum of 2,000.00 €",
            self.older.name,
            self.younger.name,
            "articles 2231 and 2240",
            # instalments, in figures and in words
            "2. Instalments.",
            "2,000.00 € (two thousand euros) is paid in 4 instalments",
            "1 9 March 2026 500.00 €",
            "4 9 June 2026 500.00 €",
            # means
            "IBAN FR76 3000 6000 0112 3456 7890 189, BIC AGRIFRPP",
            f"reference to quote: {plan.name}.",
            # imputation, other invoices
            "article 1343-1",
            "remain payable on their own due dates",
            # default: the policy's five days of grace, eight of notice
            "still unpaid 5 days after this message, the creditor may give written notice",
            "without effect for 8 days, the plan ends by itself, without further formality",
            "due at once",
            # penalties, no figure
            "If, and only if, the plan is kept to its end, the creditor gives up all of the late-payment",
            "L441-10 and D441-5",
            "no novation",
            "power to bind the debtor",
            # signatures
            "Made in two originals",
            "Anne Comptable",
            "Lyon, 2 March 2026",
            "Place and date:",
        )
        self.assertNoWords(text, "1376", "40.00", "€40", "Fingerprint", "Subject:")
        self.assertClean(text)
        self.assertEqual(len(pages_of(pdf)), 2)
        self.assertInWindow(pdf, ["Client Exemple", "1 rue de l'Exemple", "75001 Paris"])

    def test_signed_online(self):
        plan = self.proposed(signer_name="Jeanne Martin").sudo()
        plan._accept(
            signed_by="Jeanne <b>Martin</b>",
            function="G & Cie",
            signature=picture(300, 100),
            ip="82.64.12.7",
            with_code=True,
        )
        text = plain(text_of(plan.agreement_id.raw))
        self.assertWords(
            text,
            "represented by Jeanne <b>Martin</b>, G & Cie,",
            "Simple electronic signature (Civil Code, articles 1366 and 1367)",
            "82.64.12.7",
            "2 March 2026, 11:00:00 (Central European Standard Time)",
            "sent to the signatory and entered correctly",
            plan.signed_hash,
        )
        self.assertNoWords(text, "Place and date:", "Proposal valid", "two originals")
        self.assertClean(text)
        unsigned = self.plan(self.invoice(self.payer, MONDAY - timedelta(days=3), 2000.0))
        self.assertEqual(
            self.pictures(plan.agreement_id.raw) - self.pictures(self.agreement(unsigned)), 1, "his signature"
        )

    def pictures(self, pdf):
        return len(tool("pdfimages", "-list", "-", data=pdf).decode().splitlines())

    def test_what_was_signed_is_printed_as_it_was_signed(self):
        plan = self.active()
        self.payer.name = "Nom changé"
        self.assertEqual(self.agreement(plan), plan.agreement_id.raw)

    def test_agreed_on_the_phone(self):
        plan = self.active(signer_name="Jeanne Martin")
        text = plain(text_of(plan.agreement_id.raw))
        self.assertWords(
            text, "Agreed on the phone; this document records the agreement", "Place and date:",
            "grateful for a signed copy", plan.signed_hash,
        )  # fmt: skip
        self.assertNoWords(text, "electronic signature", "One-time code", "IP address")
        self.assertClean(text)

    def test_signed_on_paper(self):
        plan = self.proposed()
        scan = self.env["ir.attachment"].create({"name": "scan.pdf", "raw": b"%PDF-1.4"})
        plan.action_accept(signed_by="Jeanne Martin", kind="paper", scan=scan)
        text = plain(text_of(plan.agreement_id.raw))
        self.assertWords(text, "Signed on paper; the creditor keeps the original", "Jeanne Martin")
        self.assertNoWords(text, "electronic signature", "One-time code")

    def test_consumer_pays_no_cost_and_loses_nothing_by_a_machine(self):
        plan = self.proposed(moves=self.owing())
        text = self.agreement_text(plan)
        self.assertWords(
            text,
            "This plan adds no interest, no fee and no cost to the debt; reminders are free of charge.",
            "formal notice (Civil Code, article 1231-6), remains reserved",
            "Nothing ends by itself",
            "a person looks at the situation",
            "written notice to pay what was missed within 30 days",
            "Sum written by the debtor himself in figures and in words (Civil Code, article 1376)",
            "In figures:",
            "In words:",
        )
        self.assertNoWords(
            text, "D441-5", "L441-10", "indemnity", "penalties and of", "ends by itself,", "represented by .",
            "power to bind", "without further formality",
        )  # fmt: skip
        self.assertEqual(text.count("represented by"), 1, "a person signs for himself")
        self.assertClean(text)

    def test_consumer_who_typed_the_sum(self):
        plan = self.proposed(moves=self.owing()).sudo()
        plan._accept(
            signed_by="Lucien Perrin", signature=SIGNATURE, figures="1000,00", words="One thousand <i>euros"
        )
        text = plain(text_of(plan.agreement_id.raw))
        self.assertIn("1000,00 – One thousand <i>euros", text)
        self.assertNotIn("In figures:", text)

    def test_waiver_for_a_consumer_speaks_of_interest_only(self):
        text = self.agreement_text(self.proposed(moves=self.owing(), waive_penalties=True))
        self.assertIn("also gives up all of the interest for late payment", text)
        self.assertNoWords(text, "late-payment penalties", "remains reserved")

    def test_public_body_gives_nothing_up_and_writes_no_sum(self):
        moves = self.owing("Commune de Saint-Égrève", is_company=True, relance_audience="public")
        text = self.agreement_text(self.proposed(moves=moves))
        self.assertWords(
            text, "due by law and cannot be given up", "L2192-14", "interrupts the limitation period."
        )
        self.assertNoWords(text, "1376", "2240", "D441-5")
        self.assertClean(text)

    def test_association_owes_no_fixed_indemnity(self):
        moves = self.owing("Association des Alpages", is_company=True, relance_audience="legal_person")
        plain_text = self.agreement_text(self.plan(moves))
        self.assertWords(plain_text, "neither claimed nor given up here", "1231-6", "1376", "power to bind")
        self.assertNoWords(plain_text, "indemnity", "D441-5")
        plan = self.plan(self.owing("Club", is_company=True, relance_audience="legal_person"))
        plan.write({"waive_penalties": True, "waive_percent": 50})
        self.assertIn("gives up 50 % of the interest for late payment", self.agreement_text(plan))

    def test_end_of_the_plan_as_the_terms_say(self):
        cases = {
            (
                "auto",
                0,
                5,
            ): "still unpaid 5 days after this message, the plan ends by itself, without further",
            ("auto", 15, 0): "If it is still unpaid, the creditor may give written notice to pay it. If this "
            "notice remains without effect for 15 days, the plan ends by itself",
            ("manual", 0, 8): "8 days after this message, the creditor may end the plan, in writing; what",
            ("manual", 8, 5): "without effect for 8 days, the creditor may end the plan, in writing",
        }
        plan = self.plan().sudo()
        for (mode, notice, grace), words in cases.items():
            with self.subTest(mode=mode, notice=notice, grace=grace):
                plan.write({"break_mode": mode, "notice_days": notice, "grace_days": grace})
                self.assertIn(words, plain(plan._default_text()))

    def test_draft_and_ended_offers_say_so(self):
        plan = self.plan()
        self.assertIn("Draft: this is not an offer yet.", self.agreement_text(plan))
        plan.action_propose()
        plan.action_cancel()
        self.assertIn("This offer has ended and can no longer be signed.", self.agreement_text(plan))

    def test_instalments_settled_otherwise_and_means(self):
        plan = self.plan(means="cheques", means_note="nos 1204 à 1207", current_on_time=False)
        plan.line_ids[1].write({"kind": "goods", "note": "reprise de <b>12 panneaux</b>"})
        text = self.agreement_text(plan)
        self.assertWords(
            text,
            "2 9 April 2026 Returned goods – reprise de <b>12 panneaux</b> 500.00 €",
            "they are paid in on these dates, not before (nos 1204 à 1207).",
            "A payment may also be made by bank transfer: IBAN",
        )
        self.assertNotIn("Other invoices.", text)
        for means, words in (
            ("standing_transfer", "orders a standing transfer"),
            ("direct_debit", "collects the instalments by direct debit"),
            ("card", "pays by card"),
        ):
            plan.means = means
            self.assertIn(words, plan._means_text())

    def test_discount_on_the_principal(self):
        plan = self.plan()
        plan.sudo()._ask_discount(200.0, "Geste commercial")
        plan.with_user(self.manager).action_grant_discount()
        text = self.agreement_text(plan)
        self.assertWords(
            text,
            "the principal sum of 2,000.00 €",
            "grants a reduction of 200.00 € on this principal by credit note; 1,800.00 € remain",
            "the sum of 1,800.00 € (one thousand, eight hundred euros)",
        )

    def test_one_payment(self):
        text = self.agreement_text(self.plan(count=1))
        self.assertWords(text, "is paid in one payment", "1 9 March 2026 2,000.00 €")

    def test_establishments_are_named_and_everything_fits_on_two_pages(self):
        site = self.customer(
            "Client Exemple, Voiron",
            vat=False,
            company_registry="41234567000020",
            relance_payer_id=self.payer.id,
        )
        moves = self.older + self.younger
        for number in range(8):
            moves += self.invoice(site, MONDAY - timedelta(days=30 - number), 111.0 + number)
        plan = self.plan(moves, count=12)
        pdf = self.agreement(plan)
        self.assertEqual(len(pages_of(pdf)), 2)
        self.assertWords(plain(text_of(pdf)), "Client Exemple, Voiron", *moves.mapped("name"))
        # the schedule is not cut from its sentence
        page = next(page for page in pages_of(pdf) if "2. Instalments." in page)
        self.assertIn("9 February 2027", page)

    def test_signatures_never_stand_alone(self):
        moves = self.older + self.younger
        for count in range(2, 9):
            plan = self.plan(moves, count=count)
            last = pages_of(self.agreement(plan))[-1]
            self.assertIn("For the debtor", last)
            self.assertRegex(last, r"\d\. ", "an article stands above the signatures")
            plan.unlink()

    def test_french(self):
        self.payer.lang = "fr_FR"
        plan = self.proposed(signer_name="Jeanne Martin", waive_penalties=True).sudo()
        plan._accept(signed_by="Jeanne Martin", signature=SIGNATURE, ip="82.64.12.7")
        text = plain(text_of(plan.agreement_id.raw))
        self.assertWords(
            text,
            "Accord d’échelonnement PLAN/",
            "Reconnaissance de dette",
            "2 000,00 € (deux mille euros)",
            "1 9 mars 2026 500,00 €",
            "déchéance du terme",
            "de plein droit",
            "article 1343-1 du Code civil",
            "n’emporte pas novation",
            "renonce à la totalité des pénalités de retard",
            "Signature électronique simple",
            "heure normale d’Europe centrale",
        )
        self.assertNoWords(text, "The ", "debtor", "Instalment", "creditor")
        self.assertClean(text)
        consumer = self.agreement_text(self.plan(self.owing(lang="fr_FR")))
        self.assertWords(consumer, "en toutes lettres", "ni intérêt, ni frais", "dans un délai de 30 jours")

    def test_only_french_companies_have_a_siren(self):
        belgian = self.owing(
            "Zoo", is_company=True, vat="BE0477472701", country_id=self.env.ref("base.be").id
        )
        belgian.partner_id.company_registry = "477472701"
        lines = self.plan(belgian)._debtor_lines()
        self.assertIn("477472701, VAT number BE0477472701", lines)
        self.assertIn("Belgium", lines)

    def test_many_agreements_at_once(self):
        moves = self.owing("Premier") + self.owing("Deuxième")
        plans = self.plan(moves[0]) + self.plan(moves[1])
        letters = self.env.ref("relance_douce.report_plan_agreement")._relance_letters(plans)
        self.assertIn("Premier", text_of(letters[plans[0].id]))
        self.assertNotIn("Premier", text_of(letters[plans[1].id]))
        self.assertIn("Page 2 / 2", text_of(letters[plans[1].id]))

    def test_printed_by_an_ordinary_user(self):
        plan = self.proposed()
        report = self.env.ref("relance_douce.report_plan_agreement").with_user(self.accountant)
        self.assertIn("IBAN", text_of(report._relance_letters(plan.with_user(self.accountant))[plan.id]))

    def test_company_without_a_bank_account_or_a_person(self):
        (self.older + self.younger).partner_bank_id = False
        self.account.active = False
        plan = self.proposed()
        plan.sudo().user_id = self.env.ref("base.user_root")
        text = self.agreement_text(plan)
        self.assertNoWords(text, "IBAN", "OdooBot", "reference to quote")
        self.assertIn(f"{self.company.name} Client Exemple Lyon, 2 March 2026", text)


@tagged("post_install", "-at_install")
class TestPlanMessages(PlanLetterCase):
    def test_every_kind_in_both_languages_as_mail_and_as_letter(self):
        for lang in ("en_US", "fr_FR"):
            self.payer.lang = lang
            plan = self.active(signer_name="Jeanne Martin", waive_penalties=True).sudo()
            for kind in KINDS:
                with self.subTest(lang=lang, kind=kind):
                    message = self.message(plan, kind)
                    subject, _text = message._render_texts()[message.id]
                    mail, letter = self.mail(message), message._render_letters()[message.id]
                    text = plain(text_of(letter))
                    for one in (subject, plain(html2plaintext(mail)), text):
                        self.assertClean(one)
                    self.assertIn(plain(subject), text)
                    self.assertIn("Anne Comptable", text)
                    self.assertIn(plan.name, plain(html2plaintext(mail)))
                    self.assertInWindow(letter, ["Client Exemple", "1 rue de l'Exemple", "75001 Paris"])
                    self.assertLess(len(mail.encode()), 60_000)
                    self.assertOneButton(mail)
                    if lang == "fr_FR":
                        self.assertNotRegex(text, r"\b(The|the|you|Your|plan)\b")
            plan.action_cancel()

    def assertOneButton(self, mail):
        page = lxml.html.fromstring(mail)
        buttons = [link for link in page.iter("a") if "background-color" in link.get("style", "")]
        self.assertEqual(len(buttons), 1)
        self.assertTrue(buttons[0].text.strip())
        self.assertIn("access_token=", buttons[0].get("href"))
        self.assertNotIn("<img", mail)
        self.assertNotIn("<style", mail)
        return buttons[0]

    def test_colours_are_read_on_white_and_on_black(self):
        page = lxml.html.fromstring(self.mail(self.message(self.proposed(), "proposal")))
        for node in page.iter():
            style = node.get("style", "")
            self.assertNotIn("background:", style)
            color = re.search(r"(?<![-\w])color:([^;]+)", style)
            if "background-color" not in style and color:
                self.assertIn(color[1], ("#767676", "inherit"))

    def test_button_leads_where_it_says(self):
        plan = self.active().sudo()
        expected = {
            "proposal": ("Read and sign", f"/my/plans/{plan.id}?"),
            "counter_refused": ("Read and sign", f"/my/plans/{plan.id}?"),
            "confirmation": ("See the plan", f"/my/plans/{plan.id}?"),
            "upcoming": ("Pay this instalment", f"/my/plans/{plan.id}/pay?"),
            "nudge": ("Pay this instalment", f"/my/plans/{plan.id}/pay?"),
            "receipt": ("See the plan", f"/my/plans/{plan.id}?"),
            "broken": ("See the plan", f"/my/plans/{plan.id}?"),
        }
        for kind, (label, url) in expected.items():
            with self.subTest(kind=kind):
                button = self.assertOneButton(self.mail(self.message(plan, kind)))
                self.assertEqual(button.text, label)
                self.assertIn(url, button.get("href"))
                if label.startswith("Pay"):
                    self.assertIn(f"&line={plan.line_ids[0].id}", button.get("href"))

    def test_nobody_pays_twice_what_we_collect(self):
        plan = self.active(means="direct_debit").sudo()
        mail = self.mail(self.message(plan, "upcoming"))
        self.assertEqual(self.assertOneButton(mail).text, "See the plan")
        self.assertNotIn("IBAN", mail)
        self.assertIn("you have nothing to do", mail)
        plan.means = "standing_transfer"
        mail = self.mail(self.message(plan, "upcoming"))
        self.assertEqual(self.assertOneButton(mail).text, "See the plan")
        self.assertNotIn("IBAN", mail)
        self.assertIn("IBAN", self.mail(self.message(plan, "confirmation")))

    def test_plain_text_reads_well(self):
        plan = self.proposed(signer_name="Jeanne Martin")
        text = html2plaintext(self.mail(self.message(plan, "proposal")))
        lines = [plain(line) for line in text.splitlines()]
        self.assertIn("Hello Jeanne Martin,", lines)
        self.assertIn("1 03/09/2026 500.00 €", lines)
        self.assertIn("Total 2,000.00 €", lines)
        self.assertIn(
            "4 instalments of 500.00 €, the first on 9 March 2026, the last on 9 June 2026", plain(text)
        )
        self.assertIn("by 9 March 2026", plain(text))
        self.assertNotIn("<", text)

    def test_letter_to_sign_encloses_the_agreement(self):
        letter = self.letter_text(self.message(self.proposed(), "proposal"))
        self.assertWords(letter, "To accept this plan", "scan this code", "1. Acknowledgement of the debt.")
        confirmed = self.active(moves=self.owing())
        letter = self.letter_text(self.message(confirmed, "confirmation"))
        self.assertIn(confirmed.signed_hash, letter)

    def test_letters_of_several_plans_keep_their_own_enclosures(self):
        first, second = self.proposed(), self.proposed(moves=self.owing())
        messages = self.message(first, "proposal") + self.message(second, "proposal")
        contents = messages._render_letters()
        self.assertNotIn("Lucien Perrin", text_of(contents[messages[0].id]))
        self.assertNotIn("Client Exemple", text_of(contents[messages[1].id]))

    def test_confirmation_says_how_and_what_comes_first(self):
        plan = self.active()
        text = self.mail_text(self.message(plan, "confirmation"))
        self.assertWords(
            text,
            "We agreed on it on the phone on 2 March 2026",
            "The first payment: 500.00 € on 9 March 2026.",
            "IBAN FR76",
            f"Reference to quote: {plan.name}",
        )

    def test_receipt_says_what_is_left(self):
        plan = self.active().sudo()
        plan.line_ids[0].write({"state": "paid", "amount_paid": 500.0, "amount_money": 500.0})
        text = self.mail_text(self.message(plan, "receipt"))
        self.assertWords(
            text,
            "We have received 500.00 €",
            "3 instalments are left, 1,500.00 € in all; the next one is 500.00 € on 9 April 2026.",
        )
        self.assertNotIn("IBAN", text)
        plan.line_ids[1:3].write({"state": "paid", "amount_paid": 500.0, "amount_money": 500.0})
        text = self.mail_text(self.message(plan, "receipt", lines=plan.line_ids[2]))
        self.assertIn("One instalment is left: 500.00 € on 9 June 2026.", text)
        # a receipt is about money
        plan.line_ids[0].amount_money = 450.0
        text = self.mail_text(self.message(plan, "receipt"))
        self.assertWords(text, "We have received 450.00 €", "besides, 50.00 € settled by credit 450.00 €")

    def test_thanks_for_a_kept_word(self):
        plan = self.active(waive_penalties=True).sudo()
        plan.line_ids.write({"state": "paid", "amount_paid": 500.0, "amount_money": 500.0})
        text = self.mail_text(self.message(plan, "thanks", lines=plan.line_ids[-1]))
        self.assertWords(
            text, "the plan is kept", "kept your word", "we give up all of the late-payment penalties"
        )
        self.assertWords(text, "4 06/09/2026 500.00 €", "Received in all 2,000.00 €")
        plan.waive_penalties = False
        text = self.mail_text(self.message(plan, "thanks", lines=plan.line_ids[-1]))
        self.assertNotIn("penalties", text)

    def test_nudge_is_friendly_and_asks_for_what_is_missing(self):
        plan = self.active()
        line = self.missed(plan, paid=200.0)
        text = self.mail_text(self.message(plan, "nudge", lines=line))
        self.assertWords(
            text, "300.00 €, due on 24 February 2026", "Surely an oversight", "200.00 € received of 500.00 €",
            "To be paid now 300.00 €",
        )  # fmt: skip
        self.assertNotRegex(text, "(?i)formal|notice|due at once|court|legal")

    def test_notice_of_default_has_its_formal_elements(self):
        plan = self.active(waive_penalties=True)
        line = self.missed(plan, paid=200.0)
        message = self.message(plan, "notice", lines=line)
        text = self.letter_text(message)
        self.assertWords(
            text,
            f"Subject: Formal notice – payment plan {plan.name}",
            "we give you formal notice to pay this sum by 10 March 2026",
            "1 24 February 2026 500.00 € 200.00 € 300.00 €",
            "To be paid now 300.00 €",
            f"Invoices covered by the plan: {self.older.name}, {self.younger.name}",
            "the plan ends, as agreed, and all that is left, 1,800.00 €, is due at once",
            "Our promise to give up the late-payment penalties would lapse.",
            "IBAN",
            "Anne Comptable",
        )
        self.payer.lang = "fr_FR"
        message.invalidate_recordset()
        self.assertWords(self.letter_text(message), "Mise en demeure", "nous vous mettons en demeure")

    def test_notice_to_a_consumer_threatens_with_nothing_unlawful(self):
        plan = self.active(moves=self.owing())
        line = self.missed(plan)
        text = self.letter_text(self.message(plan, "notice", lines=line))
        self.assertWords(
            text, "by 1 April 2026", "we could end the plan", "it adds no cost", "A person decides"
        )
        self.assertNotRegex(text, "(?i)penalt|indemnity|court|the plan ends")

    def test_acceleration_says_what_is_due_and_offers_to_talk(self):
        plan = self.active(waive_penalties=True).sudo()
        line = self.missed(plan)
        plan.line_ids[1].state = "paid"
        plan._end_as_broken()
        message = self.message(plan, "broken", lines=line)
        text = self.letter_text(message)
        self.assertWords(
            text,
            f"Subject: End of the payment plan {plan.name} – 2,000.00 € to be paid",
            "1 24 February 2026 500.00 € 0.00 € 500.00 €",
            "all that is left, 2,000.00 €, is due at once",
            "this condition is no longer met",
            "we remain ready to talk",
            f"{self.older.name}",
            "Total 2,000.00 € 0.00 € 2,000.00 €",
            "IBAN",
        )
        self.assertNotIn("9 June 2026", text)
        mail = self.mail_text(message)
        self.assertWords(mail, "All that is left, due at once 2,000.00 €")

    def test_acceleration_of_paid_invoices_still_has_an_end(self):
        plan = self.active().sudo()
        plan._end_as_broken()
        for move in self.older + self.younger:
            self.settle(move, MONDAY)
        self.assertIn("Anne Comptable", self.letter_text(self.message(plan, "broken")))

    def test_withdrawal_names_what_is_open(self):
        plan = self.active()
        plan.action_cancel("interne : ne pas montrer")
        text = self.mail_text(self.message(plan.sudo(), "withdrawn"))
        self.assertIn("2,000.00 € are still open", text)
        self.assertNotIn("ne pas montrer", text)

    def test_uneven_instalments_in_words(self):
        words = self.env["relance.letter"]._schedule_text
        euro = self.env.ref("base.EUR")
        days = [FIRST + timedelta(days=30 * number) for number in range(5)]
        for amounts, expected in (
            ([10.0], "10.00 € on 9 March 2026"),
            ([10.0, 10.0], "2 instalments of 10.00 €, the first"),
            ([10.0, 10.0, 12.0], "3 instalments (2 × 10.00 €, then 12.00 €), the first"),
            ([10.0, 20.0, 10.0, 30.0], "4 instalments (from 10.00 € to 30.00 €), the first"),
        ):
            text = words(list(zip(days, amounts, strict=False)), euro)
            self.assertTrue(plain(text).startswith(expected), text)

    def test_what_a_customer_typed_is_escaped(self):
        plan = self.proposed(signer_name="<script>alert(1)</script> & Cie")
        plan.line_ids.sudo()[0].write({"kind": "goods", "note": "<b>12</b> panneaux"})
        message = self.message(plan, "proposal")
        mail = self.mail(message)
        self.assertNoWords(mail, "<script", "<b>12")
        self.assertIn("&lt;script&gt;", mail)
        self.assertIn("<script>alert(1)</script> & Cie", self.letter_text(message))

    def test_many_instalments_stay_a_small_mail(self):
        self.policy.write({"plan_max_count": 100, "plan_max_months": 36, "plan_min_amount": 1})
        plan = self.proposed(count=100, every="week")
        mail = self.mail(self.message(plan, "proposal"))
        self.assertLess(len(mail.encode()), 60_000)
        self.assertIn("and 40 more instalments", plain(html2plaintext(mail)))
        self.assertTrue(self.letter_text(self.message(plan, "proposal")))

    def test_texts_may_be_changed_by_those_who_write_templates_only_with_known_words(self):
        template = self.env.ref("relance_douce.mail_template_plan_upcoming")
        self.env["ir.config_parameter"].set_param("mail.restrict.template.rendering", True)
        self.accountant.group_ids -= self.env.ref("mail.group_mail_template_editor")
        allowed = self.env["relance.plan.message"].mail_allowed_qweb_expressions()
        for word in re.findall(r't-out="(object\.\w+)"', str(template.body_html)):
            self.assertIn(word, allowed)

    def test_sent_as_the_engine_does(self):
        plan = self.proposed()
        message = plan.message_log_ids
        self.assertEqual((message.kind, message.state), ("proposal", "sent"))
        body = message.message_id.body
        self.assertIn("Read and sign", body)
        self.assertIn(f"/my/plans/{plan.id}", body)


@tagged("post_install", "-at_install")
class TestOfferInReminder(PlanTexts, LetterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(freeze_time(f"{DAY} 10:00:00"))

    def reminder(self, moves, lang="en_US"):
        moves.partner_id.lang = lang
        return self.remind(moves, "firm")

    def mail_of(self, reminder):
        return reminder._mail_bodies(reminder._render_texts("mail_body"))[reminder.id]

    def test_third_reminder_carries_the_balanced_offer_in_figures(self):
        customer = self.customer("Imprimerie du Parc", vat="FR83404833048")
        reminder = self.reminder(self.late(customer, 2, amount=1000.0))
        offer = reminder._plan_offer()
        self.assertTrue(offer)
        text = plain(text_of(self.letter(reminder)))
        self.assertWords(
            text, "Or in instalments", f"{len(offer['lines'])} instalments", "scan this code or call us"
        )
        self.assertIn("Valid until 17 March 2026", text)
        mail = self.mail_of(reminder)
        page = lxml.html.fromstring(mail)
        [link] = [link for link in page.iter("a") if link.text == "Accept this plan"]
        self.assertIn("/my/plans/offer/", link.get("href"))
        buttons = [link for link in page.iter("a") if "background-color" in link.get("style", "")]
        self.assertEqual([button.text for button in buttons], ["See and pay"])
        self.assertClean(plain(html2plaintext(mail)))
        self.assertClean(text)

    def test_french(self):
        customer = self.customer("Imprimerie du Parc", vat="FR83404833048")
        reminder = self.reminder(self.late(customer, 2, amount=1000.0), "fr_FR")
        text = plain(text_of(self.letter(reminder)))
        self.assertWords(
            text, "Ou en plusieurs fois", "échéances de", "Proposition valable jusqu’au 17 mars 2026"
        )
        self.assertIn("Accepter cet échéancier", self.mail_of(reminder))

    def test_no_offer_where_there_is_none(self):
        small = self.reminder(self.late(self.customer("Petit", vat="FR83404833048"), amount=20.0))
        self.assertIsNone(small._plan_offer())
        self.assertNotIn("Or in instalments", text_of(self.letter(small)))
        self.assertNotIn("Accept this plan", self.mail_of(small))

    def test_friendlier_reminders_offer_nothing(self):
        reminder = self.remind(
            self.late(self.customer("Ami", vat="FR83404833048", lang="en_US"), 2, amount=1000.0)
        )
        self.assertNotIn("Or in instalments", text_of(self.letter(reminder)))

    def test_invoices_under_a_plan_are_not_offered_another(self):
        customer = self.customer("Déjà", vat="FR83404833048")
        moves = self.late(customer, 2, amount=1000.0)
        reminder = self.reminder(moves)
        self.assertTrue(reminder._plan_offer())
        self.env["relance.plan"]._create_for(self.line(moves), 2, DAY + timedelta(days=9))
        self.assertNotIn("Or in instalments", text_of(self.letter(reminder)))
        self.assertNotIn("Accept this plan", self.mail_of(reminder))

    def test_one_page_with_the_offer_both_codes_and_the_history(self):
        self.company.qr_code = True
        reminders = type(self.env["relance.reminder"])
        history = "3 janvier 2026, 20 janvier 2026 et 10 février 2026"
        self.patch(reminders, "_letter_history", lambda self: history)
        vats = ("FR83404833048", "FR40303265045", "FR23334175221")
        for vat, count in zip(vats, (2, 7, 11), strict=True):
            with self.subTest(count=count):
                moves = self.late(self.customer(f"{count} factures", vat=vat), count, amount=1234.5)
                pdf = self.letter(self.reminder(moves, "fr_FR"))
                self.assertEqual(len(pages_of(pdf)), 1)
                self.assertIn("Ou en plusieurs fois", text_of(pdf))
