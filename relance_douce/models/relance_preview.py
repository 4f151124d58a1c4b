"""What a run would do: the same decision as the run's, counted and never acted upon."""

from collections import namedtuple
from contextlib import closing, contextmanager
from datetime import timedelta

from psycopg2.errors import ReadOnlySqlTransaction

from odoo import api, fields, models
from odoo.tools import SQL

#: ``amount`` in company currency
Totals = namedtuple("Totals", "customers invoices lines amount")
NOTHING = Totals(0, 0, 0, 0.0)

#: days that the second date of a preview may lie after the first
MOST_DAYS_AHEAD = 14
#: the first working day is looked for within these days
OPEN_DAY_HORIZON = 60
#: who looks further ahead than a year mistyped it
MONTHS_AHEAD = 12


class RunPreview:
    """What a run of ``company`` on ``date`` would do; made by :meth:`RelanceRun._preview`.

    All totals are :data:`Totals`: distinct payers, distinct invoices, lines (instalments) and
    what is left of them in company currency.

    ``total``                 every claimable line
    ``by_verdict``            dict verdict → totals
    ``by_reason``             dict reason → totals
    ``verdict_of``            dict reason → its verdict
    ``by_level``              dict level id → totals of what leaves in messages of this level
    ``by_channel``            dict channel → totals of what leaves by it
    ``by_message``            dict (level id, channel) → totals of what leaves
    ``amounts``               dict verdict → dict currency id → what is left, in that currency
    ``message_count``         messages that would be prepared
    ``approval_count``        those of them that wait for somebody's approval
    ``left_alone``            customers to whom nothing leaves
    ``not_late``              those of them who owe nothing overdue
    ``also_reminded``         customers of lines that are left alone who get a message for others
    ``excluded``              totals of what general journals exclude by themselves
    """

    def __init__(self, run, company, date, counts):
        self._run = run
        self.company = company
        self.date = date
        self._read(counts)

    def _read(self, counts):
        """Sort the rows of the grouping sets into the totals they stand for."""
        self.total, self.excluded = NOTHING, NOTHING
        self.by_verdict, self.by_reason, self.verdict_of, self.amounts = {}, {}, {}, {}
        self.by_level, self.by_channel, self.by_message = {}, {}, {}
        for row in counts["totals"]:
            totals = self._totals(row)
            if row["shape"] == "verdict":
                self.by_verdict[row["verdict"]] = totals
            elif row["shape"] == "reason":
                self.by_reason[row["reason"]] = totals
                self.verdict_of[row["reason"]] = row["verdict"]
            elif row["shape"] == "currency":
                currency = self._run.env["res.currency"].browse(row["currency_id"])
                self.amounts.setdefault(row["verdict"], {})[currency.id] = currency.round(row["in_currency"])
            elif row["shape"] == "excluded":
                if row["is_excluded"]:
                    self.excluded = totals
            elif row["shape"] == "all":
                self.total = totals
            elif row["verdict"] != "send":
                continue
            elif row["shape"] == "level":
                self.by_level[row["message_level_id"]] = totals
            elif row["shape"] == "channel":
                self.by_channel[row["message_channel"]] = totals
            else:
                self.by_message[row["message_level_id"], row["message_channel"]] = totals
        for name, value in counts["customers"].items():
            setattr(self, name, value)

    def _totals(self, row):
        amount = self.company.currency_id.round(row["amount"])
        return Totals(row["customers"], row["invoices"], row["lines"], amount)

    def rows(self, limit=80, offset=0, reason=None):
        """A page of the decision, ordered by payer and due date.

        :param reason: rows of this reason only
        :return: list of named tuples, the rows of ``relance.decision._decide``
        """
        decision = self._run.env["relance.decision"]
        return decision._fetch(
            SQL(
                """
                SELECT * FROM (%s) decision
                 WHERE %s
              ORDER BY partner_id, date_due, move_line_id
                 LIMIT %s OFFSET %s
                """,
                decision._decision_query(self.company, self.date),
                SQL("reason = %s", reason) if reason else SQL("TRUE"),
                limit,
                offset,
            )
        )


class RelanceRun(models.Model):
    _inherit = "relance.run"

    @api.model
    @api.private
    def _preview(self, company, date):
        """What a run on ``date`` would prepare and leave alone; nothing is written.

        ``date`` moves the calendar: balances and levels are as they stand. One query counts
        everything, however many lines there are. Record rules do not apply: the caller may
        read all customers of ``company``.

        :return: :class:`RunPreview`
        """
        [[counts]] = self.env.execute_query(self._preview_totals_query(self._preview_query(company, date)))
        return RunPreview(self, company, date, counts)

    @api.private
    def _preview_query(self, company, date, until=None):
        """The decision with the message in which each line leaves.

        The columns of ``relance.decision._decision_query``, and ``date``,
        ``message_level_id``, ``message_channel`` and ``is_excluded`` (a general journal
        excludes the line by itself).

        :param until: with it, what leaves from ``date`` up to this day: each customer with
            what leaves for him on the first day on which something does
        """
        decision = self.env["relance.decision"]
        if until is None:
            return self._preview_day_query(decision._decision_query(company, date), date)
        return SQL(
            """
            SELECT *
              FROM (SELECT leaving.*, min(date) OVER (PARTITION BY partner_id) AS first_date
                      FROM (%s) leaving) ahead
             WHERE date = first_date
            """,
            SQL(" UNION ALL ").join(
                self._preview_day_query(
                    SQL(
                        "SELECT * FROM (%s) decided WHERE verdict = 'send'",
                        decision._decision_query(company, day),
                    ),
                    day,
                )
                for day in sorted({date, *company._relance_working_days(date, until)})
            ),
        )

    def _preview_day_query(self, decision, date):
        """What the rows of ``decision`` leave as, on one day."""
        return SQL(
            """
            SELECT * FROM (
                WITH decision AS MATERIALIZED (%(decision)s),
                message AS MATERIALIZED (%(messages)s)
                SELECT %(date)s::date AS date, decision.*,
                       message.level_id AS message_level_id,
                       message.channel AS message_channel,
                       %(is_excluded)s AS is_excluded
                  FROM decision
                  JOIN account_move_line line ON line.id = decision.move_line_id
                  JOIN account_move entry ON entry.id = decision.move_id
                  JOIN account_journal journal ON journal.id = entry.journal_id
             LEFT JOIN message ON message.partner_id = decision.partner_id
                              AND message.needs_approval = decision.needs_approval
                              AND decision.verdict = 'send'
            ) outcome
            """,
            date=date,
            decision=decision,
            is_excluded=self.env["relance.inclusion"]._left_out_condition(),
            messages=self.env["relance.decision"]._messages_query(SQL("SELECT * FROM decision")),
        )

    def _preview_totals_query(self, outcome):
        """One row, one JSON: the totals of all groups and the counts of customers."""
        return SQL(
            """
            WITH outcome AS MATERIALIZED (%s),
            grouped AS (
                -- one bit per column, set where the column is not grouped by
                SELECT CASE GROUPING(verdict, reason, message_level_id, message_channel,
                                     currency_id, is_excluded)
                            WHEN 31 THEN 'verdict' WHEN 15 THEN 'reason'
                            WHEN 23 THEN 'level' WHEN 27 THEN 'channel' WHEN 19 THEN 'message'
                            WHEN 29 THEN 'currency' WHEN 62 THEN 'excluded' ELSE 'all' END AS shape,
                       verdict, reason, message_level_id, message_channel, currency_id, is_excluded,
                       count(DISTINCT partner_id) AS customers,
                       count(DISTINCT move_id) AS invoices,
                       count(*) AS lines,
                       COALESCE(sum(balance_residual), 0) AS amount,
                       COALESCE(sum(amount_residual), 0) AS in_currency
                  FROM outcome
              GROUP BY GROUPING SETS (
                       (), (verdict), (verdict, reason), (verdict, message_level_id),
                       (verdict, message_channel), (verdict, message_level_id, message_channel),
                       (verdict, currency_id), (is_excluded))
            ),
            customer AS (
                SELECT partner_id,
                       bool_or(verdict = 'send') AS reminded,
                       bool_or(verdict <> 'send') AS left_alone,
                       bool_or(days_late > 0) AS late,
                       count(DISTINCT needs_approval) FILTER (WHERE verdict = 'send') AS messages,
                       bool_or(needs_approval AND verdict = 'send') AS approval
                  FROM outcome
              GROUP BY partner_id
            )
            SELECT json_build_object(
                   'totals', (SELECT COALESCE(json_agg(grouped), '[]') FROM grouped),
                   'customers', (SELECT json_build_object(
                       'message_count', COALESCE(sum(messages), 0),
                       'approval_count', count(*) FILTER (WHERE approval),
                       'left_alone', count(*) FILTER (WHERE NOT reminded),
                       'not_late', count(*) FILTER (WHERE NOT reminded AND NOT late),
                       'also_reminded', count(*) FILTER (WHERE reminded AND left_alone))
                     FROM customer))
            """,
            outcome,
        )

    @api.private
    def _preview_ahead(self, company, first, last):
        """What leaves day by day from ``first`` to ``last``, each customer on his first day.

        Every day is decided with the balances and levels of now.

        :return: dict date → :data:`Totals`, the days on which something leaves, in order
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT date, count(DISTINCT partner_id), count(DISTINCT move_id), count(*),
                       sum(balance_residual)
                  FROM (%s) ahead
              GROUP BY date
              ORDER BY date
                """,
                self._preview_query(company, first, last),
            )
        )
        return {
            day: Totals(customers, invoices, lines, company.currency_id.round(float(amount)))
            for day, customers, invoices, lines, amount in rows
        }

    def _need_writing_cursor(self):
        """What is rolled back has to be written first: a read-only replica cannot do that.

        :raise ReadOnlySqlTransaction: the server then asks the same of the main database
        """
        if self.env.cr.readonly:
            raise ReadOnlySqlTransaction("Messages are previewed on the main database")

    @contextmanager
    def _rehearse(self, company, date, partners):
        """The reminders a run on ``date`` would make for these payers, as real records.

        The engine makes them within a savepoint that is always rolled back: read what you need
        inside the ``with`` block and keep no record of it.
        """
        self._need_writing_cursor()
        with closing(self.env.cr.savepoint()):
            # the engine acts with its own rights, as in the scheduled action
            run = self.sudo()._prepare(company, date, partners)
            run._forget_caches()
            yield run.reminder_ids


class ResCompany(models.Model):
    _inherit = "res.company"

    relance_preview_seen = fields.Datetime(
        string="Preview looked at on", readonly=True, help="When somebody last looked at what a run would do."
    )

    def _relance_working_days(self, first, last):
        """The dates from ``first`` to ``last`` on which messages leave, in order."""
        self.ensure_one()
        if not self.resource_calendar_id:
            return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
        return sorted(self._relance_open_days(first, last))

    @api.private
    def _relance_working_day(self, date):
        """The first day from ``date`` on on which messages leave."""
        if (date.max - date).days <= OPEN_DAY_HORIZON:
            # the calendar of the machine ends there
            return date
        horizon = date + timedelta(days=OPEN_DAY_HORIZON)
        return next(iter(self._relance_working_days(date, horizon)), date)

    @api.model
    def _relance_last_day(self, date):
        """The last day, seen from the local ``date``, that reminders may start on or be previewed for."""
        return fields.Date.add(date, months=MONTHS_AHEAD)

    def _relance_preview_date(self):
        """The day a preview begins with: the first run, then the next working day of the company."""
        today = self._relance_date()
        if not self.relance_active:
            return self._relance_next_start(today)
        tomorrow = today + timedelta(days=1)
        return self._relance_working_day(max(tomorrow, self.relance_start_date or tomorrow))
