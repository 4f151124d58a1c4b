from odoo import fields, models

from odoo.addons.relance_douce.models.relance_level import TONES

#: there is no debt to worry about before the due date
LATE_TONES = [(tone, label) for tone, label in TONES if tone != "pre_due"]


class ResCompany(models.Model):
    _inherit = "res.company"

    relance_sale_policy = fields.Selection(
        [("none", "Say nothing"), ("warn", "Say it"), ("block", "Hold the order")],
        string="Orders of late customers",
        required=True,
        default="warn",
    )
    relance_sale_days = fields.Integer(
        string="Held when late by more than (days)",
        default=30,
        help="Days since the due date of the oldest invoice that is not under a payment plan. "
        "Empty: the days hold nothing.",
    )
    relance_sale_tone = fields.Selection(
        LATE_TONES,
        string="Held from this tone on",
        help="Once a reminder of this tone, or of a firmer one, has left. Empty: the tone holds nothing.",
    )
