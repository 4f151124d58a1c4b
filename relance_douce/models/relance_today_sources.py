"""What waits for a person: one method of SQL per source of the list of the day.

Each returns the columns ``key`` (what tells its rows apart), ``partner_id`` (payer),
``case_id``, ``level_id``, ``user_id``, ``res_model`` and ``res_id`` (the record behind),
``reason`` (see :meth:`RelanceToday._sentences`), and what the sentence names:
``detail_date``, ``detail_amount`` in ``detail_currency_id``, ``detail_count``.
"""

from odoo import models
from odoo.tools import SQL

from .relance_decision import DECISION_DAYS
from .relance_plan_line import OPEN

#: reasons after which something happens by itself, or is on this list already
GOES_ON = ("climb", "not_due", "waiting", "gap", "approval")
#: where no policy says how long nothing may happen
MAX_SILENCE_DAYS = 45


class RelanceToday(models.Model):
    _inherit = "relance.today"

    def _keys_sql(self, column, keys):
        """SQL: ``column`` is one of ``keys``; TRUE for None."""
        return SQL("TRUE") if keys is None else SQL("%s = ANY(%s)", column, list(keys))

    # -- reminders -------------------------------------------------------------------------
    def _rows_approve(self, company, date, keys):
        """Reminders that wait for an approval."""
        return self._rows_reminder(
            company,
            keys,
            SQL("reminder.state = 'draft'"),
            reason=SQL("'approve'"),
            day=SQL("reminder.date_planned + policy.approval_days"),
        )

    def _rows_call(self, company, date, keys):
        """Calls to make."""
        return self._rows_reminder(
            company,
            keys,
            SQL(
                "reminder.state = 'ready' AND reminder.channel = 'call'"
                " AND reminder.date_prepared IS NOT NULL"
            ),
            reason=SQL("'call'"),
            day=SQL("reminder.date_prepared"),
        )

    def _rows_post(self, company, date, keys):
        """Letters that are ready and not in the post."""
        return self._rows_reminder(
            company,
            keys,
            SQL(
                "reminder.state = 'ready' AND reminder.channel = 'letter'"
                " AND reminder.date_prepared IS NOT NULL"
            ),
            reason=SQL("CASE WHEN reminder.date_printed IS NULL THEN 'print' ELSE 'post' END"),
            day=SQL("COALESCE(reminder.date_printed, reminder.date_prepared)"),
        )

    def _rows_lapsed(self, company, date, keys):
        """Reminders nobody approved in time, as long as they hold an open line."""
        return self._rows_reminder(
            company,
            keys,
            SQL(
                """
                reminder.state = 'lapsed'
                AND EXISTS (SELECT
                              FROM relance_reminder_line content
                              JOIN relance_hold hold ON hold.move_line_id = content.move_line_id
                                                    AND hold.active AND hold.reason = 'approval'
                              JOIN account_move_line aml ON aml.id = content.move_line_id
                             WHERE content.reminder_id = reminder.id
                               AND aml.parent_state = 'posted'
                               AND aml.reconciled IS NOT TRUE
                               AND aml.amount_residual > 0
                               AND NOT (%s))
                """,
                self._paused_sql(SQL("reminder.partner_id"), SQL("content.move_line_id"), company, date),
            ),
            reason=SQL("'lapsed'"),
            day=SQL("reminder.date_planned + policy.approval_days"),
        )

    def _rows_reminder(self, company, keys, condition, reason, day):
        """Rows of reminders.

        :param condition: SQL over ``reminder``
        :param reason: SQL of the reason
        :param day: SQL over ``reminder`` and ``policy`` of the date that the sentence names
        """
        return SQL(
            """
            SELECT reminder.id AS key, reminder.partner_id, reminder.case_id, reminder.level_id,
                   reminder.user_id, 'relance.reminder' AS res_model, reminder.id AS res_id,
                   %(reason)s AS reason, %(day)s AS detail_date,
                   reminder.balance_total AS detail_amount, %(currency)s AS detail_currency_id,
                   (SELECT count(*)::integer FROM relance_reminder_line content
                     WHERE content.reminder_id = reminder.id AND content.dropped IS NOT TRUE
                   ) AS detail_count
              FROM relance_reminder reminder
         LEFT JOIN relance_level level ON level.id = reminder.level_id
         LEFT JOIN relance_policy policy ON policy.id = level.policy_id
             WHERE reminder.company_id = %(company)s AND %(condition)s AND %(keys)s
            """,
            company=company.id,
            currency=company.currency_id.id,
            condition=condition,
            reason=reason,
            day=day,
            keys=self._keys_sql(SQL("reminder.id"), keys),
        )

    # -- matching ----------------------------------------------------------------------------
    def _rows_match(self, company, date, keys):
        """Payers who would be reminded although money or a credit note of theirs is not matched.

        Who has a reminder that did not leave yet would be reminded too.
        """
        credits = self._credits_query(company, keys)
        return SQL(
            """
            SELECT due.partner_id AS key, due.partner_id, due.case_id, due.level_id,
                   NULL::integer AS user_id, 'res.partner' AS res_model, due.partner_id AS res_id,
                   'match' AS reason, NULL::date AS detail_date,
                   due.amount AS detail_amount, %(currency)s AS detail_currency_id,
                   due.number AS detail_count
              FROM (SELECT debtor.partner_id, max(debtor.case_id) AS case_id,
                           max(debtor.level_id) AS level_id,
                           sum(credit.amount) AS amount, sum(credit.number)::integer AS number
                      FROM (SELECT partner_id, debtor_id, max(case_id) AS case_id,
                                   (array_agg(target_level_id
                                              ORDER BY target_delay DESC, target_level_id))[1] AS level_id
                              FROM (%(decision)s) decision
                             WHERE verdict = 'send' OR reason IN ('credit', 'waiting')
                          GROUP BY partner_id, debtor_id) debtor
                      JOIN (%(credits)s) credit ON credit.debtor_id = debtor.debtor_id
                  GROUP BY debtor.partner_id) due
            """,
            currency=company.currency_id.id,
            credits=credits,
            decision=self.env["relance.decision"]._decision_query(
                company, date, SQL("SELECT payer_id FROM (%s) credit", credits)
            ),
        )

    def _credits_query(self, company, keys):
        """Payments and credit notes not matched yet, by debtor, in the company's currency."""
        payer = SQL("COALESCE(debtor.relance_payer_id, debtor.id)")
        return SQL(
            """
            SELECT debtor.id AS debtor_id, %(payer)s AS payer_id,
                   -sum(aml.amount_residual) AS amount, count(*) AS number
              FROM account_move_line aml
              JOIN res_partner customer ON customer.id = aml.partner_id
              JOIN res_partner debtor ON debtor.id = customer.commercial_partner_id
         LEFT JOIN account_payment payment ON payment.id = aml.payment_id
             WHERE %(unmatched)s
               AND %(keys)s
          GROUP BY debtor.id
            """,
            payer=payer,
            unmatched=self.env["relance.decision"]._unmatched_credits(company),
            keys=self._keys_sql(payer, keys),
        )

    # -- payment plans -----------------------------------------------------------------------
    def _undecided_sql(self, date):
        """SQL over ``plan``: an instalment is missed and nobody decided in time."""
        return SQL(
            "(plan.state = 'active' AND plan.late_since + plan.grace_days + plan.notice_days + %s < %s)",
            DECISION_DAYS,
            date,
        )

    def _rows_instalment(self, company, date, keys):
        """Plans with an instalment due today or missed, and offers that wait for an answer."""
        return SQL(
            """
            SELECT plan.id AS key, plan.partner_id, plan.case_id, dunning.level_id, plan.user_id,
                   'relance.plan' AS res_model, plan.id AS res_id,
                   COALESCE(asked.reason,
                            CASE WHEN due.missed > 0 THEN 'missed' ELSE 'today' END) AS reason,
                   due.first AS detail_date,
                   CASE WHEN asked.reason = 'discount' THEN plan.discount_asked
                        WHEN due.missed > 0 THEN due.missed
                        ELSE due.today END AS detail_amount,
                   plan.currency_id AS detail_currency_id, NULL::integer AS detail_count
              FROM relance_plan plan
         LEFT JOIN relance_case dunning ON dunning.id = plan.case_id
        CROSS JOIN LATERAL (
                    SELECT CASE WHEN plan.state = 'draft' AND plan.approval_state = 'asked' THEN 'approval'
                                WHEN plan.state = 'draft' AND plan.discount_state = 'asked' THEN 'discount'
                                WHEN plan.state = 'proposed' AND plan.counter_state = 'asked' THEN 'counter'
                           END AS reason
                   ) asked
        CROSS JOIN LATERAL (
                    -- who signs late has the day of his signature for what was due before
                    SELECT min(GREATEST(line.date_due, plan.date_start)) AS first,
                           sum(line.amount_left) FILTER (
                               WHERE GREATEST(line.date_due, plan.date_start) < %(date)s) AS missed,
                           sum(line.amount_left) FILTER (
                               WHERE GREATEST(line.date_due, plan.date_start) = %(date)s) AS today
                      FROM relance_plan_line line
                     WHERE line.plan_id = plan.id AND plan.state = 'active'
                       AND line.state IN %(open)s
                       AND GREATEST(line.date_due, plan.date_start) <= %(date)s
                   ) due
             WHERE plan.company_id = %(company)s
               AND plan.state IN ('draft', 'proposed', 'active')
               AND (asked.reason IS NOT NULL
                    OR (due.first IS NOT NULL AND %(undecided)s IS NOT TRUE))
               AND %(keys)s
            """,
            company=company.id,
            date=date,
            open=OPEN,
            undecided=self._undecided_sql(date),
            keys=self._keys_sql(SQL("plan.id"), keys),
        )

    def _rows_plan_post(self, company, date, keys):
        """Letters about plans that are ready and not in the post."""
        return SQL(
            """
            SELECT message.id AS key, message.partner_id, plan.case_id, dunning.level_id,
                   plan.user_id, 'relance.plan.message' AS res_model, message.id AS res_id,
                   'plan_letter' AS reason, message.date_prepared AS detail_date,
                   NULL::numeric AS detail_amount, NULL::integer AS detail_currency_id,
                   NULL::integer AS detail_count
              FROM relance_plan_message message
              JOIN relance_plan plan ON plan.id = message.plan_id
         LEFT JOIN relance_case dunning ON dunning.id = plan.case_id
             WHERE message.company_id = %(company)s
               AND message.state = 'ready' AND message.channel = 'letter'
               AND message.date_prepared IS NOT NULL
               AND %(keys)s
            """,
            company=company.id,
            keys=self._keys_sql(SQL("message.id"), keys),
        )

    def _rows_plan(self, company, date, keys):
        """Plans not kept that wait for a person.

        One that nobody decided about in time; and one that ended so, until the customer is
        written to again, pays, or has another plan.
        """
        return SQL(
            """
            SELECT plan.id AS key, plan.partner_id, plan.case_id, dunning.level_id, plan.user_id,
                   'relance.plan' AS res_model, plan.id AS res_id,
                   CASE WHEN plan.state = 'active' THEN 'undecided' ELSE 'broken' END AS reason,
                   CASE WHEN plan.state = 'active' THEN plan.late_since
                        ELSE plan.date_closed END AS detail_date,
                   NULL::numeric AS detail_amount, NULL::integer AS detail_currency_id,
                   NULL::integer AS detail_count
              FROM relance_plan plan
         LEFT JOIN relance_case dunning ON dunning.id = plan.case_id
             WHERE plan.company_id = %(company)s
               AND (%(undecided)s
                    OR (plan.state = 'broken'
                        AND EXISTS (SELECT
                                      FROM relance_plan_claim claim
                                      JOIN account_move_line aml ON aml.id = claim.move_line_id
                                     WHERE claim.plan_id = plan.id
                                       AND aml.parent_state = 'posted'
                                       AND aml.reconciled IS NOT TRUE
                                       AND aml.amount_residual > 0
                                       AND NOT (%(paused)s))
                        AND NOT EXISTS (SELECT
                                          FROM relance_plan newer
                                         WHERE newer.partner_id = plan.partner_id
                                           AND newer.company_id = plan.company_id
                                           AND newer.id > plan.id
                                           AND newer.state IN ('proposed', 'active'))
                        AND NOT EXISTS (SELECT
                                          FROM relance_reminder reminder
                                         WHERE reminder.partner_id = plan.partner_id
                                           AND reminder.company_id = plan.company_id
                                           AND (reminder.state IN ('draft', 'ready')
                                                OR reminder.contact_date > plan.date_closed))))
               AND %(keys)s
            """,
            company=company.id,
            undecided=self._undecided_sql(date),
            paused=self._paused_sql(SQL("plan.partner_id"), SQL("claim.move_line_id"), company, date),
            keys=self._keys_sql(SQL("plan.id"), keys),
        )

    # -- what does not go on by itself ---------------------------------------------------------
    def _rows_stuck(self, company, date, keys):
        """Payers whose overdue lines nothing will happen to unless somebody decides.

        The last level was reached; no channel is left; or nothing has happened for longer
        than the policy allows, whatever holds the line. One row per payer, with the reason
        that leaves the least to wait for.
        """
        partners = SQL("SELECT unnest(%s::integer[])", list(keys)) if keys is not None else None
        return SQL(
            """
            SELECT stuck.partner_id AS key, stuck.partner_id, stuck.case_id, stuck.level_id,
                   NULL::integer AS user_id,
                   CASE WHEN stuck.case_id IS NULL THEN 'res.partner' ELSE 'relance.case' END AS res_model,
                   COALESCE(stuck.case_id, stuck.partner_id) AS res_id,
                   stuck.reason, stuck.since AS detail_date,
                   NULL::numeric AS detail_amount, NULL::integer AS detail_currency_id,
                   stuck.number AS detail_count
              FROM (SELECT found.partner_id, max(found.case_id) AS case_id,
                           (array_agg(found.level_id
                                      ORDER BY level.delay_days DESC NULLS LAST))[1] AS level_id,
                           CASE min(found.rank) WHEN 1 THEN 'last_level' WHEN 2 THEN 'address'
                                ELSE 'silence' END AS reason,
                           max(found.since) AS since, count(*)::integer AS number
                      FROM (SELECT decision.*,
                                   CASE decision.reason WHEN 'last_level' THEN 1 WHEN 'address' THEN 2
                                        ELSE 3 END AS rank,
                                   event.since
                              FROM (%(decision)s) decision
                              JOIN account_move_line aml ON aml.id = decision.move_line_id
                         LEFT JOIN relance_policy policy ON policy.id = decision.policy_id
                        CROSS JOIN LATERAL (SELECT %(event)s AS since OFFSET 0) event
                             WHERE decision.days_late > 0
                               -- only what may be stuck is asked for what happened to it
                               AND (decision.reason IN ('last_level', 'address')
                                    OR (decision.reason NOT IN %(goes_on)s
                                        AND decision.days_late > %(silence)s))
                               AND CASE WHEN decision.reason IN ('last_level', 'address')
                                        THEN NOT (%(paused)s)
                                        ELSE %(date)s - event.since > %(silence)s END
                           ) found
                 LEFT JOIN relance_level level ON level.id = found.level_id
                  GROUP BY found.partner_id
                   ) stuck
            """,
            decision=self.env["relance.decision"]._decision_query(company, date, partners),
            event=self._last_event_sql(company),
            paused=self._paused_sql(SQL("decision.partner_id"), SQL("decision.move_line_id"), company, date),
            goes_on=GOES_ON,
            silence=SQL("COALESCE(policy.max_silence_days, %s)", MAX_SILENCE_DAYS),
            date=date,
        )

    def _last_event_sql(self, company):
        """SQL over ``decision`` and ``aml``: the last day on which something happened to the line.

        It fell due or reached a level; the payer was written to, spoken with, agreed on a
        plan or paid an instalment; a person left it alone or wrote something in the case.
        """
        return SQL(
            """
            GREATEST(
                decision.date_due, aml.relance_level_date, %(contact)s,
                (SELECT max(GREATEST(plan.date_proposed, plan.date_start, plan.date_closed))
                   FROM relance_plan plan
                  WHERE plan.partner_id = decision.partner_id AND plan.company_id = %(company)s),
                (SELECT max(line.date_settled)
                   FROM relance_plan_line line
                   JOIN relance_plan plan ON plan.id = line.plan_id
                  WHERE plan.partner_id = decision.partner_id AND plan.company_id = %(company)s),
                (SELECT max(hold.create_date)::date
                   FROM relance_hold hold
                  WHERE hold.move_line_id = decision.move_line_id AND hold.reason = 'paused'),
                (SELECT max(message.date)::date
                   FROM mail_message message
                  WHERE message.model = 'relance.case' AND message.res_id = decision.case_id
                    AND message.author_id <> %(robot)s))
            """,
            contact=self._last_contact_sql(SQL("decision.partner_id"), company),
            company=company.id,
            robot=self.env.ref("base.partner_root").id,
        )

    def _paused_sql(self, partner, line, company, date):
        """SQL: a person said until when this payer, or this line, is left alone."""
        return SQL(
            """
            EXISTS (SELECT FROM res_partner resting
                     WHERE resting.id = %(partner)s AND resting.relance_paused_until >= %(date)s)
            OR EXISTS (SELECT FROM relance_case resting
                        WHERE resting.partner_id = %(partner)s AND resting.company_id = %(company)s
                          AND resting.state = 'open' AND resting.paused_until >= %(date)s)
            OR EXISTS (SELECT FROM relance_hold resting
                        WHERE resting.move_line_id = %(line)s AND resting.active
                          AND resting.reason = 'paused'
                          AND (resting.until IS NULL OR resting.until >= %(date)s))
            """,
            partner=partner,
            line=line,
            company=company.id,
            date=date,
        )
