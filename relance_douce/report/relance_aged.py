"""The aged balance: what customers owe, by age, as of any date.

How it works. One row per trade receivable item that was open on the date. Its residual is
today's, with every matching undone that had not taken place yet: so the cost follows what is
open and what happened since the date, not the length of the ledger. The date comes in the
context (``relance_as_of``); without it, it is the local date of the current company.

A matching took place on the later of the dates of its two items. It counts only while both are
posted: the balance equals what the posted ledger says, also where a matched payment was reset
to draft, whatever residual the items themselves show.
"""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

#: context key of the date
AS_OF = "relance_as_of"

#: without a right on reminders the balance shows nothing of them
READERS = "relance_douce.group_relance_reader"

#: age bucket → last day of it; their order is the order of the columns, and of the keys
BUCKETS = {"current": 0, "late_30": 30, "late_60": 60, "late_90": 90, "late_older": None}


def _monetary(string, **attributes):
    """A measure in company currency, as of the date."""
    return fields.Monetary(
        string=string,
        currency_field="company_currency_id",
        readonly=True,
        depends_context=(AS_OF,),
        **attributes,
    )


class RelanceAged(models.Model):
    _name = "relance.aged"
    _description = "Aged Balance"
    _auto = False
    _rec_name = "move_id"
    _order = "date_due, id"

    company_id = fields.Many2one("res.company", readonly=True)
    partner_id = fields.Many2one(
        "res.partner", string="Customer", readonly=True, help="The company, or the private person."
    )
    establishment_id = fields.Many2one(
        "res.partner",
        readonly=True,
        help="Whose address is on the invoice, where it is not that of the customer himself.",
    )
    payer_id = fields.Many2one(
        "res.partner",
        readonly=True,
        groups=READERS,
        help="Who answers for the customer's invoices: head office of a chain, parent company. "
        "Where nobody else does, the customer.",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Salesperson",
        readonly=True,
        help="The salesperson of the invoice; for other entries that of the customer.",
    )
    move_id = fields.Many2one("account.move", string="Document", readonly=True)
    name = fields.Char(string="Label", readonly=True)
    journal_id = fields.Many2one("account.journal", readonly=True)
    account_id = fields.Many2one("account.account", readonly=True)
    is_chased = fields.Boolean(
        string="Account is chased",
        readonly=True,
        prefetch=False,
        groups=READERS,
        help="Whether invoices on this account are ever reminded: the settings name the accounts "
        "that are left alone.",
    )
    date = fields.Date(readonly=True)
    date_due = fields.Date(
        string="Due date",
        readonly=True,
        help="Items without a due date, such as most payments, count from their own date.",
    )
    days_late = fields.Integer(
        string="Days late",
        readonly=True,
        aggregator="max",
        depends_context=(AS_OF,),
        help="0: not due. A payment or credit note is never late.",
    )
    level_id = fields.Many2one(
        "relance.level",
        string="Dunning level",
        readonly=True,
        groups=READERS,
        help="The level reached, as it stands today.",
    )
    tone = fields.Selection(related="level_id.tone", groups=READERS)
    reason = fields.Selection(
        lambda self: list(self.env["relance.run"]._reason_labels().items()),
        string="Why?",
        readonly=True,
        prefetch=False,
        groups=READERS,
        depends_context=(AS_OF,),
        help="What happens to this item on the date, or what holds it.",
    )
    bucket = fields.Selection(
        [
            ("current", "Not due"),
            ("late_30", "1–30 days"),
            ("late_60", "31–60 days"),
            ("late_90", "61–90 days"),
            ("late_older", "Over 90 days"),
        ],
        string="Age",
        readonly=True,
        depends_context=(AS_OF,),
    )
    currency_id = fields.Many2one("res.currency", readonly=True)
    company_currency_id = fields.Many2one("res.currency", readonly=True)
    amount_current = _monetary(
        "Not due",
        help="Payments and credit notes that are not matched yet count, with a minus, in the "
        "column of their own due date; without one, in that of the date of their entry.",
    )
    amount_late_30 = _monetary("1–30 days", help="Due for 1 to 30 days, unmatched credits deducted.")
    amount_late_60 = _monetary("31–60 days", help="Due for 31 to 60 days, unmatched credits deducted.")
    amount_late_90 = _monetary("61–90 days", help="Due for 61 to 90 days, unmatched credits deducted.")
    amount_late_older = _monetary(
        "Over 90 days", help="Due for more than 90 days, unmatched credits deducted."
    )
    amount_overdue = _monetary("Overdue", help="All that is past its due date, unmatched credits deducted.")
    amount_credit = _monetary(
        "Unmatched credits", help="The payments and credit notes that the other columns contain."
    )
    amount_residual = _monetary("Total", help="What is left in the currency of the company.")
    amount_residual_currency = fields.Monetary(
        string="Total in currency",
        currency_field="currency_id",
        readonly=True,
        depends_context=(AS_OF,),
        help="What is left in the currency of the document.",
    )

    _depends = {
        "account.account": ["account_type", "non_trade"],
        "account.journal": ["company_id"],
        "account.move": ["commercial_partner_id", "invoice_user_id", "journal_id", "partner_id", "state"],
        "account.move.line": [
            "account_id",
            "amount_residual",
            "amount_residual_currency",
            "company_id",
            "currency_id",
            "date",
            "date_maturity",
            "journal_id",
            "move_id",
            "name",
            "parent_state",
            "partner_id",
            "reconciled",
            "relance_level_id",
        ],
        "account.partial.reconcile": [
            "amount",
            "credit_amount_currency",
            "credit_move_id",
            "debit_amount_currency",
            "debit_move_id",
            "max_date",
        ],
        "res.company": ["currency_id"],
        "res.currency": ["decimal_places"],
        "res.partner": ["commercial_partner_id", "relance_payer_id", "user_id"],
    }

    # -- the date --------------------------------------------------------------------------
    @api.model
    def _as_of(self):
        """The date of the balance.

        :raise UserError: where the context holds something else than a date
        """
        asked = self.env.context.get(AS_OF)
        try:
            return fields.Date.to_date(asked) or self.env.company._relance_date()
        except (TypeError, ValueError) as error:
            raise UserError(
                self.env._("“%s” is no date: choose the date of the aged balance again.", asked)
            ) from error

    # -- the rows --------------------------------------------------------------------------
    @property
    def _table_query(self):
        return SQL("%s %s %s", self._select(), self._from(), self._where())

    @api.model
    def _select(self):
        """Columns over the aliases of :meth:`_from`; add yours."""
        return SQL(
            """
            SELECT item.id,
                   item.company_id,
                   customer.id AS partner_id,
                   CASE WHEN move.commercial_partner_id = customer.id
                        THEN move.partner_id ELSE item.partner_id END AS establishment_id,
                   COALESCE(customer.relance_payer_id, customer.id) AS payer_id,
                   COALESCE(move.invoice_user_id, customer.user_id) AS user_id,
                   item.move_id,
                   item.name,
                   item.journal_id,
                   item.account_id,
                   item.date,
                   standing.date_due,
                   CASE WHEN standing.balance >= 0 THEN GREATEST(standing.age, 0) END AS days_late,
                   item.relance_level_id AS level_id,
                   %(bucket)s AS bucket,
                   item.currency_id,
                   company.currency_id AS company_currency_id,
                   %(amounts)s,
                   CASE WHEN standing.age > 0 THEN standing.balance ELSE 0 END AS amount_overdue,
                   LEAST(standing.balance, 0) AS amount_credit,
                   standing.balance AS amount_residual,
                   standing.amount AS amount_residual_currency
            """,
            bucket=SQL(
                "CASE %s ELSE 'late_older' END",
                SQL(" ").join(
                    SQL("WHEN standing.age <= %s THEN %s", last, bucket)
                    for bucket, last in BUCKETS.items()
                    if last is not None
                ),
            ),
            amounts=SQL(", ").join(
                SQL(
                    "CASE WHEN %s THEN standing.balance ELSE 0 END AS %s",
                    condition,
                    SQL.identifier(f"amount_{bucket}"),
                )
                for bucket, condition in self._bucket_conditions()
            ),
        )

    @api.model
    def _bucket_conditions(self):
        """Buckets with the SQL over ``standing.age`` (days past the due date) that fills them."""
        first = None
        for bucket, last in BUCKETS.items():
            bounds = []
            if first is not None:
                bounds.append(SQL("standing.age > %s", first))
            if last is not None:
                bounds.append(SQL("standing.age <= %s", last))
            yield bucket, SQL(" AND ").join(bounds)
            first = last

    @api.model
    def _from(self):
        """``item``: journal item with ``undone`` and ``undone_currency``; ``move``; ``own``: the
        partner of the item; ``customer``: his company; ``standing``: ``balance`` (company
        currency), ``amount`` (document currency), ``date_due`` and ``age`` in days as of the date.
        """
        return SQL(
            """
              FROM (%(items)s) item
              JOIN res_company company ON company.id = item.company_id
              JOIN res_currency own_currency ON own_currency.id = company.currency_id
              JOIN res_currency currency ON currency.id = item.currency_id
         LEFT JOIN account_move move ON move.id = item.move_id
         LEFT JOIN res_partner own ON own.id = item.partner_id
         LEFT JOIN res_partner customer ON customer.id = own.commercial_partner_id
        CROSS JOIN LATERAL (
                    SELECT round(item.amount_residual + item.undone,
                                 own_currency.decimal_places) AS balance,
                           round(item.amount_residual_currency + item.undone_currency,
                                 currency.decimal_places) AS amount,
                           COALESCE(item.date_maturity, item.date) AS date_due,
                           %(as_of)s::date - COALESCE(item.date_maturity, item.date) AS age
                   ) standing
            """,
            items=self._items_query(),
            as_of=self._as_of(),
        )

    @api.model
    def _item_columns(self):
        """Columns of the journal item that the other pieces use; add yours."""
        return (
            "id",
            "move_id",
            "company_id",
            "partner_id",
            "journal_id",
            "account_id",
            "currency_id",
            "name",
            "date",
            "date_maturity",
            "amount_residual",
            "amount_residual_currency",
            "relance_level_id",
        )

    @api.model
    def _items_query(self):
        """Items that may have been open: what is open now, found by its index, and what is
        settled now by matchings that had not taken place on the date. ``undone`` and
        ``undone_currency`` are to be added to the residual of today.
        """
        return SQL(
            """
            WITH undone AS MATERIALIZED (
                SELECT id, sum(amount) AS amount, sum(amount_currency) AS amount_currency
                  FROM (%(undone)s) matched
              GROUP BY id
            )
            SELECT %(columns)s,
                   COALESCE(undone.amount, 0) AS undone,
                   COALESCE(undone.amount_currency, 0) AS undone_currency
              FROM account_move_line item
         LEFT JOIN undone ON undone.id = item.id
             WHERE item.reconciled IS NOT TRUE AND %(condition)s
         UNION ALL
            SELECT %(columns)s, undone.amount, undone.amount_currency
              FROM undone
              JOIN account_move_line item ON item.id = undone.id
             WHERE item.reconciled IS TRUE AND %(condition)s
            """,
            undone=self._undone_query(),
            columns=SQL(", ").join(SQL.identifier("item", name) for name in self._item_columns()),
            condition=self._item_condition(),
        )

    @api.model
    def _item_condition(self):
        """SQL over ``item``: what belongs to the balance, whatever is left of it."""
        return SQL(
            """
            item.parent_state = 'posted'
            AND item.date <= %(as_of)s
            AND item.company_id = ANY(%(companies)s)
            -- an array of a subquery is evaluated once, and the index on accounts serves it
            AND item.account_id = ANY(ARRAY(
                SELECT id FROM account_account
                 WHERE account_type = 'asset_receivable' AND non_trade IS NOT TRUE))
            """,
            as_of=self._as_of(),
            companies=self.env.companies.ids,
        )

    @api.model
    def _undone_query(self):
        """The matchings that do not count on the date, once per item: ``id``, ``amount``,
        ``amount_currency``.

        Those of a later date, and those with an item that is not posted: the host keeps the
        matching of a payment that was reset to draft.
        """
        later = SQL(
            "SELECT id FROM account_partial_reconcile WHERE max_date > %s",
            self._as_of(),
        )
        unposted = (
            SQL(
                """
                SELECT partial.id
                  FROM account_journal journal
                  JOIN account_move move ON move.journal_id = journal.id
                                        AND move.state IN ('draft', 'cancel')
                  JOIN account_move_line item ON item.move_id = move.id
                  JOIN account_partial_reconcile partial ON %(side)s = item.id
                 WHERE journal.company_id = ANY(%(companies)s)
                """,
                side=SQL.identifier("partial", side),
                companies=self._ledger_company_ids(),
            )
            for side in ("debit_move_id", "credit_move_id")
        )
        return SQL(
            """
            WITH undone_partial AS MATERIALIZED (
                SELECT *
                  FROM account_partial_reconcile
                 WHERE id IN (%(partials)s)
            )
            SELECT debit_move_id AS id, amount, debit_amount_currency AS amount_currency
              FROM undone_partial
         UNION ALL
            SELECT credit_move_id, -amount, -credit_amount_currency
              FROM undone_partial
            """,
            partials=SQL(" UNION ").join([later, *unposted]),
        )

    @api.model
    def _ledger_company_ids(self):
        """The companies shown, and those of which the journals may be theirs: their parents."""
        # the parents of a branch, also where its user has no access to them
        return [
            int(company)
            for path in self.env.companies.sudo().mapped("parent_path")
            for company in path.split("/")
            if company
        ]

    @api.model
    def _where(self):
        return SQL("WHERE standing.balance <> 0 OR standing.amount <> 0")

    # -- what is joined only when it is asked for --------------------------------------------
    def _field_to_sql(self, alias, field_expr, query=None):
        """The decision and the settings of accounts cost: the plain balance does without."""
        asked = {"reason": self._reason_to_sql, "is_chased": self._is_chased_to_sql}.get(field_expr)
        if asked is None:
            return super()._field_to_sql(alias, field_expr, query)
        field = self._fields[field_expr]
        self._check_field_access(field, "read")
        return asked(alias, query)

    @api.model
    def _reason_to_sql(self, alias, query):
        """SQL: the code of the reason that the decision of the date gives, NULL where it has none."""
        decision = query.make_alias(alias, "decision")
        if decision not in query._joins:
            date = self._as_of()
            # rows are joined to items that the user may read, and to nothing else
            queries = [
                SQL(
                    "SELECT move_line_id, reason FROM (%s) decision",
                    self.env["relance.decision"]._decision_query(company, date),
                )
                for company in self.env.companies
            ]
            query.add_join(
                "LEFT JOIN",
                decision,
                SQL("(%s)", SQL(" UNION ALL ").join(queries)),
                SQL("%s = %s", SQL.identifier(decision, "move_line_id"), SQL.identifier(alias, "id")),
            )
        return SQL.identifier(decision, "reason")

    @api.model
    def _is_chased_to_sql(self, alias, query):
        conditions = SQL(" OR ").join(
            SQL(
                "(%s = %s AND %s = ANY(%s))",
                SQL.identifier(alias, "company_id"),
                company.id,
                SQL.identifier(alias, "account_id"),
                company._relance_account_ids(),
            )
            for company in self.env.companies
        )
        return SQL("(%s)", conditions)

    # -- what a person does ------------------------------------------------------------------
    def action_open_document(self):
        """The invoice, payment or entry of this row; for whoever may not see it, the customer."""
        self.ensure_one()
        move = self.move_id
        if not move.has_access("read"):
            return self.partner_id._get_records_action()
        # the host has no form for the lines of a bank statement
        return move._get_records_action() if move.statement_line_id else move.action_open_business_doc()
