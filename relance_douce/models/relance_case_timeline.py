"""Everything about one payer, in the order in which it happened."""

from datetime import datetime, time

import pytz

from odoo import api, fields, models
from odoo.tools import format_amount, format_date, format_time

#: a page shows this many events, the newest ones
EVENTS = 200
ICONS = {
    "email": "fa-envelope-o",
    "sms": "fa-mobile",
    "letter": "fa-file-text-o",
    "call": "fa-phone",
    "visit": "fa-map-marker",
    "meeting": "fa-users",
    "plan": "fa-calendar-check-o",
    "hold": "fa-pause",
    "resume": "fa-play",
    "case": "fa-folder-open-o",
}


class RelanceCase(models.Model):
    _inherit = "relance.case"

    timeline = fields.Html(
        compute="_compute_timeline",
        compute_sudo=True,  # whoever may read the case may read its history
        sanitize=False,
        string="History",
        help="Every contact and every hold, newest first.",
    )

    @api.depends("reminder_ids.state", "plan_ids.state", "paused_until", "state")
    @api.depends_context("lang")
    def _compute_timeline(self):
        events = self._timeline_events()
        for case in self:
            own = sorted(events.get(case._origin.id, ()), key=self._timeline_order, reverse=True)
            case.timeline = self.env["ir.qweb"]._render(
                "relance_douce.case_timeline", {"events": own[:EVENTS], "older": len(own) > EVENTS}
            )

    @api.model
    def _timeline_order(self, event):
        # what has no hour closes its day
        return event["date"], event["moment"] or datetime.combine(event["date"], time.max)

    def _timeline_events(self):
        """What happened in these cases, a fixed number of queries for all of them.

        :return: case id → list of dict with ``date`` (local), ``moment`` (naive UTC or None),
            ``time`` (as it is shown), ``icon``, ``tone``, ``title``, ``who``, ``facts`` (list of
            str), ``text`` (in somebody's words), ``faded`` (it did not take place)
        """
        events = {}
        for source in self._timeline_sources():
            for case_id, event in source():
                events.setdefault(case_id, []).append(event)
        return events

    def _timeline_sources(self):
        """Functions that yield (case id, event); an addon with events of its own adds one."""
        return [
            self._timeline_cases,
            self._timeline_changes,
            self._timeline_reminders,
            self._timeline_holds,
            self._timeline_plans,
            self._timeline_plan_messages,
        ]

    @api.model
    def _event(self, company, title, icon, moment=None, day=None, **values):
        """One entry of the timeline.

        :param moment: naive UTC
        :param day: local date; default that of ``moment``
        """
        local = moment and pytz.utc.localize(moment).astimezone(company._relance_timezone())
        on_the_day = local and day in (None, local.date())
        return {
            "date": day or local.date(),
            "day": format_date(self.env, day or local.date()),
            "moment": moment if on_the_day else None,
            "time": format_time(self.env, local.time(), time_format="short") if on_the_day else "",
            "icon": ICONS.get(icon, "fa-paper-plane-o"),
            "title": title,
            "tone": False,
            "who": "",
            "facts": [],
            "text": "",
            "faded": False,
            **values,
        }

    # -- the case itself -------------------------------------------------------------------------
    def _timeline_cases(self):
        """How a case ended; that it began, its first contact tells."""
        _ = self.env._
        ends = {
            "settled": _("Settled: nothing that was reminded is open any more"),
            "handed_over": _("Handed over"),
            "written_off": _("Written off"),
        }
        for case in self._origin:
            if case.date_closed and case.state in ends:
                yield case.id, self._event(case.company_id, ends[case.state], "case", day=case.date_closed)

    def _timeline_changes(self):
        """Pauses and their end, as the host tracked them."""
        _ = self.env._
        values = self.env["mail.tracking.value"].search_fetch(
            [
                ("mail_message_id.model", "=", self._name),
                ("mail_message_id.res_id", "in", self._origin.ids),
                ("field_id.model", "=", self._name),
                ("field_id.name", "in", ("paused_until", "pause_reason")),
            ],
            ["field_id", "mail_message_id", "new_value_datetime", "new_value_char"],
            order="id",
        )
        cases = {case.id: case for case in self._origin}
        for message, own in values.grouped("mail_message_id").items():
            case = cases[message.res_id]
            changed = {value.field_id.name: value for value in own}
            if "paused_until" not in changed:
                continue
            until = changed["paused_until"].new_value_datetime
            reason = changed["pause_reason"].new_value_char if "pause_reason" in changed else ""
            if not until:
                title, icon = _("The pause ended"), "resume"
            else:
                title, icon = _("Paused until %s", format_date(self.env, until.date())), "hold"
            yield (
                case.id,
                self._event(
                    case.company_id,
                    title,
                    icon,
                    message.date,
                    who=message.author_id.name or "",
                    text=until and reason or "",
                ),
            )

    # -- what was said to the customer, and by him -------------------------------------------------
    def _timeline_reminders(self):
        reminders = self.env["relance.reminder"].search([("case_id", "in", self._origin.ids)])
        contents = self.env["relance.reminder.line"].search_fetch(
            [("reminder_id", "in", reminders.ids)], ["reminder_id", "name", "currency_id", "amount_residual"]
        )
        lines = contents.grouped("reminder_id")
        # the host reads a thousand records at a time: names of all people in one go
        (reminders.contact_id + reminders.user_id.partner_id + reminders.create_uid.partner_id).fetch(
            ["name"]
        )
        for reminder in reminders:
            claimed = lines.get(reminder, contents.browse())
            yield reminder.case_id.id, self._reminder_event(reminder, claimed)

    def _reminder_event(self, reminder, claimed):
        logged = reminder.kind == "logged"
        gone = reminder.state in ("cancelled", "lapsed")
        who = reminder.create_uid if logged else reminder.approved_by_id or reminder.user_id
        return self._event(
            reminder.company_id,
            reminder.label or "",
            reminder.channel,
            reminder.date_sent,
            day=reminder.contact_date or reminder.date_planned,
            tone=reminder.tone,
            who=who.name or "",
            facts=self._reminder_facts(reminder, claimed),
            text=reminder.note or "",
            faded=gone,
        )

    def _reminder_facts(self, reminder, claimed):
        """What became of a reminder, whom it was for, and what it claimed."""
        facts = [self._reminder_state(reminder)]
        if reminder.kind != "logged" and reminder.channel:
            channels = dict(reminder._fields["channel"]._description_selection(self.env))
            facts.append(channels[reminder.channel])
        if reminder.is_outside and reminder.kind != "logged":
            facts.append(self.env._("made outside"))
        facts.append(reminder.contact_id.name)
        facts.append(self._names_and_amounts(claimed))
        if reminder.pause_until:
            facts.append(self.env._("no reminders until %s", format_date(self.env, reminder.pause_until)))
        return [fact for fact in facts if fact]

    def _reminder_state(self, reminder):
        _ = self.env._
        if reminder.state == "sent":
            outcomes = dict(reminder._fields["outcome"]._description_selection(self.env))
            if reminder.delivery_state in ("bounced", "failed"):
                return _("did not arrive")
            return outcomes.get(reminder.outcome, "")
        return {
            "draft": _("waits for approval"),
            "ready": _("ready to leave"),
            "lapsed": reminder.cancel_reason or _("Not approved in time."),
            "cancelled": reminder.cancel_reason
            if reminder.kind == "logged"
            else _("not sent: %s", reminder.cancel_reason or ""),
        }[reminder.state]

    def _names_and_amounts(self, claimed):
        """“FAC/2026/0012, 1 200,00 €” or “5 invoices, 3 400,00 € and 200,00 $”."""
        if not claimed:
            return ""
        amounts = {}
        for content in claimed:
            amounts[content.currency_id] = amounts.get(content.currency_id, 0.0) + content.amount_residual
        money = self.env["relance.reminder"]._join(
            self.env, [format_amount(self.env, amount, currency) for currency, amount in amounts.items()]
        )
        names = list(dict.fromkeys(content.name or "" for content in claimed))
        if len(names) <= 2:
            return self.env._("%(invoices)s: %(amount)s", invoices=", ".join(names), amount=money)
        return self.env._("%(count)s invoices: %(amount)s", count=len(names), amount=money)

    # -- what was left alone -------------------------------------------------------------------------
    def _timeline_holds(self):
        """Invoices left alone for a while, and lapsed ones that a manager released."""
        _ = self.env._
        holds = (
            self.env["relance.hold"]
            .with_context(active_test=False)
            .search(
                [
                    ("partner_id", "in", self._origin.partner_id.ids),
                    ("company_id", "in", self._origin.company_id.ids),
                ]
            )
        )
        holds.move_id.fetch(["name"])
        reasons = dict(holds._fields["reason"]._description_selection(self.env))
        for case in self._origin:
            own = holds.filtered(case._is_of_this_case)
            for (moment, reason, until, note), same in own.grouped(
                lambda hold: (hold.create_date, hold.reason, hold.until, hold.note)
            ).items():
                invoices = ", ".join(sorted(filter(None, same.move_id.mapped("name"))))
                last = same[0]
                # a lapse is told by its reminder, its release below
                if reason != "approval":
                    yield (
                        case.id,
                        self._event(
                            case.company_id,
                            self._hold_title(reasons[reason], until),
                            "hold",
                            moment,
                            who=last.user_id.name or "",
                            facts=[invoices] if invoices else [],
                            text=note or "",
                        ),
                    )
                if not last.active:
                    yield (
                        case.id,
                        self._event(
                            case.company_id,
                            _("Dunning goes on"),
                            "resume",
                            last.write_date,
                            who=last.write_uid.name or "",
                            facts=[invoices] if invoices else [],
                        ),
                    )

    def _hold_title(self, reason, until):
        if until:
            return self.env._("%(reason)s until %(until)s", reason=reason, until=format_date(self.env, until))
        return reason

    def _is_of_this_case(self, hold):
        """A payer may have had cases before; what was held then belongs to them."""
        if hold.partner_id != self.partner_id or hold.company_id != self.company_id:
            return False
        if not self.date_closed:
            return hold.active or hold.create_date >= self.create_date
        closed = self.company_id._relance_date(hold.create_date) > self.date_closed
        return hold.create_date >= self.create_date and not closed

    # -- plans ----------------------------------------------------------------------------------------
    def _timeline_plans(self):
        _ = self.env._
        plans = self.env["relance.plan"].search([("case_id", "in", self._origin.ids)])
        reasons = dict(plans._fields["close_reason"]._description_selection(self.env))
        states = dict(plans._fields["state"]._description_selection(self.env))
        for plan in plans:
            terms = _(
                "%(count)s instalments, %(amount)s",
                count=plan.line_count,
                amount=format_amount(self.env, plan.amount_total, plan.currency_id),
            )
            steps = [
                (plan.date_proposed, _("Payment plan %s proposed", plan.name), [terms], ""),
                (plan.date_start, _("Payment plan %s agreed", plan.name), [terms], ""),
                (
                    plan.date_closed,
                    _("Payment plan %(plan)s: %(state)s", plan=plan.name, state=states[plan.state]),
                    [reasons[plan.close_reason]] if plan.close_reason else [],
                    plan.close_note or "",
                ),
            ]
            for day, title, facts, text in steps:
                if day:
                    yield (
                        plan.case_id.id,
                        self._event(
                            plan.company_id,
                            title,
                            "plan",
                            day=day,
                            who=plan.user_id.name or "",
                            facts=facts,
                            text=text,
                        ),
                    )

    def _timeline_plan_messages(self):
        messages = self.env["relance.plan.message"].search(
            [("plan_id.case_id", "in", self._origin.ids), ("state", "in", ("ready", "sent"))]
        )
        kinds = dict(messages._fields["kind"]._description_selection(self.env))
        channels = dict(messages._fields["channel"]._description_selection(self.env))
        states = {
            "ready": self.env._("ready to leave"),
            "bounced": self.env._("did not arrive"),
            "failed": self.env._("did not arrive"),
        }
        for message in messages:
            state = states.get(message.state) or states.get(message.delivery_state)
            yield (
                message.plan_id.case_id.id,
                self._event(
                    message.company_id,
                    kinds[message.kind],
                    message.channel,
                    message.date_sent,
                    day=message.contact_date or message.date_planned,
                    who=message.user_id.name or "",
                    facts=list(
                        filter(
                            None,
                            [
                                state,
                                channels[message.channel],
                                message.contact_id.name,
                                message.plan_id.name,
                            ],
                        )
                    ),
                ),
            )
