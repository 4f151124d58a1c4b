from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    relance_sale_policy = fields.Selection(related="company_id.relance_sale_policy", readonly=False)
    relance_sale_days = fields.Integer(related="company_id.relance_sale_days", readonly=False)
    relance_sale_tone = fields.Selection(related="company_id.relance_sale_tone", readonly=False)
