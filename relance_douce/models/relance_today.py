"""The list of the day: everything that waits for a person, in groups.

The list is one SQL statement over what the engine left for people. Each *source* selects the
rows of one kind (:meth:`RelanceToday._sources`) and belongs to one group; an addon adds a
group to the selection, a source to the registry, and a method ``_rows_<source>``.

Nothing is kept: a row is there as long as its cause is, and its id says where it comes from
(source, company, record behind), so that rows that were done meanwhile can still be named.
"""

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools.ids import plausible, without_junk

#: an id is ``(key * COMPANIES + company) * SOURCES + number of the source``: it stays below
#: 2**53, what a browser can count to, for every key of four bytes
COMPANIES = 2**16
SOURCES = 2**5

#: context key: dict source → keys (None: all of them) that this statement is asked for
ONLY = "relance_today_only"


class RelanceToday(models.Model):
    """One thing that waits for a person today."""

    _name = "relance.today"
    _description = "Today's Task"
    _auto = False
    _order = "days_late desc, amount_overdue desc, id"
    _rec_name = "partner_id"

    group = fields.Selection(
        [
            ("approve", "To approve"),
            ("call", "To call"),
            ("match", "To match first"),
            ("instalment", "Instalments due or missed"),
            ("post", "To print and post"),
            ("decision", "Decisions to take"),
        ],
        readonly=True,
        group_expand="_expand_groups",
    )
    source = fields.Char(readonly=True)
    reason = fields.Char(readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    case_id = fields.Many2one("relance.case", readonly=True)
    amount_overdue = fields.Monetary(string="Overdue", readonly=True, help="In the company's currency.")
    days_late = fields.Integer(
        string="Days late", readonly=True, aggregator=None, help="Of the oldest invoice."
    )
    level_id = fields.Many2one("relance.level", readonly=True)
    tone = fields.Selection(related="level_id.tone")
    last_contact_date = fields.Date(string="Last contact", readonly=True)
    user_id = fields.Many2one("res.users", string="In charge", readonly=True)
    res_model = fields.Char(string="Model of the record", readonly=True)
    res_id = fields.Integer(string="Record", readonly=True, aggregator=None)
    detail_date = fields.Date(string="Date named", readonly=True)
    detail_amount = fields.Monetary(
        string="Amount named", currency_field="detail_currency_id", readonly=True, aggregator=None
    )
    detail_currency_id = fields.Many2one("res.currency", string="Its currency", readonly=True)
    detail_count = fields.Integer(string="Number named", readonly=True, aggregator=None)
    why_now = fields.Char(string="Why now", compute="_compute_why_now")

    @api.model
    def _sources(self):
        """Name of each source → (its number, its group); numbers are unique, from 1 to 31."""
        return {
            "approve": (1, "approve"),
            "call": (2, "call"),
            "match": (3, "match"),
            "instalment": (4, "instalment"),
            "post": (5, "post"),
            "plan_post": (6, "post"),
            "lapsed": (7, "decision"),
            "plan": (8, "decision"),
            "stuck": (9, "decision"),
        }

    @api.model
    def _expand_groups(self, groups, domain):
        """The groups in the order of the day, without the empty ones."""
        return [group for group, _label in self._fields["group"].selection if group in groups]

    # -- the statement ---------------------------------------------------------------------
    @property
    def _table_query(self):
        only = self.env.context.get(ONLY) or dict.fromkeys(self._sources())
        return SQL(" UNION ALL ").join(
            self._company_query(company, company._relance_date(), only) for company in self.env.companies
        )

    def _company_query(self, company, date, only):
        """The rows of one company, on its local date.

        What every row shows is joined once, around the sources; a condition on the group or
        the source reaches each of them as a constant, and PostgreSQL leaves the others out.

        :param only: dict source → keys, None for all
        """
        # the statement reads what the ORM may still keep in memory
        self.env["relance.decision"]._flush_for_decision()
        self.env["relance.plan.line"].flush_model()
        overdue = self.env["relance.decision"]._open_lines_query(company, date)
        sources = self._sources()
        return SQL(
            """
            SELECT (task.key::bigint * %(companies)s + %(company)s) * %(sources)s + task.number AS id,
                   task."group", task.source, task.reason, task.partner_id, task.level_id,
                   task.res_model, task.res_id,
                   task.detail_date, task.detail_amount, task.detail_currency_id, task.detail_count,
                   %(company)s AS company_id,
                   %(currency)s AS currency_id,
                   COALESCE(task.case_id, dunning.id) AS case_id,
                   COALESCE(task.user_id, payer.relance_user_id, dunning.user_id) AS user_id,
                   COALESCE(overdue.amount, 0) AS amount_overdue,
                   COALESCE(overdue.days, 0) AS days_late,
                   %(last_contact)s AS last_contact_date
              FROM (%(tasks)s) task
              JOIN res_partner payer ON payer.id = task.partner_id
         LEFT JOIN relance_case dunning ON dunning.partner_id = task.partner_id
                                       AND dunning.company_id = %(company)s
                                       AND dunning.state = 'open'
         LEFT JOIN (SELECT partner_id,
                           sum(balance_residual) AS amount,
                           max(%(date)s::date - date_due) AS days
                      FROM (%(overdue)s) line
                     WHERE date_due < %(date)s
                  GROUP BY partner_id
                 ) overdue ON overdue.partner_id = task.partner_id
            """,
            companies=COMPANIES,
            sources=SOURCES,
            company=company.id,
            currency=company.currency_id.id,
            date=date,
            last_contact=self._last_contact_sql(SQL("task.partner_id"), company),
            overdue=overdue,
            tasks=SQL(" UNION ALL ").join(
                self._source_query(source, *sources[source], company, date, keys)
                for source, keys in only.items()
            ),
        )

    def _source_query(self, source, number, group, company, date, keys):
        rows = getattr(self, f"_rows_{source}")(company, date, keys)
        return SQL(
            """
            SELECT %(number)s AS number, %(source)s AS source, %(group)s AS "group",
                   key, partner_id, case_id, level_id, user_id, res_model, res_id, reason,
                   detail_date, detail_amount, detail_currency_id, detail_count
              FROM (%(rows)s) row
            """,
            number=number,
            source=source,
            group=group,
            rows=rows,
        )

    def _last_contact_sql(self, partner, company):
        """SQL: the day on which the payer with this id was last written to or spoken with."""
        return SQL(
            """
            GREATEST(
                (SELECT max(contact_date) FROM relance_reminder
                  WHERE company_id = %(company)s AND partner_id = %(partner)s
                    AND contact_date IS NOT NULL),
                (SELECT max(message.contact_date)
                   FROM relance_plan agreement
                   JOIN relance_plan_message message ON message.plan_id = agreement.id
                  WHERE agreement.company_id = %(company)s AND agreement.partner_id = %(partner)s
                    AND message.state = 'sent'))
            """,
            company=company.id,
            partner=partner,
        )

    # -- only what is asked for --------------------------------------------------------------
    @api.model
    def _search(self, domain, *args, **kwargs):
        """Build only the sources that ``domain`` can match.

        The decision is a wide statement: a page that is read again by its ids asks it about
        the payers of this page and nobody else.
        """
        domain = Domain(domain).map_conditions(without_junk)
        narrowed = self.with_context(**{ONLY: self._only(domain)})
        return super(RelanceToday, narrowed)._search(domain, *args, **kwargs)

    @api.model
    def _only(self, domain):
        """Which sources and keys ``domain`` leaves: dict source → list of keys, None for all."""
        sources = self._sources()
        only = dict.fromkeys(sources)
        domain = Domain(domain).optimize(self)
        for condition in getattr(domain, "children", [domain]) if self._is_and(domain) else [domain]:
            name, values = self._wanted(condition)
            if name == "group":
                only = {source: keys for source, keys in only.items() if sources[source][1] in values}
            elif name == "source":
                only = {source: keys for source, keys in only.items() if source in values}
            elif name == "id":
                wanted = self.browse(values)._keys()
                only = {source: wanted[source] for source in only if source in wanted}
        return only or {next(iter(sources)): []}

    @api.model
    def _is_and(self, domain):
        return getattr(domain, "OPERATOR", None) == "&"

    @api.model
    def _wanted(self, condition):
        """Name and values of a condition that names what it wants, else two times None."""
        if getattr(condition, "operator", None) != "in":
            return None, None
        try:
            return condition.field_expr, list(condition.value)
        except TypeError:
            return None, None

    def _keys(self):
        """What these ids stand for: dict source → keys, without asking the database."""
        names = {number: source for source, (number, _group) in self._sources().items()}
        keys = {}
        for task in plausible(self._ids):
            rest, number = divmod(task, SOURCES)
            if number in names:
                keys.setdefault(names[number], []).append(rest // COMPANIES)
        return keys
