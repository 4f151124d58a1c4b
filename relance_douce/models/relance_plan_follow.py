"""How payments become progress, and what each day does to a plan until it ends."""

import logging
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_date

from ..tools import schedule
from ..tools.race import done_or_logged
from .relance_decision import DECISION_DAYS, PAYING_DAYS
from .relance_plan_line import OPEN
from .relance_plan_message import LIVE_MESSAGES

_logger = logging.getLogger(__name__)

#: whoever may be a consumer loses his instalments only by a person, after this notice
CONSUMER_NOTICE_DAYS = 30
#: lost sight of after so many days: a receipt that late says nothing any more
RECEIPT_DAYS = 30


class RelancePlan(models.Model):
    _inherit = "relance.plan"

    # the terms that were agreed: another policy tomorrow does not change them
    reminder_days = fields.Integer(string="Reminder before an instalment (days)", readonly=True)
    grace_days = fields.Integer(string="Days of grace", readonly=True)
    notice_days = fields.Integer(string="Days of notice", readonly=True)
    short_percent = fields.Float(string="Instalment short by (%)", readonly=True)
    short_fees = fields.Monetary(string="Bank fees", readonly=True)
    break_mode = fields.Selection(
        [("auto", "By itself"), ("manual", "By a person")], string="Ends if not kept", readonly=True
    )

    @api.model_create_multi
    def create(self, vals_list):
        plans = super().create(vals_list)
        for plan in plans:
            plan._agree_terms()
        return plans

    def _agree_terms(self):
        """Take the terms of the payer's policy; the law sets a floor for consumers."""
        self.ensure_one()
        policy = self._policy()
        consumer = self._is_consumer()
        company = self.company_id
        self.sudo().write(
            {
                "short_percent": company.relance_short_percent,
                "short_fees": company.currency_id._convert(
                    company.relance_bank_fees or 0.0, self.currency_id, company, company._relance_date()
                ),
                "reminder_days": policy.plan_reminder_days,
                "grace_days": policy.plan_grace_days,
                "notice_days": max(policy.plan_notice_days, CONSUMER_NOTICE_DAYS if consumer else 0),
                "break_mode": "manual" if consumer else policy.plan_break,
            }
        )

    def _is_consumer(self):
        """Whoever is not known to be anything else is treated like a consumer."""
        return self.debtor_id.sudo().relance_audience not in ("business", "public", "legal_person")

    def _notice_days(self):
        """Days of notice before the plan ends; whoever turns out to be a consumer has his."""
        self.ensure_one()
        return max(self.notice_days, CONSUMER_NOTICE_DAYS if self._is_consumer() else 0)

    # -- progress: what the books say -----------------------------------------------------------
    @api.model
    def _matched(self, move_lines):
        """What is matched with these lines: line id → {id of the entry: amount (Decimal)}.

        Amounts in the currency of the line. By entry and not by journal item: the host makes
        new items where a bank line is matched anew.
        """
        matched = {line.id: {} for line in move_lines}
        if not matched:
            return matched
        self.env["account.partial.reconcile"].flush_model()
        self.env["account.move.line"].flush_model(["move_id"])
        for line, entry, amount in self.env.execute_query(
            SQL(
                """
                SELECT partial.debit_move_id, credit.move_id, sum(partial.debit_amount_currency)
                  FROM account_partial_reconcile partial
                  JOIN account_move_line credit ON credit.id = partial.credit_move_id
                 WHERE partial.debit_move_id IN %s
              GROUP BY partial.debit_move_id, credit.move_id
                """,
                tuple(matched),
            )
        ):
            matched[line][entry] = Decimal(str(amount))
        return matched

    def _progress(self):
        """What was matched since the plans were drawn, one query for all.

        An earlier payment that is undone and matched again is no progress; a discount that
        the plan itself grants is none either.

        :return: dict plan id → ``by_claim`` (claim id → Decimal), ``payments`` (list of
            (date, amount: Decimal, is money), oldest first: one entry per transfer, whatever
            the number of invoices it pays), ``discount`` (Decimal: what is matched with the
            credit notes of the discount)
        """
        result = {plan.id: {"by_claim": {}, "payments": [], "discount": Decimal(0)} for plan in self}
        if not self:
            return result
        self.env["account.partial.reconcile"].flush_model()
        self.env["account.move.line"].flush_model(["move_id", "date", "payment_id", "statement_line_id"])
        self.env["relance.plan.claim"].flush_model()
        transfers = {}
        for plan, claim, before, move, is_discount, day, is_money, amount in self.env.execute_query(
            SQL(
                """
                SELECT claim.plan_id, claim.id, claim.matched_before, credit.move_id,
                       EXISTS (SELECT FROM relance_plan_discount_move discount
                                WHERE discount.plan_id = claim.plan_id
                                  AND discount.move_id = credit.move_id),
                       min(credit.date),
                       bool_or(credit.payment_id IS NOT NULL OR credit.statement_line_id IS NOT NULL),
                       sum(partial.debit_amount_currency)
                  FROM relance_plan_claim claim
                  JOIN account_partial_reconcile partial ON partial.debit_move_id = claim.move_line_id
                  JOIN account_move_line credit ON credit.id = partial.credit_move_id
                 WHERE claim.plan_id IN %(plans)s
              GROUP BY claim.id, credit.move_id
              ORDER BY min(credit.date), credit.move_id, claim.id
                """,
                plans=tuple(self.ids),
            )
        ):
            since = Decimal(str(amount)) - Decimal((before or {}).get(str(move), "0"))
            if since <= 0:
                continue
            progress = result[plan]
            if is_discount:
                progress["discount"] += since
                continue
            progress["by_claim"][claim] = progress["by_claim"].get(claim, Decimal(0)) + since
            key = (plan, move)
            _day, total, _money = transfers.get(key, (day, Decimal(0), is_money))
            transfers[key] = (day, total + since, is_money)
        for (plan, _move), payment in transfers.items():
            result[plan]["payments"].append(payment)
        return result

    @api.private
    def _refresh(self, date=None):
        """Let the instalments say what the books say.

        :param date: local date, default today
        """
        plans = self.filtered(
            lambda plan: (
                plan.state in ("proposed", "active", "kept", "broken")
                # an invoice that is being corrected says nothing: its payments come back with it
                and not plan.has_lost_claims
            )
        )
        progress = plans._progress()
        for plan in plans:
            plan._apply(progress[plan.id], date or plan.company_id._relance_date())

    def _apply(self, progress, date):
        """Write what changed, and only that."""
        self.ensure_one()
        currency = self.currency_id
        lines = self._instalments()
        payments = progress["payments"]
        imputed = schedule.impute(
            [self._exact(currency, line.amount) for line in lines],
            [amount for _day, amount, _money in payments],
            self._tolerance(),
        )
        for claim in self.claim_ids:
            paid = float(progress["by_claim"].get(claim.id, 0))
            if currency.compare_amounts(claim.amount_paid, paid):
                claim.amount_paid = paid
        nothing_owed = self.state in ("active", "kept") and self._nothing_owed()
        for line, (paid, settled_by, shares) in zip(lines, imputed, strict=True):
            line._follow_books(
                float(paid),
                float(sum(share for number, share in shares.items() if payments[number][2])),
                settled_by is not None and payments[settled_by],
                date,
                nothing_owed,
            )
        received = float(sum((amount for _day, amount, _money in payments), Decimal(0)))
        if currency.compare_amounts(self.amount_paid, received):
            self.amount_paid = received
            self.env["account.move"]._relance_invalidate()
        if self.state == "kept" and any(line.state in OPEN for line in lines):
            self._reopen()
        if self.asked_on and not self._late_lines():
            self._task_done("missed")
            self._task_done("undecided")
        if self.state in ("proposed", "active"):
            if currency.is_zero(self._debt_changes(progress)):
                self._task_done("changed")
            else:
                self._tell_user("changed")

    def _nothing_owed(self):
        """Whether the books leave nothing open of what this plan covers."""
        return not any(
            self.currency_id.compare_amounts(claim.move_line_id.amount_residual_currency, 0) > 0
            for claim in self.claim_ids
        )

    def _debt_changes(self, progress):
        """By how much the debt changed otherwise than by what was matched, in plan currency.

        An earlier payment was undone, an invoice corrected. The credit notes of the plan's own
        discount are part of what was agreed.

        :param progress: of this plan, see :meth:`_progress`
        """
        return (
            sum(claim.move_line_id.amount_residual_currency - claim.amount for claim in self.claim_ids)
            + float(sum(progress["by_claim"].values(), Decimal(0)))
            + float(progress["discount"])
        )

    def _tolerance(self):
        """Function of an instalment: a shortage below it counts as paid.

        A share of the instalment, or the fees banks keep, whichever is more; never half of it.
        """
        share = Decimal(str(self.short_percent)) / 100
        fees = self._exact(self.currency_id, self.short_fees)
        return lambda part: min(max(part * share, fees), part / 2)

    def _reopen(self):
        """The plan was kept until a payment was undone."""
        newer = (
            self.env["relance.plan.claim"]
            .search(
                [
                    ("move_line_id", "in", self.claim_ids.move_line_id.ids),
                    ("live", "!=", False),
                    ("plan_id", "!=", self.id),
                ]
            )
            .plan_id
        )
        self.message_log_ids.filtered(lambda one: one.kind == "thanks")._set_void()
        if newer:
            # one live plan per item: what was left of this one is in the newer one's hands
            self._set_overtaken(newer[0].name)
            self._message_log(body=self.env._("A payment was rejected or undone; %s goes on.", newer[0].name))
            self._tell_user("undone")
            return
        self._set_reopened()
        self._message_log(body=self.env._("A payment was rejected or undone: the plan goes on."))
        self._tell_user("undone")

    @api.private
    def _touch(self, move_lines):
        """The books of ``move_lines`` changed: plans that cover them follow at once.

        Called from the host's write paths, under any user: cheap where no plan covers them.
        """
        if not move_lines.ids:
            return
        claims = self.env["relance.plan.claim"].search(
            [
                ("move_line_id", "in", move_lines.ids),
                ("plan_id.state", "in", ("proposed", "active", "kept", "broken")),
            ]
        )
        claims.plan_id._refresh()
        for plan in claims.filtered("live").filtered("is_lost").plan_id:
            plan._tell_user("reset")

    # -- what each day does ------------------------------------------------------------------------
    @api.model
    @api.private
    def _cron_follow(self):
        """Hourly: follow the plans of every company that reminders are on for, and send.

        Each company is a transaction, and so is each batch of messages; one that fails does
        not stop the others. What another transaction was quicker with waits for the next hour.
        """
        now = fields.Datetime.now()
        cron = self.env["ir.cron"]
        messages = self.env["relance.plan.message"]
        companies = self.env["res.company"]._relance_switched_on(now)
        messages._requeue_or_log(now, companies)
        cron._commit_progress(remaining=len(companies))
        for left, company in zip(reversed(range(len(companies))), companies, strict=True):
            date = company._relance_date(now)
            self._or_log(company, lambda: self._follow(company, date))  # noqa: B023
            if not cron._commit_progress(1, remaining=left):
                return
            while self._or_log(company, lambda: messages._send_batch(company, now)):  # noqa: B023
                cron._commit_progress()

    def _or_log(self, company, work):
        """What ``work`` returns; None, and nothing of it done, where it fails."""
        what = f"Following the payment plans of {company.display_name}"
        return done_or_logged(self.env, work, _logger, what)

    @api.model
    @api.private
    def _follow(self, company, date):
        """Bring the plans of ``company`` to the local ``date``; calling again changes nothing.

        Each step asks for what this day changes and nothing else, so that thousands of plans
        that are kept cost nothing.

        :return: the messages prepared
        """
        if not self.env.context.get("lang"):
            # the scheduled action has no language of its own, its readers have
            self = self.with_context(lang=company._relance_lang())
        self._expire(company, date)
        self._mark_late(company, date)
        messages = self._thank(company, date)
        messages += self._give_receipts(company, date)
        messages += self._remind_before(company, date)
        messages += self._nudge(company, date)
        messages += self._end_missed(company, date)
        self._render_missing_agreements(company)
        return messages

    def _expire(self, company, date):
        """Offers nobody signed in time end, and whoever is in charge is told."""
        expired = self.search(
            [("company_id", "=", company.id), ("state", "=", "proposed"), ("date_valid", "<", date)]
        )
        if not expired:
            return
        expired._lock()
        expired._set_cancelled("expired")
        for plan in expired:
            plan._tell_user("expired")
        expired._message_log_batch(
            {
                plan.id: self.env._("The offer expired unsigned: dunning goes on where it stood.")
                for plan in expired
            }
        )

    def _open_lines_domain(self, company):
        return [
            ("company_id", "=", company.id),
            ("state", "in", OPEN),
            ("plan_state", "=", "active"),
        ]

    def _mark_late(self, company, date):
        late = self.env["relance.plan.line"].search(
            [
                *self._open_lines_domain(company),
                ("state", "!=", "late"),
                ("date_due", "<", date),
                # who signs late has the day of his signature for what was due before
                ("plan_id.date_start", "<", date),
            ]
        )
        late.write({"state": "late"})

    def _is_working_day(self, company, date):
        """A company whose calendar has no hours at all works every day."""
        return not company.resource_calendar_id.attendance_ids or company._relance_opening(date) is not None

    def _thank(self, company, date):
        """Plans of which everything is paid are kept, on the working day after at the earliest."""
        messages = self.env["relance.plan.message"]
        if not self._is_working_day(company, date):
            return messages
        done = self.search(
            [
                ("company_id", "=", company.id),
                ("state", "=", "active"),
                ("next_date", "=", False),
                ("line_ids", "not any", [("date_settled", ">=", date)]),
            ]
        ).filtered(lambda plan: plan.line_ids and not plan.has_lost_claims)
        if not done:
            return messages
        done._lock()
        done = done.filtered(lambda plan: plan.state == "active" and not plan.next_date)
        # what was credited or written off altogether was not kept by paying
        settled = done.filtered(
            lambda plan: not any(line.amount_money or line.kind != "payment" for line in plan.line_ids)
        )
        settled._set_cancelled("settled")
        kept = done - settled
        kept._set_kept()
        kept._after_kept()
        return messages + kept._create_messages_of("thanks", date=date)

    def _after_kept(self):
        """What was promised for the case that the plan is kept."""
        for plan in self:
            if plan.waive_penalties:
                plan.waiver_due = True
                plan._message_log(
                    body=self.env._(
                        "Kept: %(percent)s %% of the penalties are given up as agreed.",
                        percent=round(plan.waive_percent),
                    )
                )
            open_claims = plan.claim_ids.filtered(
                lambda claim: claim.move_line_id.amount_residual_currency > 0
            )
            if not open_claims:
                plan._message_log(body=self.env._("Kept: everything is paid."))
            elif plan.currency_id.is_zero(plan._debt_changes(plan._progress()[plan.id])):
                # what is open is what was tolerated, and a discount not booked yet
                open_claims.tolerated = True
                plan._tell_user("credit_note" if plan._has_draft_discount() else "rest")
            else:
                # an earlier payment was undone, say: the plan never spoke of that
                plan._tell_user("more")

    def _has_draft_discount(self):
        return any(move.state == "draft" for move in self.discount_move_ids)

    def _give_receipts(self, company, date):
        """One receipt for what was paid up to yesterday, whatever the number of instalments."""
        messages = self.env["relance.plan.message"]
        if not self._is_working_day(company, date):
            return messages
        lines = self.env["relance.plan.line"].search(
            [
                ("company_id", "=", company.id),
                ("date_settled", "<", date),
                ("date_settled", ">=", fields.Date.subtract(date, days=RECEIPT_DAYS)),
                ("by_money", "=", True),
                ("plan_state", "=", "active"),
                ("message_ids", "not any", [("kind", "=", "receipt"), ("state", "in", LIVE_MESSAGES)]),
                # thanks for a plan that goes on after all were a receipt too
                ("message_ids", "not any", [("kind", "=", "thanks"), ("date_sent", "!=", False)]),
            ]
        )
        return messages._create_for_lines("receipt", lines, date)

    def _remind_before(self, company, date):
        """A word some days before an instalment falls due; none to who was given notice."""
        [[longest]] = self._read_group(
            [("company_id", "=", company.id), ("state", "=", "active")], [], ["reminder_days:max"]
        )
        lines = self.env["relance.plan.line"].search(
            [
                *self._open_lines_domain(company),
                ("date_due", ">=", date),
                ("date_due", "<=", fields.Date.add(date, days=longest or 0)),
                ("plan_id.date_start", "<", date),
                ("kind", "=", "payment"),
                ("message_ids", "not any", [("kind", "=", "upcoming"), ("state", "in", LIVE_MESSAGES)]),
            ]
        )
        due = lines.filtered(
            lambda line: (
                line.date_due <= fields.Date.add(date, days=line.plan_id.reminder_days)
                and not (line.plan_id.late_since and line.plan_id._notices())
            )
        )
        return self.env["relance.plan.message"]._create_for_lines("upcoming", due, date)

    def _nudge(self, company, date):
        """A friendly word on the first day after a missed instalment."""
        messages = self.env["relance.plan.message"]
        if company._relance_bank_is_stale(date):
            return messages
        lines = self.env["relance.plan.line"].search(
            [
                *self._open_lines_domain(company),
                ("state", "=", "late"),
                ("message_ids", "not any", [("kind", "=", "nudge"), ("state", "in", LIVE_MESSAGES)]),
            ]
        )
        # one who was given notice knows already
        plans = lines.plan_id._undisturbed(date).filtered(lambda plan: not plan._notices())
        return messages._create_for_lines("nudge", lines.filtered(lambda line: line.plan_id in plans), date)

    def _undisturbed(self, date):
        """Those of these plans whose books are whole and that no payment is under way for."""
        plans = self.filtered(lambda plan: not plan.has_lost_claims)
        if not plans:
            return plans
        for model in ("payment.transaction", "account.payment", "relance.plan.claim"):
            self.env[model].flush_model()
        announced = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT claim.plan_id
                  FROM relance_plan_claim claim
                 WHERE claim.plan_id IN %(plans)s
                   AND (EXISTS (SELECT FROM account_invoice_transaction_rel link
                                  JOIN payment_transaction transaction
                                    ON transaction.id = link.transaction_id
                                 WHERE link.invoice_id = claim.move_id
                                   AND transaction.last_state_change > %(since)s
                                   AND %(under_way)s)
                        OR EXISTS (SELECT FROM account_move__account_payment link
                                     JOIN account_payment payment ON payment.id = link.payment_id
                                    WHERE link.invoice_id = claim.move_id
                                      AND payment.move_id IS NULL
                                      AND payment.state = 'in_process'
                                      AND payment.date > %(since)s))
                """,
                plans=tuple(plans.ids),
                since=fields.Date.subtract(date, days=PAYING_DAYS),
                under_way=self.env["relance.decision"]._under_way(),
            )
        )
        return plans - self.browse(plan for [plan] in announced)

    # -- the end of a plan that is not kept ----------------------------------------------------------
    def _end_missed(self, company, date):
        """After the days of grace: notice, the end, or a question to a person."""
        messages = self.env["relance.plan.message"]
        self._ask_managers(company, date)
        if company._relance_bank_is_stale(date):
            return messages
        late = self.env["relance.plan.line"].search(
            [*self._open_lines_domain(company), ("state", "=", "late")]
        )
        beyond = late.filtered(lambda line: line._grace_is_over(date))
        for plan in beyond.plan_id._undisturbed(date):
            messages += plan._end_one(beyond.filtered(lambda line: line.plan_id == plan), date)  # noqa: B023
        return messages

    def _ask_managers(self, company, date):
        """Plans that nobody decided about in time go to a manager; the decision knows the rest."""
        missed = self.search(
            [("company_id", "=", company.id), ("state", "=", "active"), ("late_since", "!=", False)]
        )
        for plan in missed:
            days = plan.grace_days + plan.notice_days + DECISION_DAYS
            if fields.Date.add(plan.late_since, days=days) < date:
                plan._ask("undecided", date, manager=True)

    def _end_one(self, lines, date):
        """What comes next for this plan whose instalments ``lines`` were missed."""
        self.ensure_one()
        messages = self.env["relance.plan.message"]
        if self.break_mode == "manual" or self._is_consumer():
            self._ask("missed", date)
            return messages
        days = self._notice_days()
        if days and not self._notices():
            return messages._create_for_lines("notice", lines[:1], date)
        notice = self._notice_date()
        if days and (not notice or (date - notice).days <= days):
            return messages
        return messages + self._break(date)

    def _notices(self):
        """Notices for an instalment that is still missed, ready or gone."""
        self.ensure_one()
        return self.message_log_ids.filtered(
            lambda one: one.kind == "notice" and one.state in LIVE_MESSAGES and one.line_id.state == "late"
        )

    def _notice_date(self):
        """Day on which such a notice left; a letter that waits to be posted told nobody."""
        gone = self._notices().filtered(lambda one: one.state == "sent")
        return min(gone.mapped("contact_date"), default=None)

    def _break(self, date):
        """The plan is over: what is left is due at once, and the customer is told so.

        The payment may arrive at this moment: the books are read again under lock.

        :return: the letter of acceleration
        """
        self.ensure_one()
        self._lock()
        self._refresh(date)
        if self.state != "active" or not self.line_ids.filtered(
            lambda line: line.state in OPEN and line.date_due < date
        ):
            return self.env["relance.plan.message"]
        return self._end_as_broken(date)

    def _end_as_broken(self, date=None):
        missed = self._late_lines()[:1]
        self._set_broken()
        self._message_log(
            body=self.env._("Not kept: what is left is due at once, dunning goes on where it stood.")
        )
        return self._create_messages_of("broken", missed, date)

    def action_send_notice(self):
        """Tell the customer in writing what he missed and what follows."""
        for plan in self._allowed("active"):
            plan._check_bank()
            late = plan._late_lines()
            if not late:
                raise UserError(self.env._("No instalment of plan %s is late.", plan.name))
            if plan._notice_date():
                raise UserError(
                    self.env._("Notice was already given on %s.", format_date(self.env, plan._notice_date()))
                )
            if plan._notices():
                raise UserError(self.env._("The letter of notice is ready: print it and mark it as posted."))
            if not plan._undisturbed(plan.company_id._relance_date()):
                raise UserError(
                    self.env._(
                        "A payment is under way, or an invoice is being corrected: wait until the books say "
                        "what is missing."
                    )
                )
            notices = plan.env["relance.plan.message"]._create_for_lines("notice", late[:1])
            notices._send_now()
        return True

    def action_break(self):
        """End these plans because they are not kept; the letter of acceleration leaves.

        A manager may end the plan of a professional for another breach of it, a bounced cheque
        or current invoices unpaid, before grace and notice are over.

        :raise UserError: the bank data are stale, nothing is late, or notice is not over
        """
        for plan in self._allowed("active"):
            plan._lock()
            plan._refresh()
            plan._check_state("active")
            plan._check_bank()
            if plan._is_consumer() or not self._is_manager():
                plan._check_missed()
            plan._end_as_broken()
        return True

    def _check_bank(self):
        """Nobody is told that he did not pay while payments may be missing in the books."""
        today = self.company_id._relance_date()
        if self.company_id._relance_bank_is_stale(today):
            raise UserError(
                self.env._(
                    "The bank data are too old: a payment may have arrived. Enter the bank first, "
                    "or say in the settings until when it is entered."
                )
            )

    def _check_missed(self):
        """An instalment is late, notice and grace are over, as it was agreed."""
        self.ensure_one()
        today = self.company_id._relance_date()
        late = self._late_lines()
        if not late:
            raise UserError(self.env._("No instalment of plan %s is late.", self.name))
        self._check_notice()
        until = fields.Date.add(late[0].date_due, days=self.grace_days)
        if today <= until:
            raise UserError(
                self.env._("The days of grace that were agreed run until %s.", format_date(self.env, until))
            )

    def _check_notice(self):
        """What was agreed: the instalments are lost only after a written notice.

        A consumer's notice has 30 days at least.
        """
        self.ensure_one()
        days = self._notice_days()
        if not days:
            return
        notice = self._notice_date()
        if not notice:
            raise UserError(
                self.env._(
                    "The customer is given a written notice of %s days first: use “Give notice”.", days
                )
            )
        until = fields.Date.add(notice, days=days)
        if self.company_id._relance_date() <= until:
            raise UserError(
                self.env._("The notice that was given runs until %s.", format_date(self.env, until))
            )

    def _render_missing_agreements(self, company):
        """Agreements that the server could not print when they were signed."""
        self.search(
            [
                ("company_id", "=", company.id),
                ("state", "in", ("active", "kept", "broken")),
                ("signed_on", "!=", False),
                ("agreement_id", "=", False),
            ],
            limit=20,
        )._ensure_agreement()


class RelancePlanLine(models.Model):
    _inherit = "relance.plan.line"

    message_ids = fields.Many2many("relance.plan.message", string="Messages sent")
    amount_money = fields.Monetary(
        string="Received in money", readonly=True, copy=False, help="Of it, what a payment or bank line paid."
    )

    def _follow_books(self, paid, money, settled, date, nothing_owed=False):
        """Write what the books say of this instalment, if it is news.

        :param paid: amount imputed to it
        :param money: of it, what payments and bank lines paid
        :param settled: (day, amount, is money) of the payment that settled it, or False
        :param date: local date of today
        :param nothing_owed: whether the books leave nothing open of what the plan covers
        """
        self.ensure_one()
        values = {}
        for name, amount in (("amount_paid", paid), ("amount_money", money)):
            if self.currency_id.compare_amounts(self[name], amount):
                values[name] = amount
        state = self._state_of(paid, settled, date, nothing_owed)
        if state != self.state:
            values["state"] = state
        by_money = bool(settled and money)
        if by_money != self.by_money:
            values["by_money"] = by_money
        if settled and self.state != "paid":
            values |= {"date_paid": settled[0], "date_settled": date}
        elif not settled and self.date_settled:
            values |= {"date_paid": False, "date_settled": False}
            self.message_ids._overtake(self)
        if values:
            self.write(values)

    def _state_of(self, paid, settled, date, nothing_owed=False):
        if settled:
            return "paid"
        if nothing_owed or self.plan_id.state in ("broken", "cancelled"):
            return "cancelled"
        start = self.plan_id.date_start
        if self.plan_id.state in ("active", "kept") and max(self.date_due, start or self.date_due) < date:
            return "late"
        return "partial" if paid else "pending"

    def _grace_is_over(self, date):
        """Whether the days of grace after due date and friendly word are past on ``date``."""
        nudges = self.message_ids.filtered(lambda one: one.kind == "nudge" and one.state == "sent")
        if not nudges:
            return False
        told = max(one.contact_date for one in nudges)
        return fields.Date.add(max(self.date_due, told), days=self.plan_id.grace_days) < date
