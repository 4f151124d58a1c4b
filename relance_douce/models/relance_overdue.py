"""Who is overdue today, customer by customer, for the first start and for mass actions."""

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, formatLang

from ..tools.ids import without_junk
from .relance_level import TONES

#: a row is known by its customer and company: the company takes the lowest bits, so that both
#: can be told from the id and the id stays an exact number in a browser
COMPANY_BITS = 20


class RelanceOverdue(models.Model):
    """A customer with claimable invoices past their due date, by company, as of today.

    Not a table: the one decision, put together by customer. It knows the lines of all
    customers of the companies that are switched on; the access rights say who may read it.
    """

    _name = "relance.overdue"
    _description = "Overdue Customer"
    _auto = False
    # never asked for as such, see _table_sql: the statement depends on who asks and when
    _table_query = "0"
    _order = "amount_overdue desc, id"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    payer_id = fields.Many2one("res.partner", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    line_count = fields.Integer(string="Overdue instalments", readonly=True)
    invoice_count = fields.Integer(string="Overdue invoices", readonly=True)
    amount_overdue = fields.Monetary(string="Overdue", readonly=True, help="In the company's currency.")
    currency_amounts = fields.Json(readonly=True)
    amounts = fields.Char(
        string="By currency",
        compute="_compute_amounts",
        help="What is overdue, in the currencies of the invoices.",
    )
    days_late = fields.Integer(string="Oldest, days late", readonly=True, aggregator="max")
    level_id = fields.Many2one("relance.level", string="Level reached", readonly=True)
    tone = fields.Selection(TONES, readonly=True)
    policy_id = fields.Many2one("relance.policy", readonly=True)
    audience = fields.Selection(
        lambda self: self.env["res.partner"]._fields["relance_audience"]._description_selection(self.env),
        readonly=True,
    )
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    paused_until = fields.Date(string="No reminders until", readonly=True)
    held_count = fields.Integer(string="Held", readonly=True, help="Overdue instalments that are held.")
    reason = fields.Selection(
        lambda self: self._reasons(),
        string="Situation",
        readonly=True,
        help="What today's decision says about the oldest instalment.",
    )
    is_handed_over = fields.Boolean(string="With the lawyer", readonly=True)
    is_flagged = fields.Boolean(string="No follow-up, blocked", readonly=True)
    last_contact = fields.Date(readonly=True)
    last_payment = fields.Date(
        compute="_compute_last_payment",
        compute_sudo=True,
        help="Newest payment of this customer that is booked.",
    )

    def _reasons(self):
        """The reasons of the decision in a few words; here nothing was reminded yet."""
        labels = self.env["relance.run"]._reason_labels()
        return list({**labels, "climb": self.env._("To remind")}.items())

    # -- the rows -------------------------------------------------------------------------
    @property
    def _table_sql(self):
        """The rows of all companies that are switched on, each on its own local date."""
        queries = [self._company_query(company, company._relance_date()) for company in self.env.companies]
        return SQL("(%s)", SQL(" UNION ALL ").join(SQL("(%s)", query) for query in queries))

    def _company_query(self, company, date):
        """One row per customer of ``company`` who is overdue on ``date``."""
        return SQL(
            """
            WITH late AS (
                SELECT decision.*, level.delay_days, level.tone
                  FROM (%(decision)s) decision
             LEFT JOIN relance_level level ON level.id = decision.level_id
                 WHERE decision.days_late > 0
            ),
            by_currency AS (
                SELECT debtor_id, jsonb_object_agg(currency_id, amount) AS amounts
                  FROM (SELECT debtor_id, currency_id, sum(amount_residual) AS amount
                          FROM late
                      GROUP BY debtor_id, currency_id) summed
              GROUP BY debtor_id
            ),
            customer AS (
                SELECT debtor_id, partner_id, policy_id,
                       count(*) AS line_count,
                       count(DISTINCT move_id) AS invoice_count,
                       sum(balance_residual) AS amount_overdue,
                       max(days_late) AS days_late,
                       (array_agg(level_id ORDER BY delay_days DESC NULLS LAST, level_id))[1] AS level_id,
                       (array_agg(tone ORDER BY delay_days DESC NULLS LAST, level_id))[1] AS tone,
                       (array_agg(reason ORDER BY days_late DESC, move_line_id))[1] AS reason,
                       count(*) FILTER (WHERE verdict = 'hold') AS held_count,
                       bool_or(reason = 'handed_over') AS is_handed_over,
                       bool_or(reason = 'host_flag') AS is_flagged
                  FROM late
              GROUP BY debtor_id, partner_id, policy_id
            ),
            contact AS (
                SELECT partner_id, max(contact_date) AS last_contact
                  FROM relance_reminder
                 WHERE company_id = %(company)s AND contact_date IS NOT NULL
              GROUP BY partner_id
            )
            SELECT (customer.debtor_id::bigint << %(bits)s) + %(company)s AS id,
                   customer.debtor_id AS partner_id,
                   customer.partner_id AS payer_id,
                   %(company)s AS company_id,
                   %(currency)s AS currency_id,
                   customer.line_count, customer.invoice_count, customer.amount_overdue,
                   by_currency.amounts AS currency_amounts,
                   customer.days_late, customer.level_id, customer.tone, customer.policy_id,
                   COALESCE(payer.relance_audience, 'unknown') AS audience,
                   debtor.user_id,
                   GREATEST(payer.relance_paused_until, dunning.paused_until) AS paused_until,
                   customer.held_count, customer.reason,
                   customer.is_handed_over, customer.is_flagged,
                   contact.last_contact
              FROM customer
              JOIN by_currency ON by_currency.debtor_id = customer.debtor_id
              JOIN res_partner debtor ON debtor.id = customer.debtor_id
              JOIN res_partner payer ON payer.id = customer.partner_id
         LEFT JOIN relance_case dunning ON dunning.partner_id = customer.partner_id
                                       AND dunning.company_id = %(company)s
                                       AND dunning.state = 'open'
         LEFT JOIN contact ON contact.partner_id = customer.partner_id
            """,
            decision=self.env["relance.decision"]._decision_query(company, date),
            company=company.id,
            currency=company.currency_id.id,
            bits=COMPANY_BITS,
        )

    @api.model
    def _search(self, domain, *args, **kwargs):
        """The ids of rows are ours: what cannot be one finds nothing."""
        return super()._search(Domain(domain).map_conditions(without_junk), *args, **kwargs)

    # -- what is computed for the page --------------------------------------------------------
    def _compute_amounts(self):
        currencies = self.env["res.currency"]
        for row in self:
            row.amounts = " · ".join(
                formatLang(self.env, amount, currency_obj=currencies.browse(int(currency)))
                for currency, amount in (row.currency_amounts or {}).items()
            )

    def _compute_last_payment(self):
        """By one query for the page: what came from a payment or the bank, not credit notes."""
        self.env["account.move.line"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT customer.commercial_partner_id, aml.company_id, max(aml.date)
                  FROM account_move_line aml
                  JOIN res_partner customer ON customer.id = aml.partner_id
                  JOIN account_account account ON account.id = aml.account_id
                 WHERE customer.commercial_partner_id IN %(customers)s
                   AND aml.company_id IN %(companies)s
                   AND account.account_type = 'asset_receivable'
                   AND aml.parent_state = 'posted'
                   AND aml.balance < 0
                   AND (aml.payment_id IS NOT NULL OR aml.statement_line_id IS NOT NULL)
              GROUP BY customer.commercial_partner_id, aml.company_id
                """,
                customers=tuple(self.partner_id.ids) or (0,),
                companies=tuple(self.company_id.ids) or (0,),
            )
        )
        last = {(customer, company): day for customer, company, day in rows}
        for row in self:
            row.last_payment = last.get((row.partner_id.id, row.company_id.id), False)

    # -- what a person does ---------------------------------------------------------------------
    def _lines(self):
        """The journal items behind these rows, as the decision of the day counts them.

        :return: dict (company id, customer id) → rows of the decision, oldest first
        """
        lines = {}
        for company, rows in self.grouped("company_id").items():
            customers = rows.partner_id
            wanted = set(customers.ids)
            for line in self.env["relance.decision"]._decide(company, company._relance_date(), customers):
                if line.days_late > 0 and line.debtor_id in wanted:
                    lines.setdefault((company.id, line.debtor_id), []).append(line)
        return lines

    def action_open_invoices(self):
        """The overdue invoices of these customers."""
        self.check_access("read")
        moves = {line.move_id for lines in self._lines().values() for line in lines}
        title = self.env._("Overdue invoices")
        if len(self) == 1:
            title = self.env._("Overdue: %s", self.partner_id.display_name)
        return {
            "type": "ir.actions.act_window",
            "name": title,
            "res_model": "account.move",
            "view_mode": "list,form",
            "views": [(self.env.ref("account.view_out_invoice_tree").id, "list"), (False, "form")],
            "search_view_id": [self.env.ref("account.view_account_invoice_filter").id],
            "domain": [("id", "in", sorted(moves))],
            "context": {"create": False},
        }

    def action_take_over(self):
        """Ask what was done outside for these customers, or what shall be decided for them.

        The kind of action comes with the context, as ``default_kind``.
        """
        self.check_access("read")
        self.env["relance.reminder"]._check_user()
        kinds = dict(self.env["relance.takeover"]._fields["kind"]._description_selection(self.env))
        return {
            "type": "ir.actions.act_window",
            "name": kinds.get(self.env.context.get("default_kind"), self.env._("Mass action")),
            "res_model": "relance.takeover.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {**self.env.context, "default_row_ids": self.ids},
        }
