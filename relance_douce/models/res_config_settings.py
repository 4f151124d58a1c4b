from odoo import api, fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    relance_active = fields.Boolean(related="company_id.relance_active", readonly=False)
    relance_start_date = fields.Date(related="company_id.relance_start_date", readonly=False)
    relance_approver_id = fields.Many2one(related="company_id.relance_approver_id", readonly=False)
    relance_approve_all = fields.Boolean(related="company_id.relance_approve_all", readonly=False)
    relance_approval_weekday = fields.Selection(related="company_id.relance_approval_weekday", readonly=False)
    relance_approval_warning = fields.Char(compute="_compute_relance_approval_warning")
    relance_grace_days = fields.Integer(related="company_id.relance_grace_days", readonly=False)
    relance_bank_stale_days = fields.Integer(related="company_id.relance_bank_stale_days", readonly=False)
    relance_bank_entered_until = fields.Date(related="company_id.relance_bank_entered_until", readonly=False)
    relance_excluded_accounts = fields.Char(related="company_id.relance_excluded_accounts", readonly=False)
    relance_user_id = fields.Many2one(related="company_id.relance_user_id", readonly=False)
    relance_currency_id = fields.Many2one(related="company_id.currency_id", string="Currency of the company")
    relance_short_percent = fields.Float(related="company_id.relance_short_percent", readonly=False)
    relance_bank_fees = fields.Monetary(
        related="company_id.relance_bank_fees", readonly=False, currency_field="relance_currency_id"
    )
    relance_waivers_allowed = fields.Boolean(related="company_id.relance_waivers_allowed", readonly=False)
    relance_attachment_limit = fields.Integer(related="company_id.relance_attachment_limit", readonly=False)
    relance_duplex = fields.Boolean(related="company_id.relance_duplex", readonly=False)

    def action_relance_bank_entered(self):
        return self.company_id.action_relance_bank_entered()

    def action_relance_start(self):
        """The checklist of the first steps, at any time."""
        self.browse().check_access("read")
        # whoever may open it is asked by the action itself
        return self.env["ir.actions.actions"].sudo()._for_xml_id("relance_douce.action_relance_start")

    @api.onchange("relance_active")
    def _onchange_relance_active(self):
        """Whoever switches reminders on sees when they begin; off, they have no day to begin on."""
        company = self.company_id or self.env.company
        if not self.relance_active:
            self.relance_start_date = False
        elif not company.relance_active and not self.relance_start_date:
            self.relance_start_date = company._relance_next_start(company._relance_date())

    @api.depends("company_id", "relance_approver_id", "relance_approval_weekday", "relance_user_id")
    def _compute_relance_approval_warning(self):
        """What keeps the weekly mail from doing its work, also before it is saved."""
        for settings in self:
            chosen = settings.relance_approver_id or settings.relance_user_id
            settings.relance_approval_warning = settings.company_id._relance_approval_warning(
                settings.relance_approval_weekday, chosen
            )
