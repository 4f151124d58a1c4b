"""What a reminder says: its text in the customer's language and the figures of its letter."""

import re
from functools import partial

from markupsafe import Markup

from odoo import api, fields, models, tools
from odoo.exceptions import UserError
from odoo.tools import SQL, formatLang

from ..tools.text import long_date
from .relance_decision import SETTLED_STATES

PLACEHOLDER = re.compile(r"object((?:\.\w+)+)")


class RelanceReminder(models.Model):
    _inherit = "relance.reminder"

    # -- what texts may speak of; names for ``object.…`` in the texts of levels ------------
    amount_text = fields.Char(compute="_compute_words", string="Amount in words of the letter")
    invoices_text = fields.Char(compute="_compute_words")
    due_text = fields.Char(compute="_compute_words")
    date_text = fields.Char(compute="_compute_words")
    deadline_text = fields.Char(compute="_compute_words")
    greeting = fields.Char(compute="_compute_words")
    claims_penalties = fields.Boolean(compute="_compute_words")
    company_name = fields.Char(related="company_id.name", string="Company name")
    preview = fields.Html(compute="_compute_preview", sanitize=False)
    preview_subject = fields.Char(compute="_compute_preview", string="Subject of the message")
    letter_data = fields.Binary(compute="_compute_letter_data", exportable=False)

    @tools.ormcache()
    @api.model
    def mail_allowed_qweb_expressions(self):
        """What a text may say without the right to write dynamic templates."""
        return super().mail_allowed_qweb_expressions() + tuple(
            f"object.{name}"
            for name in (
                "amount_text",
                "claims_penalties",
                "company_name",
                "date_text",
                "deadline_text",
                "due_text",
                "greeting",
                "invoices_text",
            )
        )

    def _message_date(self):
        """Date on the message: when it left, else when it is meant to."""
        self.ensure_one()
        return (
            self.contact_date
            or self.env.context.get("relance_date")
            or (
                self.company_id._relance_date()
                if self.state == "ready" and self.date_planned <= self.company_id._relance_date()
                else self.date_planned
            )
        )

    @api.depends(
        "line_ids.amount_residual",
        "contact_date",
        "date_planned",
        "state",
        "contact_id.lang",
        "partner_id.relance_audience",
    )
    @api.depends_context("relance_date")
    def _compute_words(self):
        for reminder in self:
            env = reminder.with_context(lang=reminder.lang).env
            lines = reminder._claims()
            # what is really asked for: after the credits, as the table below the text says
            amounts = [
                formatLang(env, total["net"], currency_obj=total["currency"])
                for total in reminder.letter_data["totals"]
            ]
            reminder.amount_text = reminder._join(env, amounts)
            reminder.invoices_text = reminder._invoices_text(env)
            reminder.due_text = reminder._due_text(env, lines)
            date = reminder._message_date()
            reminder.date_text = long_date(env, date)
            reminder.deadline_text = long_date(env, fields.Date.add(date, days=8))
            contact = reminder.contact_id
            person = contact.name if not contact.is_company else False
            reminder.greeting = env._("Hello %s,", person) if person else env._("Hello,")
            reminder.claims_penalties = reminder._claims_penalties()

    def _join(self, env, words):
        """“a, b and c” in the language of ``env``."""
        if len(words) < 2:
            return "".join(words)
        return env._("%(list)s and %(last)s", list=", ".join(words[:-1]), last=words[-1])

    def _due_text(self, env, lines):
        """“28 January 2026”; what falls due on several days names the first, and says so.

        :param lines: what the message asks for
        """
        dates = {line.date_maturity for line in lines if line.date_maturity}
        date = long_date(env, min(dates, default=False))
        if len(dates) < 2:
            return date
        if len(lines.move_id) > 1:
            return env._("%s for the first invoice", date)
        return env._("%s for the first instalment", date)

    def _invoices_text(self, env):
        """“your invoice 2026/0012 of 3 March 2026”, or “your 3 invoices”."""
        lines = self._claims()
        numbers = {line.move_id.id or line.name for line in lines}
        if len(numbers) == 1:
            line = lines[0]
            if not line.date_invoice:
                return env._("your invoice %s", line.name)
            return env._(
                "your invoice %(number)s of %(date)s",
                number=line.name,
                date=long_date(env, line.date_invoice),
            )
        return env._("your %s invoices", len(numbers))

    # -- rendering ---------------------------------------------------------------------------
    def _text_field(self):
        """Field of the level that holds the text for this channel."""
        return {"letter": "letter_body", "sms": "sms_body", "call": "call_script"}.get(
            self.channel, "mail_body"
        )

    def _render_texts(self, field=None):
        """Subject and text of each reminder, in its language.

        :param field: field of the level to render instead of the one of the channel
        :return: dict id → (subject: str, text: Markup, or str for SMS and calls)
        :raise UserError: names the level and the placeholder that cannot be rendered
        """
        result = {}
        groups = {}
        for reminder in self:
            wanted = field or reminder._text_field()
            if reminder.is_edited and wanted in ("mail_body", "letter_body"):
                result[reminder.id] = (reminder.subject or "", reminder.body or Markup())
            else:
                source = reminder.level_id.sudo()._text_source()
                groups.setdefault((source, reminder.lang, wanted), []).append(reminder.id)
        for (level, lang, wanted), ids in groups.items():
            subjects = self._render_level(level, lang, "subject", ids)
            bodies = self._render_level(level, lang, wanted, ids)
            for reminder_id in ids:
                result[reminder_id] = (subjects[reminder_id], bodies[reminder_id])
        return result

    def _render_level(self, level, lang, field, ids):
        # the text was written by template editors; whoever sends may not be one
        level = level.sudo().with_context(lang=lang)
        self._check_placeholders(level, field)
        engine = "qweb" if level._fields[field].type == "html" else "inline_template"
        try:
            return level._render_field(field, ids, engine=engine, set_lang=lang)
        except Exception as error:
            raise UserError(
                self.env._(
                    "The text “%(field)s” of the level “%(level)s” (%(policy)s) cannot be written: %(error)s",
                    field=level._fields[field]._description_string(self.env),
                    level=level.with_env(self.env).sudo().name,
                    policy=level.with_env(self.env).sudo().policy_id.name,
                    error=str(error.__cause__ or error).strip().splitlines()[-1],
                )
            ) from error

    def _check_placeholders(self, level, field):
        """Name the first placeholder of a text that leads nowhere.

        :raise UserError: with the names of level and placeholder
        """
        for path in PLACEHOLDER.findall(str(level[field] or "")):
            model = self.env["relance.reminder"]
            for name in path.strip(".").split("."):
                if name not in model._fields:
                    if hasattr(model, name):
                        break  # a method; rendering decides whether it may be called
                    raise UserError(
                        self.env._(
                            "The text “%(field)s” of the level “%(level)s” (%(policy)s) has a "
                            "placeholder that leads nowhere: object%(path)s. Correct it in the "
                            "level, then try again.",
                            field=level._fields[field]._description_string(self.env),
                            level=level.with_env(self.env).sudo().name,
                            policy=level.with_env(self.env).sudo().policy_id.name,
                            path=path,
                        )
                    )
                if not model._fields[name].relational:
                    break
                model = self.env[model._fields[name].comodel_name]

    def _compute_preview(self):
        """The message as the customer will get it, or what is wrong with it."""
        for reminder in self:
            reminder.preview_subject = False
            try:
                reminder.preview_subject, reminder.preview = reminder._preview()
            except UserError as error:
                reminder.preview = Markup('<p class="text-danger">%s</p>') % error.args[0]

    def _preview(self):
        """Subject and text as the customer will get them."""
        self.ensure_one()
        if not self.level_id or not self.channel:
            return False, False
        texts = self._render_texts()
        subject, body = texts[self.id]
        if self.channel == "email":
            return subject, self._mail_bodies(texts)[self.id]
        if self.channel == "letter":
            return subject, body
        return False, Markup("<p style='white-space: pre-line'>%s</p>") % body

    def _mail_bodies(self, texts):
        """The e-mails as HTML: dict id → Markup."""
        bodies = {}
        for reminder in self:
            subject, body = texts[reminder.id]
            bodies[reminder.id] = self.env["ir.qweb"]._render(
                "relance_douce.mail_reminder",
                {
                    "doc": reminder.with_context(lang=reminder.lang),
                    "data": reminder.letter_data,
                    "subject": subject,
                    "body": body,
                },
                lang=reminder.lang,
                minimal_qcontext=True,
            )
        return bodies

    # -- the figures of a letter ---------------------------------------------------------------
    @api.depends("line_ids.amount_residual", "contact_date", "date_planned", "state")
    @api.depends_context("relance_date")
    def _compute_letter_data(self):
        """Everything letter and e-mail show beside their text, for the whole page at once.

        A dict: ``rows`` (the reminded invoices), ``totals`` (per currency: ``total``,
        ``paid``, ``left``, ``credit``, ``net``, and the same by customer: ``customers``),
        ``credits`` (of these customers) and ``others`` (what else is
        open), ``several`` (customers), ``date``, ``bank`` (account to pay to),
        ``pay_url``, ``signatory``, ``claims_penalties``. ``qr`` is a function: drawing takes
        time, and only letters show it.
        """
        statements = self._statements()
        for reminder in self:
            reminder.letter_data = reminder._letter_values(
                statements.get((reminder.company_id.id, reminder.partner_id.id), [])
            )

    def _statements(self):
        """Open items of the payers: (company id, payer id) → list of dict, one query."""
        result = {}
        for company, reminders in self.grouped("company_id").items():
            for item in reminders.partner_id._relance_open_items(company):
                result.setdefault((company.id, item["payer_id"]), []).append(item)
        return result

    def _letter_values(self, items):
        self.ensure_one()
        date = self._message_date()
        rows = [self._letter_row(line, date) for line in self._claims()]
        claimed = set(self._claims().move_line_id.ids)
        credits = [item for item in items if item["left"] < 0]
        others = [
            {**item, "days_late": (date - item["date_due"]).days}
            for item in items
            if item["left"] > 0 and item["move_line_id"] not in claimed
        ]
        # what one establishment is owed back does not pay for another one
        claims = {(row["debtor"], row["currency"]) for row in rows}
        credits = [item for item in credits if (item["debtor"], item["currency"]) in claims]
        moves = self._claims().move_id.sudo()  # links and bank details only
        return {
            "rows": rows,
            "totals": self._letter_totals(rows, credits),
            "credits": credits,
            "others": others,
            "several": len({row["debtor"] for row in rows}) > 1,
            "date": date,
            "bank": self._bank_account(moves),
            # drawn by letters only: e-mails have a button
            "qr": partial(self._qr_code, moves, rows, credits),
            "pay_url": self._pay_url(moves),
            "signatory": self.user_id,
            "claims_penalties": self._claims_penalties(),
        }

    def _letter_row(self, line, date):
        return {
            "move_line_id": line.move_line_id.id,
            "number": line.name or "",
            "ref": line.ref or "",
            "date": line.date_invoice,
            "date_due": line.date_maturity,
            "days_late": (date - line.date_maturity).days if line.date_maturity else 0,
            "total": line.amount_total,
            "paid": line.amount_total - line.amount_residual,
            "left": line.amount_residual,
            "currency": line.currency_id,
            "debtor": line.debtor_id,
            "level": line.level_id,
            "url": self._invoice_url(line.move_id.sudo()),  # the customer's own link
        }

    def _letter_totals(self, rows, credits):
        """Sums per currency, credits and what remains after them; never two currencies.

        A credit counts for the customer it was given to, up to what he owes here:
        ``customers`` has the same sums for each of them, with ``debtor``.
        """
        totals = []
        for currency in dict.fromkeys(row["currency"] for row in rows):
            own = [row for row in rows if row["currency"] == currency]
            customers = [
                {
                    "debtor": debtor,
                    **self._customer_sums(
                        currency,
                        [row for row in own if row["debtor"] == debtor],
                        [item for item in credits if item["debtor"] == debtor],
                    ),
                }
                for debtor in dict.fromkeys(row["debtor"] for row in own)
            ]
            totals.append(
                {
                    "currency": currency,
                    **{
                        key: sum(sums[key] for sums in customers)
                        for key in ("total", "paid", "left", "credit", "net")
                    },
                    "customers": customers,
                }
            )
        return totals

    def _customer_sums(self, currency, rows, credits):
        """Sums of one customer in one currency."""
        left = sum(row["left"] for row in rows)
        credit = -sum(item["left"] for item in credits if item["currency"] == currency)
        used = currency.round(max(min(credit, left), 0.0))
        return {
            "total": sum(row["total"] for row in rows),
            "paid": sum(row["paid"] for row in rows),
            "left": left,
            "credit": used,
            "net": currency.round(left - used),
        }

    def _claims_penalties(self):
        """Whether penalties may be spoken of: professionals and public bodies only."""
        return self.partner_id.commercial_partner_id.relance_audience in ("business", "public")

    def _invoice_url(self, move):
        """Link to the invoice on the portal, with its own token once it has one."""
        if not move or not move.is_sale_document(include_receipts=True):
            return ""
        token = f"?access_token={move.access_token}" if move.access_token else ""
        return f"{move.get_base_url()}{move.access_url}{token}"

    def _ensure_invoice_tokens(self):
        """Give the invoices the tokens their links need: one statement for all."""
        moves = self.line_ids.move_id
        if not moves:
            return
        self.env["account.move"].flush_model(["access_token"])
        self.env.cr.execute(
            SQL(
                """
                UPDATE account_move SET access_token = gen_random_uuid()::text
                 WHERE id IN %s AND access_token IS NULL
                """,
                tuple(moves.ids),
            )
        )
        moves.invalidate_recordset(["access_token"], flush=False)

    def _pay_url(self, moves):
        """Where the button of the e-mail leads: the oldest invoice that can be paid online."""
        oldest = moves.sorted(lambda move: (move.invoice_date_due or move.date, move.id))[:1]
        return self._invoice_url(oldest)

    def _bank_account(self, moves):
        """Account to pay to: that of the invoices, else the company's first one."""
        # printed on every invoice, so no secret to whoever may send a reminder
        return moves.partner_bank_id[:1] or self.company_id.sudo().partner_id.bank_ids[:1]

    def _qr_code(self, moves, rows, credits):
        """QR code of the transfer as a data URI, where the host offers it; else False."""
        bank = self._bank_account(moves)
        totals = self._letter_totals(rows, credits)
        if not self.company_id.qr_code or not bank or len(totals) != 1 or not totals[0]["net"]:
            return False
        references = [move.payment_reference or move.name for move in moves]
        return bank.build_qr_code_base64(
            totals[0]["net"],
            ", ".join(references)[:140],
            references[0] if len(references) == 1 else "",
            totals[0]["currency"],
            self.partner_id,
            silent_errors=True,
        )


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _relance_open_items(self, company):
        """Open receivable items of these payers, debts and credits, oldest first.

        :param company: one ``res.company``
        :return: list of dict with the keys of a letter's row, ``payer_id`` and ``left``
            (negative for a credit), in the currency of each item
        """
        if not self.ids:
            return []
        self.env["relance.decision"]._flush_for_decision()
        self.env.cr.execute(
            SQL(
                """
                SELECT aml.id AS move_line_id, aml.move_id,
                       COALESCE(debtor.relance_payer_id, debtor.id) AS payer_id,
                       debtor.id AS debtor_id,
                       CASE WHEN move.name = '/' THEN aml.name ELSE move.name END AS number,
                       COALESCE(move.ref, '') AS ref,
                       COALESCE(move.invoice_date, aml.date) AS date,
                       COALESCE(aml.date_maturity, aml.date) AS date_due,
                       aml.amount_currency AS total,
                       aml.amount_residual_currency AS left,
                       aml.currency_id,
                       move.move_type
                  FROM account_move_line aml
                  JOIN account_move move ON move.id = aml.move_id
                  JOIN res_partner customer ON customer.id = aml.partner_id
                  JOIN res_partner debtor ON debtor.id = customer.commercial_partner_id
             LEFT JOIN account_payment payment ON payment.id = aml.payment_id
                 WHERE aml.account_id = ANY(%(accounts)s)
                   AND aml.reconciled IS NOT TRUE
                   AND aml.company_id = %(company)s
                   AND aml.parent_state = 'posted'
                   AND aml.amount_residual_currency <> 0
                   AND payment.state IS DISTINCT FROM 'rejected'
                   AND move.payment_state NOT IN %(settled)s
                   AND COALESCE(debtor.relance_payer_id, debtor.id) IN %(payers)s
              ORDER BY COALESCE(aml.date_maturity, aml.date), aml.id
                """,
                accounts=company._relance_account_ids(),
                company=company.id,
                settled=SETTLED_STATES,
                payers=tuple(self.ids),
            )
        )
        items = self.env.cr.dictfetchall()
        for item in items:
            item["currency"] = self.env["res.currency"].browse(item.pop("currency_id"))
            item["debtor"] = self.env["res.partner"].browse(item.pop("debtor_id"))
            item["paid"] = item["total"] - item["left"]
        return items
