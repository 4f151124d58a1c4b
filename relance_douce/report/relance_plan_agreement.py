"""The agreement of a payment plan: parties, articles, and how it was signed."""

import re
from functools import partial

import pytz
from markupsafe import Markup, escape

from odoo import models
from odoo.tools import format_amount, format_datetime, formatLang
from odoo.tools.image import image_data_uri

from ..tools.text import long_date

#: a schedule of more lines than this is set in two columns
ONE_COLUMN = 6
#: an agreement of more invoices and lines of instalments than this is set more closely
DENSE_AGREEMENT = 16
NBSP = "\N{NO-BREAK SPACE}"
STRONG = Markup('<strong class="rd_nowrap">%s</strong>')
#: countries whose companies have a SIREN; False where no country is entered
FRANCE = (False, "FR", "BL", "GF", "GP", "MF", "MQ", "NC", "PM", "RE", "WF", "YT")
#: to be filled in by hand
BLANK = "…" * 20
#: the number of an article with a hyphen
LAW = re.compile(r"\b[LDR]?\d+-\d+\b(?![^<]*>)")


class RelancePlan(models.Model):
    _inherit = "relance.plan"

    # -- the agreement ----------------------------------------------------------------------------
    def _relance_letter_pages(self):
        """The agreements of these plans: dict id → values for the layout."""
        return {
            plan.id: plan.with_context(lang=lang)._agreement_page(lang)
            for plan in self
            for lang in [plan._customer_lang()]
        }

    def _agreement_page(self, lang):
        self.ensure_one()
        letter = self.env["relance.letter"]
        company = self.company_id.sudo().with_context(lang=lang)  # address, name, registry number
        signature = letter._signature(self._signatory(), company)
        rows = [claim._letter_row(claim.amount) for claim in self.claim_ids]
        schedule = self._instalment_rows()
        page = letter._page(
            self,
            company,
            lang,
            address=letter._address(self.partner_id, self.contact_id, company),
            place_and_date=letter._place_and_date(company, self._agreement_date()),
            subject=self.env._("Payment plan %s", self.name),
            is_agreement=True,
            status=self._agreement_status(),
            creditor=self._creditor_lines(company, signature),
            debtor=self._debtor_lines(),
            articles=self._articles(),
            rows=rows,
            table=partial(letter._invoice_table, rows, show_late=False),
            after_debt=self._after_debt_text(),
            schedule=self._in_columns(schedule),
            needs_sum=self._needs_handwritten_sum(),
            signed=self._signed(),
            signer=self._signer(),
            signature=signature,
            references={"customer": self.partner_id.ref, "ours": self.name},
        )
        page["dense"] = len(rows) + sum(len(column) for column in page["schedule"][:1]) >= DENSE_AGREEMENT
        return page

    def _agreement_date(self):
        """Day of the document: when it was agreed, else when it was offered."""
        self.ensure_one()
        return (
            self.date_start
            or self.env.context.get("relance_date")
            or self.date_proposed
            or self.company_id._relance_date()
        )

    def _agreement_status(self):
        """What an unsigned document is: a draft, an offer with its last day, or void."""
        self.ensure_one()
        if self.signed_on:
            return ""
        if self.state == "draft":
            return self.env._("Draft: this is not an offer yet.")
        if self.state == "proposed":
            return self.env._("Proposal valid until %s.", long_date(self.env, self.date_valid))
        return self.env._("This offer has ended and can no longer be signed.")

    def _in_columns(self, rows):
        """The schedule as columns that stand side by side, where it is long and has no remarks."""
        if len(rows) <= ONE_COLUMN or any(row["how"] for row in rows):
            return [rows]
        half = -(-len(rows) // 2)
        return [rows[:half], rows[half:]]

    # -- the parties ---------------------------------------------------------------------------------
    def _creditor_lines(self, company, signature):
        lines = self._identity(company.partner_id)
        if signature["company"]:
            lines.append(self._represented_by(signature["name"], signature["function"]))
        return [*lines, self.env._("hereinafter “the creditor”,")]

    def _debtor_lines(self):
        lines = self._identity(self.debtor_id.sudo())  # he is named by his own agreement
        signer = self._signer()
        if not self._signs_for_himself():
            name = signer["name"] or BLANK
            lines.append(self._represented_by(name, signer["function"]))
        return [*lines, self.env._("hereinafter “the debtor”,")]

    def _represented_by(self, name, function):
        return self.env._("represented by %s,", ", ".join(filter(None, [name, function])))

    def _identity(self, partner):
        """Name, address and registration of a party: list of lines, the name first."""
        lines = [partner.name, *partner._display_address(without_company=True).splitlines()]
        if partner.country_id == self.company_id.sudo().country_id and lines[-1] == partner.country_id.name:
            lines.pop()
        number = self._legal_person(partner)
        registry = (partner.company_registry or "").strip()
        if isinstance(number, str) and partner.country_id.code in FRANCE:
            grouped = NBSP.join(number[start : start + 3] for start in range(0, 9, 3))
            lines.append(self.env._("SIREN %s", grouped))
        elif registry or partner.vat:
            lines.append(
                ", ".join(filter(None, [registry, partner.vat and self.env._("VAT number %s", partner.vat)]))
            )
        return [" ".join(line.split(" ")) for line in lines if (line or "").strip()]

    def _signs_for_himself(self):
        """Whether the debtor is a person who signs in his own name."""
        return not self.debtor_id.sudo().is_company

    def _signer(self):
        """Who signs for the debtor, and as what."""
        self.ensure_one()
        return {
            "name": self.signed_by or self.signer_name or "",
            "function": (self.signed_function if self.signed_by else self.signer_function) or "",
        }

    # -- what is agreed ------------------------------------------------------------------------------
    def _articles(self):
        """The articles of the agreement: list of dict ``key``, ``heading``, ``text``."""
        self.ensure_one()
        articles = [
            ("debt", self.env._("Acknowledgement of the debt."), self._debt_text()),
            ("instalments", self.env._("Instalments."), self._instalments_text()),
            ("means", self.env._("Means of payment."), self._means_text()),
            ("order", self.env._("Order of payments."), self._order_text()),
            ("others", self.env._("Other invoices."), self._others_text()),
            ("default", self.env._("Missed instalment."), self._default_text()),
            ("penalties", self.env._("Penalties and costs."), self._penalties_text()),
            ("effects", self.env._("Effects."), self._effects_text()),
            ("power", self.env._("Power to sign."), self._power_text()),
        ]
        return [
            {"key": key, "heading": heading, "text": self._unbroken(text)}
            for key, heading, text in articles
            if text
        ]

    def _unbroken(self, text):
        """Numbers of articles of law, such as L441-10, stay on one line."""
        # as a plain string: what is put into Markup would be escaped again
        return Markup(LAW.sub(r'<span class="rd_nowrap">\g<0></span>', str(escape(text))))

    def _amount_text(self, amount):
        return format_amount(self.env, amount, self.currency_id).replace(" ", NBSP)

    def _debt_text(self):
        return self.env._(
            "The debtor acknowledges owing the creditor the principal sum of %s for the following "
            "invoices, which were received and are not contested.",
            STRONG % self._amount_text(self.amount_debt),
        )

    def _after_debt_text(self):
        """What follows the table of the invoices."""
        sentences = []
        if not self.currency_id.is_zero(self.amount_discount):
            sentences.append(
                self.env._(
                    "The creditor grants a reduction of %(discount)s on this principal by credit note; "
                    "%(total)s remain to be paid.",
                    discount=self._amount_text(self.amount_discount),
                    total=self._amount_text(self.amount_total),
                )
            )
        sentences.append(
            self.env._("This acknowledgement interrupts the limitation period.")
            if self._penalty_regime() == "public"
            else self.env._(
                "This acknowledgement interrupts the limitation period, which begins anew (French Civil "
                "Code, articles 2231 and 2240)."
            )
        )
        return " ".join(sentences)

    def _instalments_text(self):
        values = {
            "total": STRONG % self._amount_text(self.amount_total),
            "words": self._sum_in_words().lower(),
            "count": len(self.line_ids),
        }
        if len(self.line_ids) == 1:
            return self.env._(
                "The creditor grants time to pay: the sum of %(total)s (%(words)s) is paid in one payment, "
                "which reaches the creditor by the following date. The debtor may pay earlier.",
                **values,
            )
        return self.env._(
            "The creditor grants time to pay: the sum of %(total)s (%(words)s) is paid in %(count)s "
            "instalments, each of which reaches the creditor by its date. The debtor may pay earlier at "
            "any time.",
            **values,
        )

    def _means_text(self):
        _ = self.env._
        how = {
            "standing_transfer": _("The debtor orders a standing transfer of these amounts for these dates."),
            "direct_debit": _("The creditor collects the instalments by direct debit on their dates."),
            "card": _("The debtor pays by card, by the link that he is sent."),
            "cheques": _(
                "The debtor has handed over the cheques; they are paid in on these dates, not before."
            ),
        }.get(self.means, _("The debtor pays by bank transfer."))
        sentence = f"{how.rstrip('.')} ({self.means_note})." if self.means_note else how
        return Markup("<br/>").join(filter(None, [sentence, self._account_text()]))

    def _account_text(self):
        """Where transfers go to, and what identifies them."""
        bank = self.env["relance.letter"]._bank_details(self._bank_account(), self._payment_references())
        if not bank:
            return ""
        number = f"IBAN{NBSP}{bank['number']}" if bank["is_iban"] else bank["number"]
        account = ", ".join(filter(None, [number, bank["bic"] and f"BIC{NBSP}{bank['bic']}"]))
        reference = bank["communication"] or self.name
        if self._pays_by_transfer():
            return self.env._(
                "Account: %(account)s; reference to quote: %(reference)s.",
                account=account,
                reference=STRONG % reference,
            )
        return self.env._(
            "A payment may also be made by bank transfer: %(account)s; reference to quote: %(reference)s.",
            account=account,
            reference=STRONG % reference,
        )

    def _pays_by_transfer(self):
        return self.means in (False, "transfer", "standing_transfer")

    def _order_text(self):
        return self.env._(
            "The creditor agrees that payments count towards the principal first (Civil Code, article "
            "1343-1), and towards the instalments in their order."
        )

    def _others_text(self):
        if not self.current_on_time:
            return ""
        return self.env._(
            "Invoices that this plan does not cover remain payable on their own due dates; the debtor "
            "undertakes to pay them on time."
        )

    def _default_text(self):
        """The acceleration clause: what follows when an instalment is not paid."""
        _ = self.env._
        values = {
            "still": _("still unpaid %s days after this message", self.grace_days)
            if self.grace_days
            else _("still unpaid"),
            "days": self._notice_days(),
            "ends": _("the plan ends by itself, without further formality")
            if self._default_mode() == "automatic"
            else _("the creditor may end the plan, in writing"),
        }
        if self._default_mode() == "consumer":
            rule = _(
                "Nothing ends by itself: if it is %(still)s, a person looks at the situation, and the "
                "creditor may give written notice to pay what was missed within %(days)s days. Only if "
                "this notice remains without effect may he end the plan, in writing; what is left of the "
                "debt is then due at once.",
                **values,
            )
        elif self._notice_days():
            rule = _(
                "If it is %(still)s, the creditor may give written notice to pay it. If this notice "
                "remains without effect for %(days)s days, %(ends)s; what is left of the debt is then due "
                "at once.",
                **values,
            )
        else:
            rule = _("If it is %(still)s, %(ends)s; what is left of the debt is then due at once.", **values)
        return " ".join(
            [
                _("An instalment that is not paid on its date is first recalled in a friendly message."),
                rule,
                _(
                    "What was paid remains counted; the creditor may resume his reminders and recover what "
                    "is left by the means that the law provides."
                ),
            ]
        )

    def _waived_share(self):
        """“all” or “50 %”: how much of the penalties is given up if the plan is kept; “” if none is."""
        if not self.waive_penalties:
            return ""
        if self.waive_percent >= 100:
            return self.env._("all")
        return self.env._("%s %%", formatLang(self.env, self.waive_percent, digits=0)).replace(" ", NBSP)

    def _penalties_text(self):
        """What becomes of penalties: without a figure, and only what the law grants this creditor."""
        regime = self._penalty_regime()
        return {
            "consumer": self._penalties_of_consumer,
            "interest": self._penalties_of_legal_person,
            "public": self._penalties_of_public_body,
        }.get(regime, self._penalties_of_business)(self._waived_share())

    def _penalties_of_consumer(self, share):
        _ = self.env._
        free = _("This plan adds no interest, no fee and no cost to the debt; reminders are free of charge.")
        if share:
            kept = _(
                "If, and only if, the plan is kept to its end, the creditor also gives up %s of the "
                "interest for late payment that the law may grant him.",
                share,
            )
        else:
            kept = _(
                "Interest at the legal rate, which can run only from a formal notice (Civil Code, article "
                "1231-6), remains reserved."
            )
        return f"{free} {kept}"

    def _penalties_of_legal_person(self, share):
        if share:
            return self.env._(
                "If, and only if, the plan is kept to its end, the creditor gives up %s of the interest "
                "for late payment that the law grants him (Civil Code, article 1231-6); otherwise it "
                "remains due in full.",
                share,
            )
        return self.env._(
            "The instalments cover the principal. The interest for late payment that the law grants "
            "(Civil Code, article 1231-6) is neither claimed nor given up here."
        )

    def _penalties_of_public_body(self, _share):
        return self.env._(
            "The instalments cover the principal. The interest for late payment and the fixed indemnity "
            "for collection costs are due by law and cannot be given up (Code de la commande publique, "
            "article L2192-14)."
        )

    def _penalties_of_business(self, share):
        if share:
            return self.env._(
                "If, and only if, the plan is kept to its end, the creditor gives up %s of the "
                "late-payment penalties and of the fixed indemnity for collection costs that these "
                "invoices bear (Code de commerce, articles L441-10 and D441-5); otherwise they remain due "
                "in full.",
                share,
            )
        return self.env._(
            "The instalments cover the principal. The late-payment penalties and the fixed indemnity for "
            "collection costs (Code de commerce, articles L441-10 and D441-5) are neither claimed nor "
            "given up here."
        )

    def _effects_text(self):
        return self.env._(
            "As long as the plan is kept, the creditor sends no reminder for these invoices and takes no "
            "legal steps. The plan grants time and nothing else: it neither replaces the debt nor releases "
            "its guarantees, and is no novation (Civil Code, articles 1329 and 1330)."
        )

    def _power_text(self):
        if self._signs_for_himself():
            return ""
        return self.env._("Whoever signs for the debtor declares to have the power to bind the debtor.")

    # -- how it was agreed ---------------------------------------------------------------------------
    def _signed(self):
        """How it was agreed, once it was; None before.

        :return: dict ``kind``, ``heading``, ``rows`` (list of (label, value)), ``picture``,
            ``date``, ``sum`` (what he wrote himself)
        """
        self.ensure_one()
        if not self.signed_on:
            return None
        _ = self.env._
        headings = {
            "portal": _("Simple electronic signature (Civil Code, articles 1366 and 1367)"),
            "phone": _("Agreed on the phone; this document records the agreement"),
            "paper": _("Signed on paper; the creditor keeps the original"),
        }
        return {
            "kind": self.signed_kind,
            "heading": headings.get(self.signed_kind, ""),
            "rows": [(label, value) for label, value in self._evidence() if value],
            "picture": self.signature and image_data_uri(self.signature),
            "date": long_date(self.env, self.date_start),
            "sum": " – ".join(filter(None, [self.signed_sum, self.signed_words])),
        }

    def _evidence(self):
        """What proves the agreement: list of (label, value)."""
        _ = self.env._
        signer = self._signer()
        online = self.signed_kind == "portal"
        return [
            (_("By"), ", ".join(filter(None, [signer["name"], signer["function"]]))),
            (_("Date and time"), self._signed_moment()),
            (_("IP address"), self.signed_ip),
            (
                _("One-time code"),
                online
                and (
                    _("sent to the signatory and entered correctly")
                    if self.signed_with_code
                    else _("not asked for")
                ),
            ),
            (_("Fingerprint (SHA-256) of what was agreed"), self.signed_hash),
        ]

    def _signed_moment(self):
        """“3 March 2026, 14:05:09 (Central European Standard Time)”: the company's clock."""
        zone = self.company_id.sudo()._relance_timezone()
        local = pytz.utc.localize(self.signed_on).astimezone(zone)
        return ", ".join(
            [
                long_date(self.env, local.date()),
                format_datetime(self.env, self.signed_on, tz=zone.zone, dt_format="HH:mm:ss (zzzz)"),
            ]
        )


class RelancePlanClaim(models.Model):
    _inherit = "relance.plan.claim"

    def _amount_open(self):
        """What the books leave open of this invoice."""
        self.ensure_one()
        item = self.move_line_id.sudo()  # a figure of the customer's own invoice
        return item.amount_residual_currency if item.parent_state == "posted" else 0.0

    def _letter_row(self, left):
        """This invoice as a row of a letter's table, of which ``left`` is open."""
        self.ensure_one()
        return {
            "number": self.name or "",
            "ref": self.ref or "",
            "date": self.date_invoice,
            "date_due": self.date_maturity,
            "days_late": 0,
            "total": self.amount_invoiced,
            "paid": self.amount_invoiced - left,
            "left": left,
            "currency": self.currency_id,
            "debtor": self.debtor_id.sudo(),  # the establishment's name
        }
