"""What the list of the day says, tells in its banner, and does with a click."""

from datetime import datetime, timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, float_is_zero, format_amount, format_date, format_time

#: how far back the working day before today is looked for
HOLIDAYS = 14


class RelanceToday(models.Model):
    _inherit = "relance.today"

    # -- why now ---------------------------------------------------------------------------
    def _compute_why_now(self):
        sentences = self._sentences()
        for task in self:
            task.why_now = task._why_now(sentences)

    def _why_now(self, sentences):
        one, several = sentences.get(self.reason, ("", ""))
        return (one if self.detail_count == 1 else several) % {
            "level": self.level_id.name or "",
            "count": self.detail_count,
            "date": self.detail_date and format_date(self.env, self.detail_date) or "",
            "amount": self.detail_currency_id
            and format_amount(self.env, self.detail_amount, self.detail_currency_id)
            or "",
        }

    @api.model
    def _sentences(self):
        """Reason → (sentence about one invoice or credit, sentence about several); add yours."""
        _ = self.env._
        call = _("“%(level)s”: the call has been waiting since %(date)s.")
        return {
            "approve": (
                _("“%(level)s” is due for one invoice; approve it by %(date)s."),
                _("“%(level)s” is due for %(count)s invoices; approve it by %(date)s."),
            ),
            "call": (call, call),
            "match": (
                _("%(amount)s received or credited is not matched yet: match it before reminding."),
                _(
                    "%(amount)s received or credited (%(count)s entries) is not matched yet: match it "
                    "before reminding."
                ),
            ),
            "today": (_("An instalment of %(amount)s is due today."),) * 2,
            "missed": (_("%(amount)s of the payment plan is missing since %(date)s."),) * 2,
            "approval": (_("A payment plan beyond the limits waits for a manager."),) * 2,
            "discount": (_("A discount of %(amount)s on a payment plan waits for a manager."),) * 2,
            "counter": (_("The customer proposes other instalments and waits for an answer."),) * 2,
            "print": (_("The letter has been ready since %(date)s: print and post it."),) * 2,
            "post": (_("The letter was printed on %(date)s: post it."),) * 2,
            "plan_letter": (_("A letter about the payment plan has been ready since %(date)s: post it."),)
            * 2,
            "lapsed": (_("“%(level)s” was not approved by %(date)s: a manager has to release it."),) * 2,
            "undecided": (
                _("The payment plan has not been kept since %(date)s and nobody has decided about it."),
            )
            * 2,
            "broken": (_("The payment plan ended on %(date)s, not kept: decide what comes next."),) * 2,
            "last_level": (_("The last level was reached on %(date)s: decide what comes next."),) * 2,
            "address": (
                _("No e-mail, phone or postal address is left: find out how to reach this customer."),
            )
            * 2,
            "silence": (_("Nothing has happened since %(date)s: decide what comes next."),) * 2,
        }

    # -- the banner ------------------------------------------------------------------------
    @api.model
    @api.readonly
    def get_desk(self):
        """What the screen shows around the list.

        :return: dict: ``progress`` (one line of text: the day in money), ``off`` (a sentence
            where reminders are off, else False), ``start`` (whether the first start can be
            opened), ``views`` (model → id of the form or list that is opened beside)
        """
        self.browse().check_access("read")
        return {
            "progress": " · ".join(self._progress()),
            "off": self._off_sentence(),
            "start": bool(self._start_action()),
            "views": self._desk_views(),
        }

    @api.model
    def _desk_views(self):
        """Model → id of the view that shows its records beside the list."""
        names = {
            "relance.reminder": "relance_reminder_view_desk",
            "relance.case": "relance_case_view_desk",
            "relance.plan": "relance_plan_view_desk",
            "account.move.line": "account_move_line_view_desk",
        }
        # which views there are is no secret to who may open the list
        return {
            model: self.env.ref(f"relance_douce.{name}").sudo().id
            for model, name in names.items()
            if self.env[model].has_access("read")
        }

    @api.model
    def _start_action(self):
        """The first start, where it is there and this user may open it."""
        return self.env.user.has_group("relance_douce.group_relance_user") and self.env.ref(
            "relance_douce.action_relance_start", raise_if_not_found=False
        )

    @api.model
    def _off_sentence(self):
        """Why nothing leaves today, by company where there are several; False where it does."""
        banners = {company: company._relance_banner() for company in self.env.companies}
        if len(banners) == 1:
            return (banners[self.env.company] or {}).get("text", False)
        return " ".join(
            self.env._("%(company)s: %(sentence)s", company=company.name, sentence=banner["text"])
            for company, banner in banners.items()
            if banner
        )

    @api.model
    def _progress(self):
        """The day so far, each part a phrase of its own; what is zero is not told."""
        _ = self.env._
        reminded, leaving, to_approve = self._progress_of_reminders()
        paid, received, since = self._progress_of_payments()
        parts = []
        if reminded:
            parts.append(_("%s reminded today", self._money(reminded)))
        if leaving:
            parts.append(_("%s ready to leave", self._money(leaving)))
        if paid:
            values = {"count": paid, "amount": self._money(received), "date": since}
            parts.append(
                (
                    _("1 invoice paid since yesterday (%(amount)s)")
                    if paid == 1
                    else _("%(count)s invoices paid since yesterday (%(amount)s)")
                )
                % values
                if not since
                else (
                    _("1 invoice paid since %(date)s (%(amount)s)")
                    if paid == 1
                    else _("%(count)s invoices paid since %(date)s (%(amount)s)")
                )
                % values
            )
        if to_approve:
            parts.append(_("1 still to approve") if to_approve == 1 else _("%s still to approve", to_approve))
        return parts or [_("Nothing was reminded today")]

    @api.model
    def _progress_of_reminders(self):
        """What left today, what is about to leave (company → amount), and how many to approve."""
        reminders = self.env["relance.reminder"]
        claims = fields.Domain("is_service", "=", False) & fields.Domain("is_outside", "=", False)
        today = fields.Domain.OR(
            fields.Domain("company_id", "=", company.id)
            & fields.Domain("contact_date", "=", company._relance_date())
            for company in self.env.companies
        )
        ready = fields.Domain(
            [
                ("company_id", "in", self.env.companies.ids),
                ("state", "=", "ready"),
                ("date_prepared", "=", False),
            ]
        )
        amounts = ["balance_total:sum"]
        reminded = reminders._read_group(
            today & fields.Domain("state", "=", "sent") & claims, ["company_id"], amounts
        )
        leaving = reminders._read_group(ready & claims, ["company_id"], amounts)
        to_approve = reminders.search_count(
            [("company_id", "in", self.env.companies.ids), ("state", "=", "draft")]
        )
        return dict(reminded), dict(leaving), to_approve

    @api.model
    def _progress_of_payments(self):
        """Reminded invoices that money settled since the working day before.

        As everywhere, only what a payment or a bank line paid counts, and not before the
        working day after it was matched.

        :return: number of invoices, company → amount of that money, and the day since when in
            words, False where it is yesterday
        """
        number, received, since = 0, {}, False
        for company in self.env.companies:
            date = company._relance_date()
            first, last = self._day_before(company, date)
            [[count, amount]] = self.env.execute_query(self._payments_query(company, first, last))
            if count:
                number += count
                received[company] = amount
                if first != date - timedelta(days=1):
                    since = format_date(self.env, first)
        return number, received, since

    @api.model
    def _day_before(self, company, date):
        """The working day before the last working day up to ``date``, and that one."""
        calendar = company.resource_calendar_id
        start = date - timedelta(days=HOLIDAYS)
        days = sorted(company._relance_open_days(start, date)) if calendar.attendance_ids else []
        return days[-2:] if len(days) > 1 else (date - timedelta(days=1), date)

    @api.model
    def _payments_query(self, company, first, last):
        """Count of invoices and money that settled them, matched from ``first`` until before ``last``."""
        self.env["account.partial.reconcile"].flush_model()
        self.env["account.move.line"].flush_model()
        self.env["relance.reminder.line"].flush_model()
        reminded = self.env["relance.reminder.line"]._search(
            [("reminder_id.company_id", "=", company.id), ("reminder_id.contact_date", "!=", False)]
        )
        return SQL(
            """
            SELECT count(DISTINCT aml.move_id), COALESCE(sum(partial.amount), 0)
              FROM account_partial_reconcile partial
              JOIN account_move_line aml ON aml.id = partial.debit_move_id
              JOIN account_move_line credit ON credit.id = partial.credit_move_id
             WHERE partial.company_id = %(company)s
               AND partial.create_date >= %(first)s AND partial.create_date < %(last)s
               AND (credit.payment_id IS NOT NULL OR credit.statement_line_id IS NOT NULL)
               AND aml.reconciled
               AND aml.id IN (SELECT move_line_id FROM relance_reminder_line WHERE id IN %(reminded)s)
            """,
            company=company.id,
            first=self._midnight(company, first),
            last=self._midnight(company, last),
            reminded=reminded.subselect(),
        )

    @api.model
    def _midnight(self, company, date):
        """First moment (naive UTC) of the company's local ``date``."""
        local = company._relance_timezone().localize(datetime.combine(date, datetime.min.time()))
        return local.astimezone(pytz.utc).replace(tzinfo=None)

    @api.model
    def _money(self, amounts):
        """Amounts of companies in words, per currency; without cents where there are none.

        :param amounts: dict company → amount in its currency
        """
        totals = {}
        for company, amount in amounts.items():
            totals[company.currency_id] = totals.get(company.currency_id, 0.0) + float(amount)
        words = [
            format_amount(
                self.env,
                amount,
                currency,
                trailing_zeroes=not currency.decimal_places
                or not float_is_zero(amount - round(amount), precision_rounding=currency.rounding),
            )
            for currency, amount in totals.items()
        ]
        return self.env["relance.reminder"]._join(self.env, words)

    @api.model
    def get_empty_list_help(self, help_message):
        """What the list is for; where reminders are off, the first step."""
        sentence = self._off_sentence()
        if not sentence:
            return help_message
        return self.env["ir.qweb"]._render(
            "relance_douce.today_help_off",
            {"help": help_message, "sentence": sentence, "start": self._start_action()},
        )

    # -- what a click does -------------------------------------------------------------------
    def _reminders(self, *sources):
        """The reminders behind the rows of these sources, also of rows that are done by now.

        :raise AccessError: without the right to read the list
        """
        self.browse().check_access("read")
        keys = self._keys()
        ids = [key for source in sources for key in keys.get(source, [])]
        return self.env["relance.reminder"].browse(ids).exists()

    def action_approve(self):
        """Approve what this user may approve, and say what is left and why."""
        found = self._reminders("approve")
        mine = found._filtered_access("write")
        drafts = mine.filtered(lambda reminder: reminder.state == "draft")
        allowed = drafts._may_approve()
        if allowed:
            allowed.action_approve()
        return self._outcome(
            len(allowed),
            self._counted(
                len(allowed),
                self.env._("1 reminder approved."),
                self.env._("%s reminders approved.", len(allowed)),
            ),
            self._overtaken(mine - drafts),
            self._needs_manager(drafts - allowed),
            self._out_of_reach(found - mine),
            self._of_another_kind(len(self) - len(found)),
        )

    def action_mark_posted(self):
        """These letters are in the post; what is no letter to post is left, and said so."""
        found = self._reminders("post")
        mine = found._filtered_access("write")
        ready = mine.filtered(lambda reminder: reminder.state == "ready")
        free = ready.try_lock_for_update()
        if free:
            free.action_mark_posted()
        messages = self.env["relance.plan.message"].browse(self._keys().get("plan_post", [])).exists()
        plan_letters = messages._filtered_access("read").filtered(
            lambda message: message.state == "ready" and message.plan_id.has_access("write")
        )
        if plan_letters:
            plan_letters.action_mark_posted()
        count = len(free) + len(plan_letters)
        return self._outcome(
            count,
            self._counted(count, self.env._("1 letter posted."), self.env._("%s letters posted.", count)),
            self._overtaken(mine - ready),
            self._in_hand(ready - free),
            self._out_of_reach((found - mine).ids + (messages - plan_letters).ids),
            self._of_another_kind(len(self) - len(found) - len(messages)),
        )

    def action_call_reached(self):
        return self._call_done("reached")

    def action_call_voicemail(self):
        return self._call_done("voicemail")

    def action_call_wrong_number(self):
        return self._call_done("wrong_number")

    def _call_done(self, outcome):
        """Log the outcome of these calls; who may call is for the reminder to say."""
        found = self._reminders("call")
        mine = found._filtered_access("read")
        ready = mine.filtered(lambda reminder: reminder.state == "ready")
        if ready:
            ready.action_call_done(outcome)
        return self._outcome(
            len(ready),
            self._counted(
                len(ready), self.env._("1 call logged."), self.env._("%s calls logged.", len(ready))
            ),
            self._overtaken(mine - ready),
            self._out_of_reach(found - mine),
            self._of_another_kind(len(self) - len(found)),
        )

    def _check_still_there(self):
        """:raise UserError: what this row asked for was done meanwhile"""
        self.ensure_one()
        if not self.search_count([("id", "=", self.id)]):
            raise UserError(
                self.env._("This was dealt with meanwhile, by you or by somebody else: reload the list.")
            )

    def action_open(self):
        """The record behind this row, in its own form."""
        self._check_still_there()
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    def action_match(self):
        """The open items of this customer, debts and credits, to be matched."""
        self._check_still_there()
        view = self.env.ref("relance_douce.account_move_line_view_desk")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("To match: %s", self.partner_id.display_name),
            "res_model": "account.move.line",
            "view_mode": "list",
            "views": [(view.id, "list")],
            "domain": self._items_domain(),
            "context": {"create": False},
        }

    def _items_domain(self):
        """Domain of the open receivable items of this payer."""
        self.ensure_one()
        payer = fields.Domain("partner_id.commercial_partner_id", "=", self.partner_id.id)
        paid_for = fields.Domain("partner_id.commercial_partner_id.relance_payer_id", "=", self.partner_id.id)
        return list(
            fields.Domain(
                [
                    ("company_id", "=", self.company_id.id),
                    ("account_id", "in", self.company_id._relance_account_ids()),
                    ("parent_state", "=", "posted"),
                    ("reconciled", "=", False),
                    ("amount_residual", "!=", 0),
                ]
            )
            & (payer | paid_for)
        )

    # -- what could not be done, and why -----------------------------------------------------
    def _outcome(self, count, sentence, *left):
        """What the click answers: nothing where the one row was done, else what was done and what not.

        :param count: rows that were done
        :param sentence: says so
        :param left: sentences about what was not done, empty ones are left out
        """
        left = list(filter(None, left))
        if not left and count == len(self) == 1:
            return True
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": " ".join(filter(None, [sentence, *left])),
                "type": "warning" if left else "success",
                "sticky": bool(left) and len(self) > 1,
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _counted(self, count, one, several):
        """The sentence for this count, empty for none."""
        if not count:
            return ""
        return one if count == 1 else several

    def _overtaken(self, reminders):
        """Somebody else was quicker: who, and when."""
        if not reminders:
            return ""
        if len(reminders) == 1:
            return reminders._what_happened()
        people = reminders.approved_by_id - self.env.user
        if people:
            return self.env._(
                "%(count)s were dealt with meanwhile, by %(people)s among others.",
                count=len(reminders),
                people=self.env["relance.reminder"]._join(self.env, people.mapped("name")),
            )
        return self.env._("%s were dealt with meanwhile.", len(reminders))

    def _needs_manager(self, reminders):
        return self._counted(
            len(reminders),
            self.env._("“%s” is approved by a dunning manager.", reminders[:1].display_name),
            self.env._("%s are approved by a dunning manager.", len(reminders)),
        )

    def _in_hand(self, reminders):
        return self._counted(
            len(reminders),
            self.env._("“%s” is just being processed: try again in a moment.", reminders[:1].display_name),
            self.env._("%s are just being processed: try again in a moment.", len(reminders)),
        )

    def _out_of_reach(self, records):
        return self._counted(
            len(records),
            self.env._("1 belongs to a customer or company that is not open to you here."),
            self.env._("%s belong to customers or companies that are not open to you here.", len(records)),
        )

    def _of_another_kind(self, count):
        """Rows of another group: the button is not for them."""
        return self._counted(
            count,
            self.env._("1 row of another group stays as it is."),
            self.env._("%s rows of other groups stay as they are.", count),
        )


class RelanceReminder(models.Model):
    _inherit = "relance.reminder"

    date_approved = fields.Datetime(string="Approved on", readonly=True)

    def write(self, vals):
        """Who approves, and when, go together."""
        if "approved_by_id" in vals:
            vals = {**vals, "date_approved": vals["approved_by_id"] and fields.Datetime.now()}
        return super().write(vals)

    def _what_happened(self):
        """One sentence: why nothing is to be done with this reminder any more."""
        self.ensure_one()
        name = self.display_name
        if self.state == "ready" and self.approved_by_id:
            return self.env._(
                "“%(reminder)s” was already approved by %(user)s on %(date)s at %(time)s.",
                reminder=name,
                user=self.approved_by_id.name,
                date=format_date(self.env, fields.Datetime.context_timestamp(self, self.date_approved)),
                time=format_time(self.env, self.date_approved, time_format="short"),
            )
        if self.state == "sent":
            return self.env._(
                "“%(reminder)s” already left on %(date)s.",
                reminder=name,
                date=format_date(self.env, self.contact_date),
            )
        if self.state == "cancelled":
            return self.env._(
                "“%(reminder)s” was cancelled meanwhile. %(reason)s",
                reminder=name,
                reason=self.cancel_reason or "",
            ).strip()
        if self.state == "lapsed":
            return self.env._("“%s” was not approved in time: a manager has to release it.", name)
        return self.env._("“%s” is prepared anew: have another look at it.", name)
