from odoo import fields, models


class AccountPaymentMethodLine(models.Model):
    _inherit = "account.payment.method.line"

    relance_collects = fields.Boolean(
        string="We collect it",
        help="Direct debits, bills of exchange, cards: we fetch the money ourselves, so these "
        "invoices are not chased.",
    )
