"""The one decision: who is reminded today of which line, at which level, and why not.

How it works. One SQL statement goes through these stages, each a CTE:

``line``      the claimable lines (:meth:`RelanceDecision._open_lines_query`), one row per
              instalment: whose it is, when it was due, what is left, the level it carries;
              and by which policy, and in which open case, its payer is served;
``step``      the ladder, tabulated once per policy: which level follows which;
``staged``    the lines with their next level and the first reason of the stages ``line``
              and ``ladder`` that holds them: nearly all lines of a large ledger rest here;
``payer``     one row per payer of whom something climbs: contact, channels, what was sent
              lately, what is under way;
``reasoned``  what is still climbing meets the rules of the payer, then of the company.

The reasons are an ordered registry (:meth:`RelanceDecision._reasons`): the first one whose
condition is true decides. Nothing here reads today's date and nothing here writes.
"""

from collections import namedtuple

from odoo import api, models
from odoo.tools import SQL, format_date, formatLang

#: code: the reason's name; stage: where its condition is asked; verdict: send, wait or hold;
#: condition: SQL over the aliases of its stage; until: SQL of the day it ends, if it has one.
#:
#: aliases by stage: ``line`` → line, own_hold; ``ladder`` → line, step, reached, own_hold;
#: ``payer`` and ``company`` → staged, payer, total (lines of the payer that still climb),
#: climbing (those of the debtor in the line's currency) and credit (the same way)
Reason = namedtuple("Reason", "code stage verdict condition until", defaults=(None,))

#: days between two pre-due messages to the same payer
PRE_DUE_GAP = 15
#: an invoice this young needs no reminder that it will fall due
PRE_DUE_MIN_AGE = 3
#: beyond these days late nobody believes in an oversight any more
OVERSIGHT_DAYS = 60
#: an online payment under way is waited for, this many days
PAYING_DAYS = 10
#: whoever decides about a plan that is not kept has this many days after grace and notice;
#: then a manager is asked, and after as long again dunning resumes
DECISION_DAYS = 14
#: messages about a plan that claim money like a reminder: they pace those that follow
PLAN_CLAIMS = ("notice", "broken")
#: stands for "no level reached yet" in the tabulated ladder
NO_LEVEL = -32768

CLAIMABLE_TYPES = ("out_invoice", "out_receipt", "entry")
SETTLED_STATES = ("paid", "in_payment", "reversed", "invoicing_legacy")


class RelanceDecision(models.AbstractModel):
    _name = "relance.decision"
    _description = "Reminder Decision"

    # -- what others call -------------------------------------------------------------
    @api.private
    def _decide(self, company, date, partners=None, verdicts=None, move_lines=None):
        """Rows of the decision as objects.

        :param company: one ``res.company``
        :param date: local date of the decision
        :param partners: restrict to these payers (or the payers of these customers)
        :param verdicts: restrict to these verdicts, e.g. ``("send",)``
        :param move_lines: rows of these journal items only; the others still count for the
            rules of the payer
        :return: list of named tuples with the columns of :meth:`_decision_query`
        """
        query = SQL("SELECT * FROM (%s) decision", self._decision_query(company, date, partners))
        conditions = [SQL("TRUE")]
        if verdicts:
            conditions.append(SQL("verdict IN %s", tuple(verdicts)))
        if move_lines is not None:
            conditions.append(SQL("move_line_id IN %s", tuple(move_lines.ids) or (0,)))
        query = SQL("%s WHERE %s", query, SQL(" AND ").join(conditions))
        return self._fetch(SQL("%s ORDER BY partner_id, date_due, move_line_id", query))

    def _fetch(self, query):
        """Rows of ``query`` as named tuples."""
        self.env.cr.execute(query)
        columns = [column.name for column in self.env.cr.description]
        return list(map(namedtuple("DecisionRow", columns)._make, self.env.cr.fetchall()))

    @api.private
    def _decision_query(self, company, date, partners=None):
        """The decision as composable SQL, one row per claimable line.

        Columns: ``move_line_id``, ``move_id``, ``partner_id`` (payer), ``debtor_id``,
        ``case_id``, ``policy_id``, ``level_id`` (reached), ``target_level_id``, ``verdict``,
        ``reason``; and what the sentences and the engine need beside: ``date_due``,
        ``days_late``, ``next_date`` (when the target level is due), ``until`` (when the
        reason ends), ``amount_residual`` and ``currency_id`` (of the line),
        ``balance_residual`` (company currency), ``target_delay``, ``needs_approval``,
        ``channel``, ``contact_id`` (the last three only of lines that climb: who rests is
        not addressed).

        It does not apply record rules: pass only partners the user may read.

        :param partners: restrict to these payers (or the payers of these customers), or to the
            payers whose ids this SQL selects
        """
        company.ensure_one()
        self._flush_for_decision()
        reasons = self._reasons(company, date)
        return SQL(
            """
            WITH line AS MATERIALIZED (%(lines)s),
            level AS MATERIALIZED (
                SELECT * FROM relance_level WHERE active
            ),
            step AS MATERIALIZED (%(steps)s),
            placed AS MATERIALIZED (
                SELECT placed.*, early_reason IS NULL AS climbs FROM (%(staged)s) placed
            ),
            -- of a truth value the planner supposes that it holds for half of the lines; of
            -- IS NULL it supposes nearly none, and then compares everything with everything
            staged AS MATERIALIZED (SELECT * FROM placed WHERE climbs),
            payer AS MATERIALIZED (%(payers)s),
            total AS MATERIALIZED (
                SELECT partner_id, sum(balance_residual) AS balance FROM staged GROUP BY partner_id
            ),
            climbing AS MATERIALIZED (
                SELECT debtor_id, currency_id, sum(amount_residual) AS amount
                  FROM staged
              GROUP BY debtor_id, currency_id
            ),
            credit AS MATERIALIZED (%(credits)s),
            reasoned AS MATERIALIZED (%(reasoned)s),
            claiming AS MATERIALIZED (
                SELECT DISTINCT partner_id AS payer_id
                  FROM reasoned
                 WHERE reason = 'climb' AND target_delay >= 0
            ),
            decided AS (
                -- one message per payer and day: a claim goes before a pre-due message
                SELECT reasoned.*,
                       CASE WHEN reason = 'climb' AND target_delay < 0
                                 AND claiming.payer_id IS NOT NULL
                            THEN 'waiting' ELSE reason END AS final_reason
                  FROM reasoned
             LEFT JOIN claiming ON claiming.payer_id = reasoned.partner_id
             UNION ALL
                -- what rests by itself asks nobody: neither who pays nor how to reach him
                SELECT placed.*, NULL, FALSE, NULL, early_reason, early_until, early_reason
                  FROM placed
                 WHERE NOT climbs
            )
            SELECT move_line_id, move_id, partner_id, debtor_id, case_id, policy_id,
                   reached_level_id AS level_id, target_level_id,
                   %(verdict)s AS verdict, final_reason AS reason,
                   date_due, age AS days_late, next_date, until,
                   amount_residual, currency_id, balance_residual,
                   target_delay, needs_approval, channel, contact_id
              FROM decided
            """,
            lines=self._served_lines_query(company, self._open_lines_query(company, date, partners)),
            payers=self._payers_query(company, date),
            steps=self._steps_query(),
            staged=self._staged_query(company, date, reasons),
            credits=self._credits_query(company, date),
            reasoned=self._reasoned_query(company, reasons),
            verdict=SQL(
                "CASE final_reason %s ELSE 'hold' END",
                SQL(" ").join(SQL("WHEN %s THEN %s", reason.code, reason.verdict) for reason in reasons),
            ),
        )

    @api.private
    def _messages_query(self, rows):
        """What leaves of these rows as messages: one per payer and kind of approval.

        The level of a message, and with it the channel, is that of its furthest line.

        :param rows: SQL with the columns of :meth:`_decision_query`
        :return: SQL with ``case_id``, ``partner_id``, ``needs_approval``, ``contact_id``,
            ``level_id``, ``channel``, ``is_service`` and ``balance_total`` (company currency)
        """
        return SQL(
            """
            SELECT case_id, partner_id, needs_approval,
                   min(contact_id) AS contact_id,
                   (array_agg(target_level_id ORDER BY target_delay DESC, target_level_id))[1] AS level_id,
                   (array_agg(channel ORDER BY target_delay DESC, target_level_id))[1] AS channel,
                   max(target_delay) < 0 AS is_service,
                   sum(balance_residual) AS balance_total
              FROM (%s) sending
             WHERE verdict = 'send'
          GROUP BY case_id, partner_id, needs_approval
            """,
            rows,
        )

    # -- the registry of reasons ---------------------------------------------------------
    @api.private
    def _reasons(self, company, date):
        """All reasons in the order in which they are asked; override to add one.

        :return: list of :class:`Reason`
        """
        return [
            *self._line_reasons(company, date),
            *self._ladder_reasons(company, date),
            *self._payer_reasons(company, date),
            Reason(
                "bank",
                "company",
                "hold",
                SQL("staged.target_delay >= 0 AND %s", company._relance_bank_is_stale(date)),
            ),
            Reason("climb", "company", "send", SQL("TRUE")),
        ]

    def _line_reasons(self, company, date):
        """Reasons that lie in the line itself."""
        return [
            Reason(
                "host_flag",
                "line",
                "hold",
                SQL("line.no_followup IS TRUE OR line.payment_state = 'blocked'"),
            ),
            Reason("handed_over", "line", "hold", SQL("own_hold.handed_over")),
            Reason("plan", "line", "hold", SQL("line.planned"), SQL("line.planned_until")),
            Reason("assigned", "line", "hold", SQL("line.assigned")),
            Reason("collected", "line", "hold", SQL("line.collected")),
            Reason("paying", "line", "hold", SQL("line.paying_until IS NOT NULL"), SQL("line.paying_until")),
        ]

    def _ladder_reasons(self, company, date):
        """Reasons why a line does not climb.

        With ``relance_again`` in the context the question is another one: may the level
        that was reached be repeated as a contact? Then the ladder has no say where there is
        such a level, and every rule of payer and company is asked all the same.
        """
        no_policy = Reason("no_policy", "ladder", "hold", SQL("line.policy_id IS NULL"))
        if self._repeats():
            past = SQL("reached.delay < 0 AND line.date_due < %s", date)
            return [
                no_policy,
                Reason(
                    "not_due",
                    "ladder",
                    "wait",
                    SQL("reached.id IS NULL OR (%s)", past),
                    self._next_date(company),
                ),
            ]
        return [
            no_policy,
            Reason("last_level", "ladder", "hold", SQL("step.target_level_id IS NULL")),
            Reason(
                "not_due",
                "ladder",
                "wait",
                SQL("%s > %s", self._next_date(company), date),
                self._next_date(company),
            ),
        ]

    def _payer_reasons(self, company, date):
        """Rules of the payer over the lines that still climb."""
        overdue = SQL("staged.target_delay >= 0")
        paused_until = SQL("GREATEST(payer.paused_until, staged.paused_until)")
        return [
            Reason("paused", "payer", "hold", SQL("%s >= %s", paused_until, date), paused_until),
            Reason("credit", "payer", "hold", SQL("credit.amount >= climbing.amount")),
            Reason("small", "payer", "wait", SQL("total.balance < payer.min_amount")),
            Reason(
                "waiting",
                "payer",
                "wait",
                SQL(
                    """
                    live_line.move_line_id IS NOT NULL
                    OR CASE WHEN %(needs_approval)s THEN payer.live_approval
                            ELSE payer.live_plain OR payer.live_approved END
                    OR (payer.live_prepared AND %(checked)s)
                    """,
                    needs_approval=self._needs_approval(company),
                    # a letter in the print queue may be in the post today: no second one
                    checked=bool(self._ignored_reminder_ids()),
                ),
            ),
            Reason("approval", "payer", "hold", SQL("staged.approval_lapsed")),
            Reason(
                "gap",
                "payer",
                "wait",
                SQL(
                    """
                    payer.last_contact >= %(date)s
                    OR CASE WHEN %(overdue)s THEN payer.last_claim + payer.min_days > %(date)s
                            ELSE payer.last_pre_due + %(pre_due_gap)s > %(date)s END
                    """,
                    overdue=overdue,
                    date=date,
                    pre_due_gap=PRE_DUE_GAP,
                ),
                SQL(
                    """
                    CASE WHEN %(overdue)s
                         THEN GREATEST(payer.last_claim + payer.min_days, payer.last_contact + 1)
                         ELSE GREATEST(payer.last_pre_due + %(pre_due_gap)s,
                                       payer.last_contact + 1) END
                    """,
                    overdue=overdue,
                    pre_due_gap=PRE_DUE_GAP,
                ),
            ),
            Reason(
                "budget",
                "payer",
                "wait",
                SQL("%s AND payer.claims_30d >= payer.max_contacts_30d", overdue),
            ),
            Reason("address", "payer", "hold", SQL("%s IS NULL", self._channel_sql())),
        ]

    def _first_reason(self, reasons, stages):
        """SQL: the code of the first reason of ``stages`` that applies, or NULL."""
        return SQL(
            "CASE %s ELSE NULL END",
            SQL(" ").join(
                SQL("WHEN %s THEN %s", reason.condition, reason.code)
                for reason in reasons
                if reason.stage in stages
            ),
        )

    def _first_until(self, reasons, stages):
        """SQL: the day on which that reason ends, or NULL."""
        return SQL(
            "CASE %s ELSE NULL END",
            SQL(" ").join(
                SQL("WHEN %s THEN %s", reason.condition, reason.until or SQL("NULL::date"))
                for reason in reasons
                if reason.stage in stages
            ),
        )

    # -- the stages -------------------------------------------------------------------
    def _guide_planner(self):
        """What PostgreSQL cannot know of the decision, for the rest of the transaction.

        Compiling a statement this wide takes it longer than running it. Of its stages the
        planner knows no sizes: it sorts a million lines to merge them with a ladder of a few
        rows, and spills to disk what fits into memory.
        """
        self.env.cr.execute(
            """
            SET LOCAL jit = off;
            SET LOCAL enable_mergejoin = off;
            SELECT set_config('work_mem', '128MB', TRUE)
             WHERE pg_size_bytes(current_setting('work_mem')) < pg_size_bytes('128MB')
            """
        )

    def _flush_for_decision(self):
        """Write what the query reads and Odoo still keeps in memory, and tell the planner about it."""
        self._guide_planner()
        self.env["account.move.line"].flush_model()
        for model in (
            "account.move",
            "res.partner",
            "relance.policy",
            "relance.level",
            "relance.case",
            "relance.reminder",
            "relance.reminder.line",
            "relance.hold",
            "relance.plan",
            "relance.plan.claim",
            "relance.plan.message",
            "payment.transaction",
            "account.payment",
            "account.payment.method.line",
        ):
            self.env[model].flush_model()

    @api.private
    def _open_lines_query(self, company, date, partners=None):
        """The claimable lines and what is left of them.

        A replay overrides this one to supply the balances as of ``date``.
        """
        return SQL(
            """
            SELECT aml.id AS move_line_id,
                   aml.move_id,
                   debtor.id AS debtor_id,
                   COALESCE(debtor.relance_payer_id, debtor.id) AS partner_id,
                   COALESCE(aml.date_maturity, aml.date) AS date_due,
                   COALESCE(move.invoice_date, aml.date) AS date_invoice,
                   aml.currency_id,
                   aml.amount_residual_currency AS amount_residual,
                   aml.amount_residual AS balance_residual,
                   aml.no_followup,
                   move.payment_state,
                   COALESCE(method.relance_collects, FALSE) AS collected,
                   paying.until AS paying_until,
                   COALESCE(plan.planned, FALSE) AS planned,
                   plan.until AS planned_until,
                   move.relance_factor_id IS NOT NULL AS assigned,
                   aml.relance_level_id,
                   aml.relance_level_date
              FROM account_move_line aml
              JOIN account_move move ON move.id = aml.move_id
              JOIN res_partner customer ON customer.id = aml.partner_id
              JOIN res_partner debtor ON debtor.id = customer.commercial_partner_id
         LEFT JOIN account_payment_method_line method
                ON method.id = move.preferred_payment_method_line_id
         LEFT JOIN (SELECT link.invoice_id,
                           (max(transaction.last_state_change))::date + %(paying_days)s AS until
                      FROM account_invoice_transaction_rel link
                      JOIN payment_transaction transaction ON transaction.id = link.transaction_id
                     WHERE %(under_way)s
                  GROUP BY link.invoice_id
                 ) paying ON paying.invoice_id = move.id AND paying.until > %(date)s
         LEFT JOIN (%(plans)s) plan ON plan.move_line_id = aml.id
             WHERE aml.account_id = ANY(%(accounts)s)
               AND aml.reconciled IS NOT TRUE
               AND aml.company_id = %(company)s
               AND aml.parent_state = 'posted'
               AND aml.amount_residual_currency > 0
               AND aml.amount_residual > 0
               AND move.move_type IN %(types)s
               AND move.payment_state NOT IN %(settled)s
               AND %(restriction)s
            """,
            accounts=company._relance_account_ids(),
            company=company.id,
            date=date,
            types=CLAIMABLE_TYPES,
            settled=SETTLED_STATES,
            paying_days=PAYING_DAYS,
            under_way=self._under_way(),
            plans=self._plans_query(company, date),
            restriction=self._restriction(partners),
        )

    @api.private
    def _under_way(self):
        """SQL over ``transaction``: an online payment that did not reach the books yet."""
        return SQL(
            """
            (transaction.state IN ('pending', 'authorized')
             OR (transaction.state = 'done' AND NOT transaction.is_post_processed))
            """
        )

    def _plans_query(self, company, date):
        """Items that rest because a plan covers them: ``move_line_id``, ``planned``, ``until``.

        A plan that is kept has no end; an offer rests until its last day, and a plan of which
        instalments are missed until the day on which somebody should have decided long since.
        """
        return SQL(
            """
            SELECT claim.move_line_id,
                   TRUE AS planned,
                   CASE WHEN bool_or(plan.state IN ('active', 'kept') AND plan.late_since IS NULL)
                        THEN NULL
                        ELSE max(COALESCE(%(decided)s, plan.date_hold)) END AS until
              FROM relance_plan_claim claim
              JOIN relance_plan plan ON plan.id = claim.plan_id
             WHERE (claim.live IS NOT NULL OR claim.tolerated)
               AND claim.move_line_id IS NOT NULL
               AND plan.company_id = %(company)s
               AND (plan.state = 'kept'
                    OR (plan.state = 'active' AND COALESCE(%(decided)s >= %(date)s, TRUE))
                    OR plan.date_hold >= %(date)s)
          GROUP BY claim.move_line_id
            """,
            company=company.id,
            date=date,
            decided=SQL("(plan.late_since + 2 * (plan.grace_days + plan.notice_days + %s))", DECISION_DAYS),
        )

    def _restriction(self, partners):
        """SQL over ``debtor``: only these payers.

        :param partners: None, payers (or their customers), or SQL of the ids of payers
        """
        if partners is None:
            return SQL("TRUE")
        if isinstance(partners, SQL):
            return SQL("COALESCE(debtor.relance_payer_id, debtor.id) IN (%s)", partners)
        payers = partners._relance_payer()
        return SQL("COALESCE(debtor.relance_payer_id, debtor.id) IN %s", tuple(payers.ids) or (0,))

    def _credits_query(self, company, date):
        """Open credits by debtor and currency: payments and credit notes not matched yet."""
        return SQL(
            """
            SELECT customer.commercial_partner_id AS debtor_id,
                   aml.currency_id,
                   -sum(aml.amount_residual_currency) AS amount
              FROM account_move_line aml
              JOIN res_partner customer ON customer.id = aml.partner_id
         LEFT JOIN account_payment payment ON payment.id = aml.payment_id
             WHERE %(unmatched)s
               AND customer.commercial_partner_id IN (SELECT debtor_id FROM climbing)
          GROUP BY customer.commercial_partner_id, aml.currency_id
            """,
            unmatched=self._unmatched_credits(company),
        )

    @api.private
    def _unmatched_credits(self, company):
        """SQL over ``aml`` and its ``payment`` (left join): a payment or credit note not matched yet."""
        return SQL(
            """
            (aml.account_id = ANY(%(accounts)s)
             AND aml.reconciled IS NOT TRUE
             AND aml.company_id = %(company)s
             AND aml.parent_state = 'posted'
             AND aml.amount_residual_currency < 0
             -- a rejected payment brought nothing, whatever its entry says
             AND payment.state IS DISTINCT FROM 'rejected')
            """,
            accounts=company._relance_account_ids(),
            company=company.id,
        )

    def _served_lines_query(self, company, lines):
        """The claimable lines, and by which policy and in which open case their payer is served.

        The policy is asked line by line: several processes of PostgreSQL share the lines,
        which costs less than to gather the payers first.
        """
        partner = self.env["res.partner"].sudo().with_company(company)
        return SQL(
            """
            SELECT line.*,
                   dunning.id AS case_id,
                   dunning.paused_until AS case_paused_until,
                   (%(policy)s)::integer AS policy_id
              FROM (%(lines)s) line
              JOIN res_partner payer ON payer.id = line.partner_id
         LEFT JOIN relance_case dunning ON dunning.partner_id = payer.id
                                       AND dunning.company_id = %(company)s
                                       AND dunning.state = 'open'
            """,
            lines=lines,
            company=company.id,
            policy=self.env["relance.policy"]._policy_sql(partner, company),
        )

    def _payers_query(self, company, date):
        """One row per payer of whom something climbs: limits, contact and channels, what went on lately."""
        ignored = self._ignored_reminder_ids()
        return SQL(
            """
            SELECT payer.id AS partner_id,
                   policy.min_amount,
                   policy.min_days_between_contacts AS min_days,
                   policy.max_contacts_30d,
                   GREATEST(payer.relance_paused_until, wanted.case_paused_until) AS paused_until,
                   payer.relance_channel AS preferred_channel,
                   contact.id AS contact_id,
                   %(channels)s,
                   recent.last_contact, recent.last_claim, recent.last_pre_due,
                   COALESCE(recent.claims_30d, 0) AS claims_30d,
                   COALESCE(live.plain, FALSE) AS live_plain,
                   COALESCE(live.approval, FALSE) AS live_approval,
                   COALESCE(live.approved, FALSE) AS live_approved,
                   COALESCE(live.prepared, FALSE) AS live_prepared
              FROM (SELECT DISTINCT partner_id, policy_id, case_id, case_paused_until FROM staged) wanted
              JOIN res_partner payer ON payer.id = wanted.partner_id
              JOIN relance_policy policy ON policy.id = wanted.policy_id
         LEFT JOIN (SELECT DISTINCT ON (parent_id) parent_id, id
                      FROM res_partner
                     WHERE type = 'invoice' AND active AND email_normalized IS NOT NULL
                       AND parent_id IS NOT NULL
                  ORDER BY parent_id, id
                 ) billing ON billing.parent_id = payer.id
              JOIN res_partner contact
                ON contact.id = COALESCE(payer.relance_contact_id, billing.id, payer.id)
         LEFT JOIN (SELECT partner_id,
                           max(contact_date) AS last_contact,
                           max(contact_date) FILTER (WHERE NOT is_service) AS last_claim,
                           max(contact_date) FILTER (WHERE is_service) AS last_pre_due,
                           count(*) FILTER (WHERE NOT is_service
                                              AND contact_date > %(date)s - 30) AS claims_30d
                      FROM (SELECT partner_id, contact_date, is_service
                              FROM relance_reminder
                             WHERE company_id = %(company)s AND contact_date IS NOT NULL
                               AND NOT (id = ANY(%(ignored)s))
                             UNION ALL
                            -- what claims the rest of a plan paces reminders like one of them
                            SELECT partner_id, contact_date, FALSE
                              FROM relance_plan_message
                             WHERE company_id = %(company)s AND state = 'sent'
                               AND kind IN %(plan_claims)s
                           ) contact_made
                  GROUP BY partner_id
                 ) recent ON recent.partner_id = payer.id
         LEFT JOIN (SELECT case_id,
                           bool_or(NOT needs_approval) AS plain,
                           bool_or(needs_approval) AS approval,
                           bool_or(needs_approval AND state = 'ready') AS approved,
                           bool_or(date_prepared IS NOT NULL) AS prepared
                      FROM relance_reminder
                     WHERE company_id = %(company)s AND state IN ('draft', 'ready')
                       AND NOT (id = ANY(%(ignored)s))
                  GROUP BY case_id
                 ) live ON live.case_id = wanted.case_id
            """,
            company=company.id,
            date=date,
            ignored=ignored,
            plan_claims=PLAN_CLAIMS,
            channels=SQL(", ").join(
                SQL("%s AS %s", condition, SQL.identifier(f"can_{channel}"))
                for channel, condition in self._channel_conditions().items()
            ),
        )

    def _needs_approval(self, company):
        """SQL over ``level``: whether somebody looks at a reminder of this level before it leaves."""
        return SQL("(level.approval <> 'none' OR %s)", company.relance_approve_all)

    def _reasoned_query(self, company, reasons):
        """The lines that climb, with the channel of their next level and the first rule that holds them."""
        late = ("payer", "company")
        return SQL(
            """
            SELECT staged.*,
                   payer.contact_id,
                   %(needs_approval)s AS needs_approval,
                   %(channel)s AS channel,
                   COALESCE(%(reason)s, 'climb') AS reason,
                   %(until)s AS until
              FROM staged
              JOIN payer ON payer.partner_id = staged.partner_id
              JOIN %(levels)s AS level ON level.id = staged.target_level_id
         LEFT JOIN total ON total.partner_id = staged.partner_id
         LEFT JOIN climbing ON climbing.debtor_id = staged.debtor_id
                           AND climbing.currency_id = staged.currency_id
         LEFT JOIN credit ON credit.debtor_id = staged.debtor_id
                         AND credit.currency_id = staged.currency_id
         LEFT JOIN (SELECT DISTINCT content.move_line_id
                      FROM relance_reminder_line content
                      JOIN relance_reminder reminder ON reminder.id = content.reminder_id
                     WHERE reminder.state IN ('draft', 'ready')
                       AND NOT (reminder.id = ANY(%(ignored)s))
                 ) live_line ON live_line.move_line_id = staged.move_line_id
            """,
            needs_approval=self._needs_approval(company),
            channel=self._channel_sql(),
            # a level that is repeated may have been archived meanwhile
            levels=SQL("relance_level") if self._repeats() else SQL("level"),
            ignored=self._ignored_reminder_ids(),
            reason=self._first_reason(reasons, late),
            until=self._first_until(reasons, late),
        )

    @api.private
    def _channel_conditions(self):
        """Channels in order of preference, with the SQL that tells whether one can be used.

        Aliases: ``payer``, ``contact`` (both ``res_partner``). An addon with a channel of
        its own adds it here, a column ``use_<channel>`` on the level, and
        ``relance.reminder._send_by_<channel>``.
        """
        return {
            "email": SQL(
                """
                (contact.email_normalized IS NOT NULL
                 AND contact.email_normalized
                     IS DISTINCT FROM contact.relance_bounced_email)
                """
            ),
            "sms": SQL(
                # a French landline takes no SMS
                """
                (contact.phone_sanitized IS NOT NULL
                 AND contact.phone_sanitized ~ '^\\+(33[67]|(?!33))'
                 AND contact.phone_sanitized
                     IS DISTINCT FROM contact.relance_wrong_phone)
                """
            ),
            "letter": SQL(
                """
                ((COALESCE(contact.street, '') <> '' AND COALESCE(contact.city, '') <> '')
                 OR (COALESCE(payer.street, '') <> '' AND COALESCE(payer.city, '') <> ''))
                """
            ),
            "call": SQL(
                """
                (COALESCE(contact.phone, payer.phone, '') <> ''
                 AND COALESCE(contact.phone_sanitized, contact.phone, '')
                     IS DISTINCT FROM COALESCE(contact.relance_wrong_phone, '-'))
                """
            ),
        }

    def _channel_sql(self):
        """SQL over ``payer`` and ``level``: the channel to use, or NULL.

        The customer's own wish goes first where the level allows it, then the level's
        first choice, then what else can reach him.
        """

        def usable(channel):
            return SQL(
                "(%s AND %s)",
                SQL.identifier("payer", f"can_{channel}"),
                SQL.identifier("level", f"use_{channel}"),
            )

        channels = list(self._channel_conditions())
        wishes = [
            SQL("WHEN %s = %s AND %s THEN %s", wish, channel, usable(channel), channel)
            for wish in (SQL("payer.preferred_channel"), SQL("level.channel"))
            for channel in channels
        ]
        others = [SQL("WHEN %s THEN %s", usable(channel), channel) for channel in channels]
        return SQL("CASE %s ELSE NULL END", SQL(" ").join(wishes + others))

    def _steps_query(self):
        """The ladder as a table: policy, delay reached, what applies → next level.

        A few hundred rows at most, so that a million lines need a hash join only.
        """
        return SQL(
            """
            SELECT policy.id AS policy_id, reached.delay, applies.pre_due, applies.courtesy,
                   target.id AS target_level_id, target.delay_days AS target_delay
              FROM (SELECT DISTINCT policy_id AS id FROM level) policy
        CROSS JOIN (SELECT %(none)s AS delay UNION SELECT delay_days FROM relance_level) reached
        CROSS JOIN (VALUES (TRUE, TRUE), (TRUE, FALSE), (FALSE, TRUE), (FALSE, FALSE))
                   AS applies (pre_due, courtesy)
        CROSS JOIN LATERAL (
                    SELECT id, delay_days FROM level
                     WHERE level.policy_id = policy.id
                       AND level.delay_days > reached.delay
                       AND (level.delay_days >= 0 OR applies.pre_due)
                       AND (level.tone <> 'courtesy' OR applies.courtesy)
                  ORDER BY level.delay_days
                     LIMIT 1
                   ) target
            """,
            none=NO_LEVEL,
        )

    def _next_date(self, company):
        """SQL over the ladder's aliases: the first day on which the target level may leave."""
        return SQL(
            """
            GREATEST(
                line.date_due + CASE WHEN step.target_delay >= 0
                                     THEN GREATEST(step.target_delay, %(grace)s)
                                     ELSE step.target_delay END,
                line.relance_level_date + (step.target_delay - reached.delay)
            )
            """,
            grace=company.relance_grace_days,
        )

    def _staged_query(self, company, date, reasons):
        """Lines with their next level and what already holds them."""
        stages = ("line", "ladder")
        return SQL(
            """
            SELECT line.move_line_id, line.move_id, line.partner_id, line.debtor_id,
                   line.date_due, line.amount_residual, line.currency_id, line.balance_residual,
                   line.case_id, line.case_paused_until, line.policy_id,
                   %(date)s::date - line.date_due AS age,
                   reached.id AS reached_level_id,
                   %(target)s AS target_level_id,
                   %(target_delay)s AS target_delay,
                   %(next_date)s AS next_date,
                   own_hold.paused_until,
                   COALESCE(own_hold.approval_lapsed, FALSE) AS approval_lapsed,
                   %(reason)s AS early_reason,
                   %(until)s AS early_until
              FROM line
         LEFT JOIN relance_level carried ON carried.id = line.relance_level_id
         LEFT JOIN (SELECT move_line_id, level_id, max(date_maturity) AS date_due
                      FROM relance_reminder_line
                     WHERE counts
                  GROUP BY move_line_id, level_id
                 ) claimed ON claimed.move_line_id = line.move_line_id
                          AND claimed.level_id = carried.id
        CROSS JOIN LATERAL (
                    -- the age that levels are measured by: where the due date moved later
                    -- since the level was reached, the age of that day, so that the level
                    -- does not come back by itself as the days go by
                    SELECT CASE WHEN claimed.date_due < line.date_due
                                THEN line.relance_level_date
                                ELSE %(date)s::date END - line.date_due AS age
                   ) measured
         LEFT JOIN (SELECT id, delay_days AS delay FROM relance_level) reached
                ON reached.id = CASE WHEN carried.delay_days > measured.age
                                     THEN (SELECT level.id
                                             FROM level
                                            WHERE level.policy_id = carried.policy_id
                                              AND level.delay_days <= measured.age
                                         ORDER BY level.delay_days DESC
                                            LIMIT 1)
                                     ELSE carried.id END
         LEFT JOIN step ON step.policy_id = line.policy_id
                       AND step.delay = COALESCE(reached.delay, %(none)s)
                       AND step.pre_due = (
                            line.date_due >= %(date)s
                            AND line.date_invoice <= %(date)s::date - %(pre_due_min_age)s)
                       AND step.courtesy = (%(date)s::date - line.date_due <= %(oversight)s)
         LEFT JOIN (SELECT move_line_id,
                           max(until) FILTER (WHERE reason = 'paused') AS paused_until,
                           bool_or(reason = 'approval') AS approval_lapsed,
                           bool_or(reason = 'handed_over') AS handed_over
                      FROM relance_hold
                     WHERE active AND (until IS NULL OR until >= %(date)s)
                  GROUP BY move_line_id
                 ) own_hold ON own_hold.move_line_id = line.move_line_id
            """,
            date=date,
            none=NO_LEVEL,
            oversight=OVERSIGHT_DAYS,
            pre_due_min_age=PRE_DUE_MIN_AGE,
            target=SQL("reached.id") if self._repeats() else SQL("step.target_level_id"),
            target_delay=SQL("reached.delay") if self._repeats() else SQL("step.target_delay"),
            next_date=self._next_date(company),
            reason=self._first_reason(reasons, stages),
            until=self._first_until(reasons, stages),
        )

    def _repeats(self):
        """Whether the level reached is to be repeated instead of the next one taken."""
        return bool(self.env.context.get("relance_again"))

    def _ignored_reminder_ids(self):
        """Reminders that are checked against the decision must not stand in their own way."""
        return list(self.env.context.get("relance_ignored_reminder_ids", ()))

    # -- in words --------------------------------------------------------------------------
    @api.private
    def _explain(self, rows):
        """One sentence per row, in the user's language.

        :param rows: rows of :meth:`_decide`
        :return: list of str, in the order of ``rows``
        """
        level_ids = {row.level_id for row in rows} | {row.target_level_id for row in rows}
        levels = self.env["relance.level"].sudo().browse(level_ids - {None})
        levels.fetch(["name"])
        names = {level.id: level.name for level in levels}
        sentences = self._sentences()
        return [self._explain_row(row, names, sentences) for row in rows]

    def _explain_row(self, row, names, sentences):
        values = {
            "level": names.get(row.target_level_id, ""),
            "reached": names.get(row.level_id, ""),
            "date": row.next_date and format_date(self.env, row.next_date) or "",
            "until": row.until and format_date(self.env, row.until) or "",
            "amount": formatLang(
                self.env,
                row.amount_residual,
                currency_obj=self.env["res.currency"].browse(row.currency_id),
            ),
            "due": format_date(self.env, row.date_due),
        }
        reason = row.reason
        if reason == "climb" and row.days_late <= 0:
            reason = "climb_pre_due"
        dated, undated = sentences[reason]
        return (dated if row.until else undated) % values

    def _sentences(self):
        """Reason → (sentence when its end is known, sentence otherwise); add yours."""
        _ = self.env._
        paused = _("Dunning is paused until %(until)s.")
        paying = _("An online payment is under way; we wait for it until %(until)s.")
        gap = _("This customer was contacted recently; the next message leaves from %(until)s on.")
        not_due = _("“%(level)s” is planned for %(until)s.")
        return {
            "host_flag": (_("Marked “No Follow-Up” or blocked in accounting: nothing is sent."),) * 2,
            "handed_over": (_("Handed over to a lawyer or an agency, who collects it: nothing is sent."),)
            * 2,
            "plan": (
                _("Because of a payment plan, reminders rest until %(until)s."),
                _("A payment plan is under way: reminders rest while it is kept."),
            ),
            "assigned": (_("This invoice is assigned to a factor, who collects it."),) * 2,
            "collected": (_("We collect this payment ourselves: nothing is claimed."),) * 2,
            "paying": (paying, paying),
            "no_policy": (_("No dunning policy applies to this customer."),) * 2,
            "not_due": (not_due, _("It is too early to remind.")),
            "last_level": (_("The last level was reached: a person decides what comes next."),) * 2,
            "paused": (paused, paused),
            "credit": (_("Payments or credit notes not matched yet cover what is due."),) * 2,
            "small": (_("The amount is below what is worth a reminder."),) * 2,
            "waiting": (_("A reminder to this customer is already being prepared."),) * 2,
            "approval": (_("“%(level)s” was not approved in time: a manager has to release it."),) * 2,
            "gap": (gap, _("This customer was contacted recently.")),
            "budget": (_("This customer has received enough messages in the last 30 days."),) * 2,
            "address": (_("No e-mail, phone or postal address is left to write to."),) * 2,
            "bank": (_("The bank data are too old: a payment may have arrived."),) * 2,
            "climb": (_("“%(level)s” is due: %(amount)s owed since %(due)s."),) * 2,
            "climb_pre_due": (_("“%(level)s” is due: %(amount)s to be paid by %(due)s."),) * 2,
        }
