"""A discount on the principal: asked for, decided by a manager, booked as draft credit notes."""

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount


class RelancePlan(models.Model):
    _inherit = "relance.plan"

    discount_asked = fields.Monetary(string="Discount asked for", readonly=True, copy=False)
    discount_reason = fields.Char(string="Why a discount", readonly=True, copy=False)
    discount_state = fields.Selection(
        [("asked", "Asked"), ("granted", "Granted"), ("refused", "Refused")],
        string="Decision on the discount",
        readonly=True,
        copy=False,
        tracking=True,
    )
    discount_move_ids = fields.Many2many(
        "account.move",
        "relance_plan_discount_move",
        "plan_id",
        "move_id",
        string="Credit notes",
        readonly=True,
        copy=False,
    )

    def _ask_discount(self, amount, reason):
        """Ask a manager for a reduction of the principal.

        :param amount: in the currency of the plan
        :raise UserError: says what is wrong
        """
        self.ensure_one()
        self._check_state("draft")
        if self.discount_state == "granted":
            raise UserError(self.env._("A discount was granted already: draw a new plan for another one."))
        if not 0 < amount < self.amount_debt:
            raise UserError(self.env._("A discount is more than zero and less than what is owed."))
        if not (reason or "").strip():
            raise UserError(self.env._("Say why this customer gets a discount: a manager decides about it."))
        self.write({"discount_asked": amount, "discount_reason": reason, "discount_state": "asked"})
        self._message_log(
            body=self.env._(
                "A discount of %(amount)s is asked for: %(reason)s",
                amount=format_amount(self.env, amount, self.currency_id),
                reason=reason,
            )
        )
        self._tell_manager("discount")

    def action_grant_discount(self):
        """A manager grants the discount: draft credit notes, and instalments that small again."""
        plans = self._allowed("draft")
        self._check_manager()
        for plan in plans:
            if plan.discount_state != "asked":
                raise UserError(self.env._("There is no discount to decide about: reload the page."))
            plan.write({"discount_state": "granted", "amount_discount": plan.discount_asked})
            plan._spread_again()
            plan.discount_move_ids = plan._create_credit_notes()
            plan.activity_ids.unlink()
            plan._message_log(body=self.env._("Discount granted by %s.", self.env.user.name))
        return True

    def action_refuse_discount(self):
        """A manager refuses the discount; the plan stays as it was drawn."""
        plans = self._allowed("draft")
        self._check_manager()
        for plan in plans:
            plan.discount_state = "refused"
            plan.activity_ids.unlink()
            plan._message_log(body=self.env._("Discount refused by %s.", self.env.user.name))
            plan._tell_user("discount_refused")
        return True

    def _spread_again(self):
        """The same instalments, of which the last ones are smaller by the discount."""
        self.ensure_one()
        left = self.amount_discount
        for line in self.line_ids.sorted("sequence", reverse=True):
            if self.currency_id.compare_amounts(line.amount, left) > 0:
                line.amount = self.currency_id.round(line.amount - left)
                break
            left -= line.amount
            line.unlink()

    def _create_credit_notes(self):
        """Draft credit notes over the discount, on the youngest invoices first.

        The lines of the invoice are reduced in proportion, with their accounts and taxes.
        """
        self.ensure_one()
        notes = self.env["account.move"]
        left = self.amount_discount
        for claim in self.claim_ids.sorted("date_maturity", reverse=True):
            share = min(left, claim.amount)
            if self.currency_id.compare_amounts(share, 0) <= 0:
                break
            if claim.move_id.is_sale_document(include_receipts=True):
                notes += self._create_credit_note(claim.move_id, share)
                left -= share
        return notes

    def _create_credit_note(self, move, amount):
        note = move._reverse_moves(
            [
                {
                    "ref": self.env._(
                        "Discount of plan %(plan)s on %(invoice)s", plan=self.name, invoice=move.name
                    ),
                    "invoice_date": self.company_id._relance_date(),
                    "date": self.company_id._relance_date(),
                }
            ]
        )
        ratio = amount / move.amount_total
        for line in note.invoice_line_ids.filtered(lambda line: line.display_type == "product"):
            line.price_unit = line.price_unit * ratio
        difference = amount - note.amount_total
        if not move.currency_id.is_zero(difference):
            self._message_log(
                body=self.env._(
                    "The draft credit note differs by %s from the discount, because of rounding: "
                    "correct it before you post it.",
                    format_amount(self.env, difference, move.currency_id),
                )
            )
        return note
