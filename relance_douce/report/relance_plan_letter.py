"""What letters and e-mails about a payment plan show, and the offer that a reminder carries."""

import base64
from functools import partial
from itertools import groupby

from odoo import api, fields, models, tools
from odoo.tools import format_amount, format_date
from odoo.tools.pdf import merge_pdf

from ..tools.text import long_date

#: messages that show the whole schedule; the others show the instalments they speak of
WHOLE_SCHEDULE = ("proposal", "counter_refused", "confirmation")
#: messages that say where to pay to
SAYS_WHERE_TO_PAY = ("confirmation", "upcoming", "nudge", "notice", "broken")
#: messages about money that arrived
RECEIVED = ("receipt", "thanks")
#: messages whose letter has something to sign with it
TO_SIGN = ("proposal", "counter_refused")
#: more different amounts than this are not spelled out in a sentence
SPELLED_AMOUNTS = 3
#: an e-mail shows this many instalments
MAIL_INSTALMENTS = 60
#: from this many invoices on a letter with an offer is set more closely, and very closely
OFFER_DENSE_ROWS = 3
OFFER_TIGHT_ROWS = 8
NBSP = "\N{NO-BREAK SPACE}"
TIMES = f"{NBSP}×{NBSP}"


class RelanceLetter(models.AbstractModel):
    _inherit = "relance.letter"

    @api.model
    def _schedule_text(self, instalments, currency):
        """“5 instalments (4 × €240.00, then €240.02), the first on …, the last on …”.

        :param instalments: list of (date, amount), in order
        """
        money = partial(format_amount, self.env, currency=currency)
        amounts = [currency.round(amount) for _day, amount in instalments]
        first, last = (long_date(self.env, instalments[position][0]) for position in (0, -1))
        if len(amounts) == 1:
            return self.env._("%(amount)s on %(date)s", amount=money(amounts[0]), date=first)
        values = {"count": len(amounts), "first": first, "last": last}
        if len(set(amounts)) == 1:
            return self.env._(
                "%(count)s instalments of %(amount)s, the first on %(first)s, the last on %(last)s",
                amount=money(amounts[0]),
                **values,
            )
        return self.env._(
            "%(count)s instalments (%(amounts)s), the first on %(first)s, the last on %(last)s",
            amounts=self._amounts_text(amounts, money),
            **values,
        )

    def _amounts_text(self, amounts, money):
        """“4 × €240.00, then €240.02”; very uneven ones by their limits."""
        # equal ones that follow each other, which the host's own groupby would not tell
        runs = [
            (amount, len(list(run)))
            for amount, run in groupby(amounts)  # pylint: disable=bad-builtin-groupby
        ]
        if len(runs) > SPELLED_AMOUNTS:
            return self.env._(
                "from %(least)s to %(most)s", least=money(min(amounts)), most=money(max(amounts))
            )
        texts = [f"{count}{TIMES}{money(amount)}" if count > 1 else money(amount) for amount, count in runs]
        return self.env._(", then ").join(texts)

    @api.model
    def _link_qr(self, url):
        """QR code that opens ``url``, as a data URI; False without one."""
        if not url:
            return False
        image = self.env["ir.actions.report"].barcode("QR", url, width=300, height=300, quiet=False)
        return "data:image/png;base64," + base64.b64encode(image).decode()


class RelancePlan(models.Model):
    _inherit = "relance.plan"

    # -- what several documents say -------------------------------------------------------------
    def _signatory(self):
        """Who signs for us: whoever is in charge; the company where that is no person."""
        self.ensure_one()
        user = self.user_id.sudo()  # her name and function
        return user if user.id != 1 and user._is_internal() else user.browse()

    def _bank_account(self):
        """Account to pay to: that of the invoices, else the company's first one."""
        self.ensure_one()
        # printed on every invoice, so no secret to whoever may negotiate
        plan = self.sudo()
        return plan.claim_ids.move_id.partner_bank_id[:1] or plan.company_id.partner_id.bank_ids[:1]

    def _payment_references(self):
        """What identifies a payment: the plan, and its invoice where there is only one."""
        self.ensure_one()
        moves = self.sudo().claim_ids.move_id  # the reference stands on the invoice
        own = [moves.payment_reference or moves.name] if len(moves) == 1 else []
        return list(dict.fromkeys(filter(None, [self.name, *own])))

    def _pays_himself(self):
        """Whether each instalment asks something of the customer."""
        self.ensure_one()
        return self.means not in ("standing_transfer", "direct_debit", "cheques")

    def _default_mode(self):
        """How a missed instalment ends the plan: ``consumer``, ``automatic`` or ``person``."""
        self.ensure_one()
        if self._is_consumer():
            return "consumer"
        return "automatic" if self.break_mode == "auto" else "person"

    def _penalty_regime(self):
        """What late payment costs this debtor: ``business``, ``public``, ``interest``, ``consumer``.

        A legal person that is no professional owes interest, but no fixed indemnity.
        """
        self.ensure_one()
        if self._is_consumer():
            return "consumer"
        audience = self.debtor_id.sudo().relance_audience
        return audience if audience in ("business", "public") else "interest"

    def _owes_penalties(self):
        """Whether late payment costs penalties and a fixed indemnity; else it is mere interest."""
        return self._penalty_regime() in ("business", "public")

    def _instalment_rows(self, lines=None):
        """Rows of a schedule, numbered as they stand in the plan: list of dict."""
        kinds = dict(self.env["relance.plan.line"]._fields["kind"]._description_selection(self.env))
        states = dict(self.env["relance.plan.line"]._fields["state"]._description_selection(self.env))
        rows = []
        for number, line in enumerate(self._instalments(), start=1):
            if lines is not None and line not in lines:
                continue
            how = kinds[line.kind] if line.kind != "payment" else ""
            rows.append(
                {
                    "line": line,
                    "number": number,
                    "date_due": line.date_due,
                    "day": long_date(self.env, line.date_due),
                    "amount": line.amount,
                    "paid": line.amount_paid,
                    "money": line.amount_money,
                    "left": 0.0 if line.state == "paid" else max(line.amount - line.amount_paid, 0.0),
                    "state": line.state,
                    "state_text": states[line.state],
                    "how": " – ".join(filter(None, [how, line.note])),
                }
            )
        return rows


class RelancePlanMessage(models.Model):
    _inherit = "relance.plan.message"

    # what texts may speak of; names for ``object.…`` in the texts of the templates
    schedule_text = fields.Char(compute="_compute_sentences")
    instalment_text = fields.Char(compute="_compute_sentences")
    start_text = fields.Char(compute="_compute_sentences")
    open_text = fields.Char(compute="_compute_sentences")
    means_text = fields.Char(compute="_compute_sentences")
    rest_text = fields.Char(compute="_compute_sentences")
    agreed_text = fields.Char(compute="_compute_sentences")
    consequence_text = fields.Char(compute="_compute_sentences")
    waiver_text = fields.Char(compute="_compute_sentences")

    @tools.ormcache()
    @api.model
    def mail_allowed_qweb_expressions(self):
        """What a text may say without the right to write dynamic templates."""
        return super().mail_allowed_qweb_expressions() + tuple(
            f"object.{name}"
            for name in (
                "agreed_text",
                "amount_text",
                "company_name",
                "consequence_text",
                "count_text",
                "date_text",
                "deadline_text",
                "due_text",
                "greeting",
                "instalment_text",
                "left_text",
                "means_text",
                "next_text",
                "open_text",
                "plan_name",
                "rest_text",
                "schedule_text",
                "start_text",
                "total_text",
                "valid_text",
                "waiver_text",
            )
        )

    @api.depends(
        "kind",
        "line_ids.amount_paid",
        "plan_id.line_ids.amount",
        "plan_id.line_ids.amount_paid",
        "plan_id.line_ids.state",
        "plan_id.date_start",
        "plan_id.state",
        "contact_id.lang",
        "contact_date",
        "date_planned",
    )
    def _compute_sentences(self):
        for message in self:
            translated = message.with_context(lang=message.lang)
            plan = translated.plan_id
            letter = translated.env["relance.letter"]
            message.schedule_text = letter._schedule_text(
                [(line.date_due, line.amount) for line in plan._instalments()] or [(False, 0.0)],
                plan.currency_id,
            )
            message.start_text = long_date(translated.env, plan.date_start)
            message.open_text = format_amount(translated.env, plan._amount_accelerated(), plan.currency_id)
            message.instalment_text = translated._instalment_sentence()
            message.means_text = translated._means_sentence()
            message.rest_text = translated._rest_sentence()
            message.agreed_text = translated._agreed_sentence()
            message.consequence_text = translated._consequence_sentence()
            message.waiver_text = translated._waiver_sentence()

    def _instalment_sentence(self):
        """“€240.00, due on 3 May 2026”."""
        rows = self._concerned_rows()
        if not rows:
            return ""
        amount = format_amount(self.env, sum(row["left"] for row in rows), self.currency_id)
        date = long_date(self.env, rows[0]["date_due"])
        if len(rows) == 1:
            return self.env._("%(amount)s, due on %(date)s", amount=amount, date=date)
        return self.env._(
            "%(count)s instalments, %(amount)s in all, the first one due on %(date)s",
            count=len(rows),
            amount=amount,
            date=date,
        )

    def _means_sentence(self):
        """What the customer has to do for an instalment that is to come."""
        _ = self.env._
        return {
            "standing_transfer": _("Your standing transfer sees to it: you have nothing else to do."),
            "direct_debit": _("We will collect it by direct debit: you have nothing to do."),
            "cheques": _("We will pay in the cheque that you gave us: you have nothing to do."),
            "card": _("You can pay it by card, by the link of your plan."),
        }.get(
            self.plan_id.means,
            _(
                "You will find our bank details below; please quote the reference given there. If it is "
                "already on its way, thank you, and please forget this message."
            ),
        )

    def _rest_sentence(self):
        """What is left to pay, and the next instalment; nothing where all is paid."""
        plan = self.plan_id
        left = plan.line_ids._is_open()
        if not left:
            return ""
        following = self.env._(
            "%(amount)s on %(date)s",
            amount=format_amount(self.env, plan.next_amount, plan.currency_id),
            date=long_date(self.env, plan.next_date),
        )
        if self.kind == "confirmation":
            return self.env._("The first payment: %s.", following)
        if len(left) == 1:
            return self.env._("One instalment is left: %s.", following)
        return self.env._(
            "%(count)s instalments are left, %(amount)s in all; the next one is %(next)s.",
            count=len(left),
            amount=format_amount(self.env, plan.amount_left, plan.currency_id),
            next=following,
        )

    def _agreed_sentence(self):
        """How the agreement was made."""
        _, plan = self.env._, self.plan_id
        date = long_date(self.env, plan.date_start)
        return {
            "phone": _("We agreed on it on the phone on %s; the agreement is enclosed for your files.", date),
        }.get(plan.signed_kind, _("You signed it on %s; your copy is enclosed.", date))

    def _consequence_sentence(self):
        """What follows if the notice remains without effect: nothing that the law does not allow."""
        _, plan = self.env._, self.plan_id
        left = format_amount(self.env, plan.amount_left, self.currency_id)
        mode = plan._default_mode()
        if mode == "consumer":
            sentence = _(
                "Without payment by then, and without news from you, we could end the plan; all that "
                "is left, %s, would then be due. A person decides about this, and it adds no cost.",
                left,
            )
        elif mode == "automatic":
            sentence = _(
                "Without payment by then the plan ends, as agreed, and all that is left, %s, is due at once.",
                left,
            )
        else:
            sentence = _(
                "Without payment by then we may end the plan, as agreed; all that is left, %s, is then due "
                "at once.",
                left,
            )
        if not plan.waive_penalties:
            return sentence
        lapse = (
            _("Our promise to give up the late-payment penalties would lapse.")
            if plan._owes_penalties()
            else _("Our promise to give up the interest for late payment would lapse.")
        )
        return f"{sentence} {lapse}"

    def _waiver_sentence(self):
        """What becomes of the penalties that were to be given up."""
        _, plan = self.env._, self.plan_id
        if not plan.waive_penalties:
            return ""
        owes_penalties = plan._owes_penalties()
        if self.kind == "thanks":
            share = plan._waived_share()
            if owes_penalties:
                return _("As agreed, we give up %s of the late-payment penalties on these invoices.", share)
            return _("As agreed, we give up %s of the interest for late payment on these invoices.", share)
        if owes_penalties:
            return _(
                "We had promised to give up the late-payment penalties if the plan was kept; this condition "
                "is no longer met."
            )
        return _(
            "We had promised to give up the interest for late payment if the plan was kept; this condition "
            "is no longer met."
        )

    # -- the schedule in a message ------------------------------------------------------------------
    def _concerned(self):
        """The instalments this message speaks of."""
        self.ensure_one()
        if self.kind in WHOLE_SCHEDULE:
            return self.plan_id.line_ids
        if self.kind == "broken":
            # ended instalments are cancelled: missed are those whose day had come
            ended = self.plan_id.date_closed or self._message_date()
            return self.plan_id.line_ids.filtered(
                lambda line: line.state in ("late", "cancelled") and line.date_due < ended
            )
        if self.kind == "notice":
            return self.plan_id._late_lines()
        return self.line_ids

    def _concerned_rows(self):
        return self.plan_id._instalment_rows(self._concerned())

    def _pay_url(self):
        """Link to pay the instalments of this message."""
        self.ensure_one()
        line = self.line_ids[:1]
        if not line:
            return ""
        plan = self.plan_id
        return plan.get_base_url() + plan.get_portal_url(suffix="/pay", query_string=f"&line={line.id}")

    def _button(self):
        """Words and link of the only button of the e-mail."""
        self.ensure_one()
        plan = self.plan_id
        if self.kind in TO_SIGN:
            return self.env._("Read and sign"), plan._customer_url()
        if self.kind == "nudge" or (self.kind == "upcoming" and plan._pays_himself()):
            return self.env._("Pay this instalment"), self._pay_url()
        return self.env._("See the plan"), plan._customer_url()

    def _pay_now(self):
        """Words and link to pay at once what was promised for the day of the message, or None."""
        self.ensure_one()
        plan = self.plan_id
        if self.kind not in ("proposal", "confirmation") or not plan._pays_himself():
            return None
        today = self._message_date()
        line = plan.line_ids._is_open().filtered(lambda one: one.kind == "payment" and one.date_due <= today)
        if not line:
            return None
        amount = format_amount(self.env, line[0].amount_left, plan.currency_id)
        return {
            "label": self.env._("Pay %s at once", amount),
            "url": plan.get_base_url()
            + plan.get_portal_url(suffix="/pay", query_string=f"&line={line[0].id}"),
        }

    def _schedule_totals(self):
        """Words, amount and whether it counts, below the schedule."""
        plan = self.plan_id
        money = partial(format_amount, self.env, currency=plan.currency_id)
        if self.kind in WHOLE_SCHEDULE:
            return [(self.env._("Total"), money(plan.amount_total), True)]
        if self.kind in ("upcoming", "receipt"):
            return [(self.env._("Left to pay of the plan"), money(plan.amount_left), False)]
        if self.kind == "thanks":
            return [(self.env._("Received in all"), money(sum(plan.line_ids.mapped("amount_money"))), True)]
        if self.kind in ("nudge", "notice"):
            return [(self.env._("To be paid now"), money(self._amount_asked()), True)]
        if self.kind == "broken":
            return [(self.env._("All that is left, due at once"), money(self._amount_asked()), True)]
        return []

    def _amount_asked(self):
        """What this message asks for."""
        self.ensure_one()
        if self.kind == "broken":
            return self.plan_id._amount_accelerated()
        return sum(row["left"] for row in self._concerned_rows())

    # -- the e-mail ------------------------------------------------------------------------------------
    def _mail_bodies(self, texts):
        """The e-mails as HTML: dict id → Markup."""
        bodies = {}
        for message in self:
            lang = message.lang
            subject, body = texts[message.id]
            translated = message.with_context(lang=lang)
            bodies[message.id] = self.env["ir.qweb"]._render(
                "relance_douce.mail_plan",
                {"doc": translated, "mail": translated._mail_page(body), "subject": subject},
                lang=lang,
                minimal_qcontext=True,
            )
        return bodies

    def _mail_page(self, text):
        """What the e-mail shows; amounts and dates as text, so that plain text reads well."""
        self.ensure_one()
        letter = self.env["relance.letter"]
        reminders = self.env["relance.reminder"]
        company = self.company_id.sudo().with_context(lang=self.env.context["lang"])  # name, colours, footer
        opening, closing = letter._split_text(text)
        label, url = self._button()
        rows = self._concerned_rows()
        return {
            "opening": opening,
            "closing": closing,
            "rows": [self._mail_row(row) for row in rows[:MAIL_INSTALMENTS]],
            "more": len(rows) > MAIL_INSTALMENTS
            and self.env._("and %s more instalments, contained in the total", len(rows) - MAIL_INSTALMENTS),
            "totals": self._schedule_totals(),
            "button": label,
            "url": url,
            "pay_now": self._pay_now(),
            "color": letter._button_color(company),
            "bank": self._mail_bank(),
            "plan": self.env._("Payment plan %s", self.plan_id.name),
            "is_received": self.kind in RECEIVED,
            "signature": letter._signature(self.plan_id._signatory(), company),
            "footer": reminders._mail_footer(company),
        }

    def _mail_row(self, row):
        return {
            "number": str(row["number"]),
            "date_due": format_date(self.env, row["date_due"]),
            "amount": format_amount(self.env, self._shown_amount(row), self.currency_id),
            "note": self._row_note(row),
        }

    def _row_note(self, row):
        """What an instalment is settled by, and what the amount beside it does not say."""
        money = partial(format_amount, self.env, currency=self.currency_id)
        notes = [row["how"]]
        if self.kind in RECEIVED:
            credited = self.currency_id.round(row["paid"] - row["money"])
            if credited > 0:
                notes.append(self.env._("besides, %s settled by credit", money(credited)))
        elif row["paid"] and self.kind not in WHOLE_SCHEDULE:
            notes.append(
                self.env._(
                    "%(paid)s received of %(total)s", paid=money(row["paid"]), total=money(row["amount"])
                )
            )
        return ", ".join(filter(None, notes))

    def _shown_amount(self, row):
        """Of an instalment: what is received, asked for, or agreed."""
        if self.kind in RECEIVED:
            return row["money"]
        return row["amount"] if self.kind in WHOLE_SCHEDULE else row["left"]

    def _mail_bank(self):
        """Lines that say where to transfer the money to."""
        if not self._says_where_to_pay():
            return []
        plan = self.plan_id
        return self.env["relance.letter"]._bank_lines(plan._bank_account(), plan._payment_references())

    def _says_where_to_pay(self):
        self.ensure_one()
        if self.kind == "upcoming":
            return self.plan_id._pays_himself()
        if self.kind == "confirmation":
            return self.plan_id.means not in ("direct_debit", "cheques")
        return self.kind in SAYS_WHERE_TO_PAY

    # -- the letter --------------------------------------------------------------------------------------
    def _relance_letter_pages(self):
        """The pages of these letters: dict id → values for the layout."""
        texts = self._render_texts()
        return {
            message.id: message.with_context(lang=message.lang)._letter_page(*texts[message.id])
            for message in self
        }

    def _letter_page(self, subject, text):
        self.ensure_one()
        letter = self.env["relance.letter"]
        plan = self.plan_id
        company = self.company_id.sudo()  # address, currency, name
        opening, closing = letter._split_text(text)
        bank = plan._bank_account() if self._says_where_to_pay() else None
        invoices = [
            claim._letter_row(claim._amount_open()) for claim in plan.claim_ids if claim._amount_open() > 0
        ]
        return letter._page(
            self,
            company,
            self.env.context["lang"],
            kind=self.kind,
            is_received=self.kind in RECEIVED,
            address=letter._address(self.partner_id, self.contact_id, company),
            place_and_date=letter._place_and_date(company, self._message_date()),
            subject=subject,
            opening=opening,
            closing=closing,
            rows=self._concerned_rows(),
            shown=self._shown_amount,
            note=self._row_note,
            totals=self._schedule_totals(),
            currency=plan.currency_id,
            invoices=", ".join(filter(None, plan.claim_ids.mapped("name"))),
            invoice_rows=invoices,
            table=partial(letter._invoice_table, invoices, show_late=False, itemised=True),
            bank=letter._bank_details(bank, plan._payment_references()),
            qr=bank and self._transfer_qr(bank),
            link_qr=letter._link_qr(plan._customer_url()) if self.kind in TO_SIGN else False,
            how_to_sign=self.env._(
                "Sign the enclosed agreement and send it back to us by %s, or scan this code to read and "
                "sign it online.",
                long_date(self.env, plan.date_valid),
            ),
            signature=letter._signature(plan._signatory(), company),
            references={"customer": self.partner_id.ref, "ours": plan.name},
        )

    def _transfer_qr(self, bank):
        """QR code of the transfer as a data URI, where the host offers it; else False."""
        if not self.company_id.qr_code or self.kind == "confirmation" or not self._amount_asked():
            return False
        references = self.plan_id._payment_references()
        return bank.build_qr_code_base64(
            self._amount_asked(),
            ", ".join(references)[:140],
            "",
            self.currency_id,
            self.partner_id,
            silent_errors=True,
        )

    def _render_letters(self):
        """With the letter goes the agreement: to be signed, or as a copy."""
        contents = super()._render_letters()
        for message in self:
            enclosed = message._enclosed()
            if enclosed:
                contents[message.id] = merge_pdf([contents[message.id], enclosed])
        return contents

    def _enclosed(self):
        """PDF that goes into the envelope, or None."""
        self.ensure_one()
        if self.kind in TO_SIGN:
            return self.plan_id._render_agreement()
        if self.kind == "confirmation":
            return self.plan_id.agreement_id.raw or self.plan_id._render_agreement()
        return None


class RelanceReminder(models.Model):
    _inherit = "relance.reminder"

    def _letter_page(self, subject, text):
        page = super()._letter_page(subject, text)
        page["offer"] = self._offer_page()
        if page["offer"]:
            page["offer"]["qr"] = self.env["relance.letter"]._link_qr(page["offer"]["url"])
            # the offer takes its room from the rest, so that all stays on one page
            lines = self.env["relance.letter"]._table_lines(page["rows"])
            page["dense"] = lines >= OFFER_DENSE_ROWS
            page["tight"] = lines >= OFFER_TIGHT_ROWS
        return page

    def _mail_page(self, data, text):
        page = super()._mail_page(data, text)
        page["offer"] = self._offer_page()
        return page

    def _offer_page(self):
        """The payment plan that this reminder offers, in words; None where it offers none."""
        self.ensure_one()
        offer = self._plan_offer()
        if not offer:
            return None
        letter = self.env["relance.letter"]
        valid = long_date(self.env, offer["valid"])
        phone = letter._signature(self.user_id, self.company_id.sudo())["phone"]  # as the letter signs
        return {
            "text": f"{letter._schedule_text(offer['lines'], offer['currency'])}.",
            "valid": self.env._("Valid until %s.", valid),
            "how": self.env._(
                "Valid until %(date)s. To accept, scan this code or call us: %(phone)s.",
                date=valid,
                phone=phone.replace(" ", NBSP),
            )
            if phone
            else self.env._("Valid until %s. To accept, scan this code.", valid),
            "url": offer["url"],
        }
