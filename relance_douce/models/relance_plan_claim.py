from odoo import api, fields, models


class RelancePlanClaim(models.Model):
    """One journal item that a plan covers: a snapshot that stays when the books move on."""

    _name = "relance.plan.claim"
    _description = "Invoice Covered by a Plan"
    _order = "date_maturity, id"
    _rec_name = "name"

    plan_id = fields.Many2one("relance.plan", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="plan_id.company_id", store=True)
    currency_id = fields.Many2one(related="plan_id.currency_id", store=True)
    # the host deletes and rebuilds its items freely: the snapshot outlives them
    move_line_id = fields.Many2one(
        "account.move.line", string="Journal item", ondelete="set null", index="btree_not_null"
    )
    move_id = fields.Many2one("account.move", string="Invoice", ondelete="set null", index="btree_not_null")
    debtor_id = fields.Many2one("res.partner", string="Customer", ondelete="set null")
    name = fields.Char(string="Number")
    ref = fields.Char(string="Your reference")
    date_invoice = fields.Date(string="Invoice date")
    date_maturity = fields.Date(string="Due date")
    amount_invoiced = fields.Monetary(string="Amount")
    amount = fields.Monetary(string="Owed", help="Left to pay when the plan was drawn.")
    amount_paid = fields.Monetary(string="Received", help="Matched since the plan was drawn.")
    matched_before = fields.Json(help="What was matched before the plan: id of the entry → amount.")
    live = fields.Selection(
        [("pending", "Offered"), ("active", "Under way")],
        help="Decides which items rest; at most one plan of each kind per item.",
    )
    tolerated = fields.Boolean(help="The plan was kept; the little that is still open counts as paid.")
    is_lost = fields.Boolean(compute="_compute_is_lost", compute_sudo=True)

    _one_live_plan = models.UniqueIndex(
        "(move_line_id, live) WHERE live IS NOT NULL",
        "One of these invoices is already in another payment plan: renegotiate or cancel that one.",
    )
    _tolerated_index = models.Index("(move_line_id) WHERE tolerated")

    @api.depends("move_line_id.parent_state")
    def _compute_is_lost(self):
        for claim in self:
            claim.is_lost = claim.move_line_id.parent_state != "posted"

    def _follow_state(self, state):
        """Mark what the plan's ``state`` means for its items."""
        live = {"draft": "pending", "proposed": "pending", "active": "active"}.get(state, False)
        changed = self.filtered(lambda claim: claim.live != live)
        if changed:
            changed.live = live
            # the database decides now whether another plan was quicker
            changed.flush_recordset(["live"])
        if state == "active":
            self.filtered("tolerated").tolerated = False

    def _relink(self, moves):
        """The host rebuilt the items of ``moves``: find those that we covered again."""
        for claim in self.filtered(lambda claim: not claim.move_line_id and claim.move_id in moves):
            lines = claim.move_id.line_ids.filtered(
                lambda line: line.account_type == "asset_receivable" and line.partner_id
            )
            taken = claim.plan_id.claim_ids.move_line_id
            same_day = lines.filtered(
                lambda line: (line.date_maturity or line.date) == claim.date_maturity and line not in taken  # noqa: B023
            )
            claim.move_line_id = (same_day or (lines - taken))[:1]
