from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

OPEN = ("pending", "partial", "late")


class RelancePlanLine(models.Model):
    """One instalment. What is paid of it follows the books; see ``relance.plan._refresh``."""

    _name = "relance.plan.line"
    _description = "Instalment"
    _order = "plan_id, sequence, date_due, id"
    _rec_name = "display_name"

    plan_id = fields.Many2one("relance.plan", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="plan_id.company_id", store=True)
    currency_id = fields.Many2one(related="plan_id.currency_id", store=True)
    partner_id = fields.Many2one(related="plan_id.partner_id", store=True)
    user_id = fields.Many2one(related="plan_id.user_id", store=True)
    plan_state = fields.Selection(related="plan_id.state", store=True, string="State of the plan")
    sequence = fields.Integer(default=100)
    date_due = fields.Date(string="Due on", required=True)
    amount = fields.Monetary(required=True)
    kind = fields.Selection(
        [
            ("payment", "Payment"),
            ("goods", "Returned goods"),
            ("set_off", "Set-off"),
            ("assignment", "Assignment of a claim"),
        ],
        string="Settled by",
        required=True,
        default="payment",
    )
    note = fields.Char(string="Details")
    amount_paid = fields.Monetary(string="Received", readonly=True, copy=False)
    amount_left = fields.Monetary(string="Left", compute="_compute_amount_left", store=True)
    amount_expected = fields.Monetary(
        string="Expected",
        compute="_compute_amount_left",
        store=True,
        help="Left to pay of an instalment that the customer agreed to.",
    )
    state = fields.Selection(
        [
            ("pending", "To come"),
            ("partial", "Partly paid"),
            ("late", "Late"),
            ("paid", "Fully paid"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
        readonly=True,
        default="pending",
        copy=False,
    )
    date_paid = fields.Date(string="Paid on", readonly=True, copy=False)
    date_settled = fields.Date(
        readonly=True, copy=False, help="Local date on which the books said that it was paid."
    )
    by_money = fields.Boolean(
        readonly=True, copy=False, help="Paid by a payment or bank line, not by a credit note or an entry."
    )

    _positive = models.Constraint("CHECK (amount > 0)", "An instalment is more than zero: enter an amount.")
    _open_index = models.Index("(company_id, date_due) WHERE state IN ('pending', 'partial', 'late')")
    _settled_index = models.Index("(company_id, date_settled) WHERE date_settled IS NOT NULL")

    @api.depends("plan_id.name", "sequence", "partner_id")
    def _compute_display_name(self):
        for line in self:
            line.display_name = " · ".join(
                filter(None, [line.partner_id.display_name, line.plan_id.name, str(line.sequence)])
            )

    @api.depends("amount", "amount_paid", "state", "plan_id.state")
    def _compute_amount_left(self):
        for line in self:
            settled = line.state in ("paid", "cancelled")
            line.amount_left = 0.0 if settled else line.amount - line.amount_paid
            line.amount_expected = line.amount_left if line.plan_id.state == "active" else 0.0

    #: what a person may write by hand; what was paid follows the books
    _writable = frozenset({"sequence", "date_due", "amount", "kind", "note"})

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_writable(vals.keys() - {"plan_id"})
        lines = super().create(vals_list)
        lines._check_draft()
        return lines

    def write(self, vals):
        self._check_draft()
        if not self.env.su and "plan_id" in vals:
            raise AccessError(self.env._("An instalment stays in its plan."))
        self._check_writable(vals.keys())
        return super().write(vals)

    def _check_writable(self, names):
        """The engine writes as it must; people write the schedule, not what was paid of it."""
        if not self.env.su and not names <= self._writable:
            raise AccessError(self.env._("What was paid of an instalment follows the books."))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_offered(self):
        self._check_draft()

    def _check_draft(self):
        """The engine writes as it must; people change instalments before they are offered."""
        if not self.env.su and any(line.plan_id.state != "draft" for line in self):
            raise UserError(
                self.env._(
                    "What was proposed is not changed behind the customer's back: use "
                    "“Change the offer”, or “Renegotiate” once it is signed."
                )
            )

    def _is_open(self):
        return self.filtered(lambda line: line.state in OPEN)

    def action_open_plan(self):
        self.ensure_one()
        return self.plan_id._open_action()
