from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    relance_active = fields.Boolean(related="company_id.relance_active", readonly=False)
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
