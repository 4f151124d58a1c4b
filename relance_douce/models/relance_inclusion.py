"""Open items that the host leaves out by itself, and the decision to chase them all the same."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_amount

from . import relance_words as words


class RelanceInclusion(models.Model):
    """Who decided when to chase which items of general journals, so that it can be undone.

    The host marks every item of a general journal “No Follow-Up”, opening balances and returned
    bills too, and no view of the Community edition shows that.
    """

    _name = "relance.inclusion"
    _description = "Journal Items Included"
    _order = "id desc"
    _rec_name = "create_date"

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True, ondelete="cascade")
    user_id = fields.Many2one("res.users", string="By", readonly=True, ondelete="set null")
    line_ids = fields.Many2many(
        "account.move.line",
        "relance_inclusion_line",
        "inclusion_id",
        "move_line_id",
        string="Journal items",
        readonly=True,
    )
    line_count = fields.Integer(string="Items", readonly=True)
    customer_count = fields.Integer(string="Customers", readonly=True)
    balance = fields.Monetary(
        string="Amount", readonly=True, currency_field="currency_id", help="In the company's currency."
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    undone_on = fields.Datetime(readonly=True)
    undone_by_id = fields.Many2one("res.users", string="Undone by", readonly=True, ondelete="set null")

    # -- what is left out -------------------------------------------------------------------------
    @api.model
    @api.private
    def _left_out_query(self, company, date):
        """SQL: the claimable items that only the host's own mark keeps from being chased.

        Columns: ``move_line_id``, ``partner_id`` (payer), ``balance_residual`` (company currency).
        A mark that a person set on an invoice is not among them.
        """
        decision = self.env["relance.decision"]
        decision._flush_for_decision()
        return SQL(
            """
            SELECT line.move_line_id, line.partner_id, line.balance_residual
              FROM (%s) line
              JOIN account_move entry ON entry.id = line.move_id
              JOIN account_journal journal ON journal.id = entry.journal_id
             WHERE %s
            """,
            decision._open_lines_query(company, date),
            self._left_out_condition(),
        )

    @api.model
    @api.private
    def _left_out_condition(self):
        """SQL over a claimable ``line``, its ``entry`` and ``journal``: marked by the host alone."""
        return SQL("line.no_followup IS TRUE AND entry.move_type = 'entry' AND journal.type = 'general'")

    @api.model
    @api.private
    def _left_out_totals(self, company, date):
        """(items, customers, amount in the company's currency) that are left out; one query."""
        [row] = self.env.execute_query(
            SQL(
                """
                SELECT count(*), count(DISTINCT partner_id), COALESCE(sum(balance_residual), 0)
                  FROM (%s) left_out
                """,
                self._left_out_query(company, date),
            )
        )
        return row

    @api.model
    @api.private
    def _last(self, company):
        """The latest decision of the company that still stands."""
        return self.search([("company_id", "=", company.id), ("undone_on", "=", False)], limit=1)

    # -- including and undoing -------------------------------------------------------------------------
    @api.model
    @api.private
    def _include(self, company, move_lines=None):
        """Chase what the host leaves out; a handful of statements, whatever the number of items.

        :param move_lines: only these of them
        :return: the ``relance.inclusion`` that remembers it
        :raise UserError: nothing is left out
        """
        company = company.with_env(self.env)  # the rights that count are those of whoever asks
        company._relance_check_manager()
        # the right was just checked; a mark of the host is all that changes in the books
        inclusion = self.sudo().create({"company_id": company.id, "user_id": self.env.uid})
        only = SQL("TRUE") if move_lines is None else SQL("move_line_id = ANY(%s)", move_lines.ids)
        [[lines, customers, balance]] = self.env.execute_query(
            SQL(
                """
                WITH left_out AS (%(query)s),
                chosen AS (SELECT * FROM left_out WHERE %(only)s),
                remembered AS (
                    INSERT INTO relance_inclusion_line (inclusion_id, move_line_id)
                    SELECT %(inclusion)s, move_line_id FROM chosen
                )
                SELECT count(*), count(DISTINCT partner_id), COALESCE(sum(balance_residual), 0)
                  FROM chosen
                """,
                query=self._left_out_query(company, company._relance_date()),
                only=only,
                inclusion=inclusion.id,
            )
        )
        if not lines:
            raise UserError(self.env._("Nothing is left out any more: reload the page."))
        inclusion.write({"line_count": lines, "customer_count": customers, "balance": balance})
        inclusion._mark(False)
        return inclusion.with_env(self.env)

    def _mark(self, left_out):
        """Set the host's mark on the items of this decision, in one statement.

        Raw SQL is safe here: the mark of an entry that is no invoice moves nothing else.
        """
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                """
                UPDATE account_move_line aml
                   SET no_followup = %(left_out)s, write_uid = %(uid)s,
                       write_date = now() AT TIME ZONE 'UTC'
                  FROM relance_inclusion_line remembered
                 WHERE remembered.inclusion_id = %(inclusion)s
                   AND aml.id = remembered.move_line_id
                """,
                left_out=left_out,
                uid=self.env.uid,
                inclusion=self.id,
            )
        )
        self.env["account.move.line"].invalidate_model(["no_followup"])
        self.env["account.move"].invalidate_model(["no_followup"])
        self.invalidate_recordset(["line_ids"])
        self.env["account.move"]._relance_invalidate()

    def action_undo(self):
        """These items rest again; reminders that did not leave yet let go of them."""
        self.check_access("read")
        for inclusion in self.filtered(lambda one: not one.undone_on):
            inclusion.company_id._relance_check_manager()
            own = inclusion.sudo()  # the right was just checked
            own.write({"undone_on": fields.Datetime.now(), "undone_by_id": self.env.uid})
            own._mark(True)
            pending = self.env["relance.reminder.line"].sudo()  # of whatever customer
            own_lines = Domain("move_line_id", "in", own.line_ids.ids)
            pending.search(own_lines & Domain("reminder_id.state", "in", ("draft", "ready"))).mapped(
                "move_line_id"
            )._relance_touch()
        return True

    def _sentence(self):
        self.ensure_one()
        return self.env._(
            "Chased from now on: %(items)s of %(customers)s, %(amount)s.",
            items=words.items(self.env, self.line_count),
            customers=words.customers(self.env, self.customer_count),
            amount=format_amount(self.env, self.balance, self.currency_id),
        )


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    relance_left_out = fields.Boolean(
        string="Left out by its journal",
        compute="_compute_relance_left_out",
        search="_search_relance_left_out",
        help="Open, and not chased only because Odoo leaves out the entries of general journals.",
        groups="relance_douce.group_relance_manager",
    )

    @api.depends_context("company")
    def _compute_relance_left_out(self):
        left_out = set(self._search_ids_left_out(self.ids))
        for line in self:
            line.relance_left_out = line._origin.id in left_out

    def _search_ids_left_out(self, ids):
        company = self.env.company
        query = self.env["relance.inclusion"]._left_out_query(company, company._relance_date())
        return [
            line
            for [line] in self.env.execute_query(
                SQL("SELECT move_line_id FROM (%s) left_out WHERE move_line_id = ANY(%s)", query, ids)
            )
        ]

    def _search_relance_left_out(self, operator, value):
        if operator != "in":
            return NotImplemented
        company = self.env.company
        query = self.env["relance.inclusion"]._left_out_query(company, company._relance_date())
        matching = Domain("id", "in", SQL("(SELECT move_line_id FROM (%s) left_out)", query))
        if True in value and False in value:
            return Domain.TRUE
        return matching if True in value else ~matching

    def action_relance_include(self):
        """Chase these items although their journal is a general one."""
        self.check_access("read")
        start = self.env["relance.start"]._for_company(self.env.company)
        inclusion = self.env["relance.inclusion"]._include(self.env.company, self)
        start._allowed()._message_log(body=inclusion._sentence())
        return start._notify(inclusion._sentence())
