"""The open lines as a run on a given day would take them, for lists, pivots and exports."""

from collections import namedtuple

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .relance_preview import MOST_DAYS_AHEAD

#: what a sentence of the decision needs to know of a line
ExplainedRow = namedtuple(
    "ExplainedRow",
    "reason level_id target_level_id next_date until amount_residual currency_id date_due days_late",
)


class RelancePreviewLine(models.Model):
    """One claimable line and what the decision of a day says of it; it has the id of the journal item.

    The context says which company and day: ``relance_preview_company``,
    ``relance_preview_date``, and ``relance_preview_until`` for what leaves up to that day.
    Without them: the chosen companies, each on the next working day.
    """

    _name = "relance.preview.line"
    _inherit = ["relance.screen.mixin"]
    _description = "Previewed Line"
    _auto = False
    _order = "partner_id, date_due, id"
    _rec_name = "name"

    company_id = fields.Many2one("res.company", readonly=True)
    company_currency_id = fields.Many2one("res.currency", readonly=True)
    date = fields.Date(string="Day of the run", readonly=True)
    name = fields.Char(string="Number", readonly=True)
    move_id = fields.Many2one("account.move", string="Invoice", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Payer", readonly=True)
    debtor_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    case_id = fields.Many2one("relance.case", string="Dunning case", readonly=True)
    policy_id = fields.Many2one("relance.policy", readonly=True)
    level_id = fields.Many2one("relance.level", string="Level reached", readonly=True)
    target_level_id = fields.Many2one("relance.level", string="Next level", readonly=True)
    message_level_id = fields.Many2one(
        "relance.level", string="Leaves as", readonly=True, help="Level of the message this line is part of."
    )
    tone = fields.Selection(related="message_level_id.tone")
    channel = fields.Selection(
        lambda self: self.env["relance.reminder"]._fields["channel"]._description_selection(self.env),
        readonly=True,
    )
    verdict = fields.Selection(
        [("send", "To remind"), ("wait", "Waiting"), ("hold", "Held")], string="Decision", readonly=True
    )
    reason = fields.Selection(
        lambda self: list(self.env["relance.run"]._reason_labels().items()), readonly=True
    )
    why = fields.Char(string="Why?", compute="_compute_why")
    is_excluded = fields.Boolean(
        string="Excluded by its journal",
        readonly=True,
        help="A line of a general journal, such as an opening balance, is marked “No Follow-Up” by itself.",
    )
    needs_approval = fields.Boolean(readonly=True)
    date_due = fields.Date(string="Due date", readonly=True)
    days_late = fields.Integer(string="Days late", readonly=True, aggregator="max")
    next_date = fields.Date(string="Next level on", readonly=True)
    until = fields.Date(string="Reason ends on", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    # never added up: currencies may differ
    amount_residual = fields.Monetary(string="In its currency", readonly=True, aggregator=None)
    balance_residual = fields.Monetary(
        string="Left to pay",
        readonly=True,
        currency_field="company_currency_id",
        help="In the company's currency.",
    )

    # -- the table -------------------------------------------------------------------------------------
    @property
    def _table_query(self):
        company, date, until = self._scope()
        companies = company or self.env.companies
        return SQL(" UNION ALL ").join(
            self._company_query(one.sudo(), date or one.sudo()._relance_preview_date(), until)
            for one in companies
        )

    def _scope(self):
        """Company (or none), date (or none) and last day (or none) that the context asks for.

        Rights on the company are the business of the record rules, as everywhere.

        :raise UserError: the context makes no sense
        """
        context = self.env.context
        try:
            date = fields.Date.to_date(context.get("relance_preview_date"))
            until = date and fields.Date.to_date(context.get("relance_preview_until"))
            company = self.env["res.company"].browse(int(context.get("relance_preview_company") or 0) or [])
        except (TypeError, ValueError) as error:
            raise UserError(
                self.env._("This list is opened from the preview: open it again there.")
            ) from error
        if until and not 0 <= (until - date).days <= MOST_DAYS_AHEAD:
            raise UserError(self.env._("This list is opened from the preview: open it again there."))
        return company & self.env.companies, date, until or None

    def _company_query(self, company, date, until):
        return SQL(
            """
            SELECT outcome.move_line_id AS id,
                   %(company)s AS company_id,
                   %(currency)s AS company_currency_id,
                   outcome.date,
                   CASE WHEN move.name = '/' THEN aml.name ELSE move.name END AS name,
                   outcome.move_id, outcome.partner_id, outcome.debtor_id,
                   COALESCE(debtor.user_id, payer.user_id) AS user_id,
                   outcome.case_id, outcome.policy_id, outcome.level_id, outcome.target_level_id,
                   outcome.message_level_id, outcome.message_channel AS channel,
                   outcome.verdict, outcome.reason, outcome.is_excluded, outcome.needs_approval,
                   outcome.date_due, outcome.days_late, outcome.next_date, outcome.until,
                   outcome.currency_id, outcome.amount_residual, outcome.balance_residual
              FROM (%(outcome)s) outcome
              JOIN account_move_line aml ON aml.id = outcome.move_line_id
              JOIN account_move move ON move.id = outcome.move_id
              JOIN res_partner debtor ON debtor.id = outcome.debtor_id
              JOIN res_partner payer ON payer.id = outcome.partner_id
            """,
            company=company.id,
            currency=company.currency_id.id,
            # all customers of the company: the rules of this model come on top
            outcome=self.env["relance.run"].sudo()._preview_query(company, date, until),
        )

    # named here, the columns come with the page
    @api.depends(*ExplainedRow._fields)
    @api.depends_context("lang")
    def _compute_why(self):
        """The sentence of the decision, from what the line already knows: no other query."""
        rows = [
            ExplainedRow(
                line.reason,
                line.level_id.id or None,
                line.target_level_id.id or None,
                line.next_date,
                line.until,
                line.amount_residual,
                line.currency_id.id,
                line.date_due,
                line.days_late,
            )
            for line in self
        ]
        for line, sentence in zip(self, self.env["relance.decision"]._explain(rows), strict=True):
            line.why = sentence

    # -- what a person does ---------------------------------------------------------------------------
    def action_open_move(self):
        """The invoice of this line, or its journal entry."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "res_id": self.move_id.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    def action_open_message(self):
        """The message this line would leave in, as the payer would get it."""
        self.ensure_one()
        if self.verdict != "send":
            raise UserError(self.env._("Nothing leaves for this invoice: %s", self.why))
        return self.env["relance.preview.message"]._open(self)
