"""The small dialogs of the first steps."""

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import is_html_empty


class RelanceStartDialog(models.AbstractModel):
    """What they share: the company whose steps they belong to, and who may use them."""

    _name = "relance.start.dialog"
    _description = "Dialog of the First Steps"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, default=lambda self: self.env.company
    )

    def _start(self):
        """The first steps of the company.

        :raise AccessError: the user is no manager of reminders here
        """
        self.ensure_one()
        return self.env["relance.start"]._for_company(self.company_id)


class RelanceStartBank(models.TransientModel):
    _name = "relance.start.bank"
    _description = "Bank Entered Until"
    _inherit = "relance.start.dialog"

    date = fields.Date(
        string="Entered up to",
        required=True,
        default=lambda self: self.env.company._relance_date(),
        help="Up to this day all payments received are booked.",
    )

    def action_save(self):
        self.company_id._relance_set_bank_entered(self.date)
        return {"type": "ir.actions.act_window_close"}


class RelanceStartApprover(models.TransientModel):
    _name = "relance.start.approver"
    _description = "Who Approves"
    _inherit = "relance.start.dialog"

    approver_id = fields.Many2one(
        "res.users",
        string="Approves the reminders",
        required=True,
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
    )
    weekday = fields.Selection(
        lambda self: self.env["res.company"]._relance_weekdays(),
        string="Weekly mail on",
        help="Empty: no mail, reminders are approved on the screen.",
    )
    approve_all = fields.Boolean(
        string="Every reminder",
        help="Somebody looks at each reminder before it leaves, also where its level asks for no approval.",
    )
    level_ids = fields.Many2many("relance.level", compute="_compute_level_ids", string="Levels")

    @api.model
    def default_get(self, names):
        values = super().default_get(names)
        company = self.env["res.company"].browse(values.get("company_id")) or self.env.company
        company._relance_check_manager()
        return {
            **values,
            # whoever sets it up, until somebody else is named; and nothing leaves unseen in the
            # first weeks, until somebody decides that it may
            "approver_id": (company._relance_approver() or self.env.user).id,
            "weekday": company.relance_approval_weekday,
            "approve_all": company.relance_approve_all or not company.relance_approver_id,
        }

    @api.depends("company_id")
    def _compute_level_ids(self):
        for dialog in self:
            dialog.level_ids = dialog.company_id._relance_levels_to_approve().sorted("delay_days")

    def action_save(self):
        start = self._start()
        # the right was just checked; who approves is all that changes
        self.company_id.sudo().write(
            {
                "relance_approver_id": self.approver_id.id,
                "relance_approval_weekday": self.weekday,
                "relance_approve_all": self.approve_all,
            }
        )
        start._step("approver")._confirm()
        return {"type": "ir.actions.act_window_close"}


class RelanceStartMentions(models.TransientModel):
    _name = "relance.start.mentions"
    _description = "Mandatory Mentions on Invoices"
    _inherit = "relance.start.dialog"

    terms = fields.Html(
        string="Printed on each invoice",
        required=True,
        sanitize="email_outgoing",
        help="Your terms and, below them, the model text: change it as you like.",
    )
    note = fields.Char(compute="_compute_note")

    @api.model
    def default_get(self, names):
        values = super().default_get(names)
        company = self.env["res.company"].browse(values.get("company_id")) or self.env.company
        company._relance_check_manager()
        if "terms" in names:
            values["terms"] = self._with_model(company)
        return values

    @api.depends("company_id")
    def _compute_note(self):
        """What else changes when the text is printed."""
        for dialog in self:
            company = dialog.company_id
            start = dialog.env["relance.start"].new({"company_id": company.id})
            notes = []
            if company.terms_type == "html":
                notes.append(
                    self.env._(
                        "Until now invoices show a link to a page with your terms; from now on they show "
                        "this text, as the law asks."
                    )
                )
            # which other companies print terms is told to their manager only
            others = self.env["res.company"].sudo().search([("id", "!=", company.id)])
            others = others.filtered(lambda one: not is_html_empty(one.invoice_terms))
            if others and not start._prints_terms() and company.terms_type == "plain":
                notes.append(
                    self.env._(
                        "Odoo prints the terms for all companies or none: those of your other companies too."
                    )
                )
            dialog.note = " ".join(notes)

    @api.model
    def _with_model(self, company):
        """The terms of the company, with the model text below them."""
        own = company.invoice_terms
        model = Markup("<p>%s</p>") % self._model_sentence(self.env.lang or "en_US")
        return Markup(own if not is_html_empty(own) else "") + model

    @api.model
    def _model_sentence(self, lang):
        """The mandatory mentions in one language; consumers owe neither penalties nor fee."""
        _ = self.with_context(lang=lang).env._
        return _(
            "Payment on the due date stated above; no discount for early payment. Between professionals, any "
            "amount unpaid after this date bears, by law and without a reminder, late-payment penalties at "
            "the European Central Bank's refinancing rate plus 10 percentage points, and a fixed recovery "
            "fee of 40 € (articles L441-10 and D441-5 of the French Commercial Code). Neither penalties nor "
            "fee apply to consumers."
        )

    def action_save(self):
        """Print the text on each invoice; what was there before is kept, to undo it."""
        if is_html_empty(self.terms):
            raise UserError(
                self.env._("The text is empty: close this window to leave your terms as they are.")
            )
        start, company = self._start()._allowed(), self.company_id.sudo()  # the right was just checked
        params = self.env["ir.config_parameter"].sudo()  # the host's switch to print terms
        lang = self.env.lang or "en_US"
        if not start.terms_before:
            start.terms_before = {
                # as they are stored, in every language
                "terms": start._stored_terms(),
                "type": company.terms_type,
                "switch": params.get_param("account.use_invoice_terms"),
            }
        company.write({"invoice_terms": self.terms, "terms_type": "plain"})
        # who left the model text as it was has it in the other languages too
        model = self._model_sentence(lang)
        company.update_field_translations(
            "invoice_terms",
            {other: {model: self._model_sentence(other)} for other in start._langs() if other != lang},
            source_lang=lang,
        )
        params.set_param("account.use_invoice_terms", "True")
        # what somebody writes there later is not undone
        start.terms_before = {**start.terms_before, "after": start._stored_terms()}
        start._message_log(body=self.env._("The mandatory mentions stand on the invoices from now on."))
        return {"type": "ir.actions.act_window_close"}
