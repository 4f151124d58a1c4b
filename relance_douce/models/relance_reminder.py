from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, format_date

LIVE = ("draft", "ready")


class RelanceReminder(models.Model):
    """One contact, planned or made, over several invoices of one payer."""

    _name = "relance.reminder"
    _description = "Reminder"
    _inherit = ["relance.mail.mixin", "relance.screen.mixin"]
    _list_action = "relance_douce.action_relance_reminder"
    _order = "date_planned desc, id desc"
    _rec_name = "display_name"

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True, ondelete="cascade")
    currency_id = fields.Many2one(related="company_id.currency_id")
    case_id = fields.Many2one("relance.case", required=True, readonly=True, index=True, ondelete="cascade")
    partner_id = fields.Many2one(
        "res.partner",
        string="Payer",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    contact_id = fields.Many2one("res.partner", ondelete="set null")
    contact_phone = fields.Char(compute="_compute_contact_phone", string="Phone")
    run_id = fields.Many2one("relance.run", readonly=True, ondelete="set null", index=True)
    level_id = fields.Many2one("relance.level", readonly=True, ondelete="restrict", index=True)
    policy_id = fields.Many2one(related="level_id.policy_id")
    tone = fields.Selection(related="level_id.tone")
    kind = fields.Selection(
        [
            ("level", "Next level"),
            ("contact", "Same level again"),
            ("logged", "Contact logged by hand"),
        ],
        required=True,
        readonly=True,
        default="level",
    )
    is_outside = fields.Boolean(
        string="Made outside", readonly=True, help="This contact was made without Relance Douce."
    )
    is_service = fields.Boolean(
        readonly=True, help="A service message: it neither delays claims nor counts as one."
    )
    needs_approval = fields.Boolean(readonly=True)
    approval = fields.Selection(related="level_id.approval")
    channel = fields.Selection(
        [
            ("email", "E-mail"),
            ("sms", "SMS"),
            ("letter", "Letter"),
            ("call", "Call"),
            ("visit", "Visit"),
        ],
        readonly=True,
    )
    tried_channels = fields.Char(readonly=True, help="Channels that did not reach the customer.")
    attempt = fields.Integer(readonly=True, default=1)
    state = fields.Selection(
        [
            ("draft", "To approve"),
            ("ready", "Ready"),
            ("sent", "Sent"),
            ("cancelled", "Cancelled"),
            ("lapsed", "Lapsed"),
        ],
        required=True,
        readonly=True,
        default="draft",
        index=True,
    )
    delivery_state = fields.Selection(
        [
            ("pending", "Under way"),
            ("delivered", "Delivered"),
            ("bounced", "Bounced"),
            ("failed", "Failed"),
        ],
        readonly=True,
    )
    outcome = fields.Selection(
        [
            ("reached", "Reached"),
            ("voicemail", "Voicemail"),
            ("wrong_number", "Wrong number"),
        ],
        string="Outcome of the call",
        readonly=True,
    )
    call_activity_id = fields.Many2one("mail.activity", readonly=True, copy=False, ondelete="set null")
    date_planned = fields.Date(string="Planned on", required=True, readonly=True)
    date_ready = fields.Date(string="Ready since", readonly=True)
    date_prepared = fields.Date(
        string="Prepared on", readonly=True, help="The letter was rendered, the call assigned."
    )
    date_postponed = fields.Datetime(
        readonly=True, help="When a rule last asked for patience; those never asked go first."
    )
    date_processed = fields.Datetime(
        readonly=True, copy=False, help="When it was last handed to its channel: tells how fast a run leaves."
    )
    date_printed = fields.Date(string="Printed on", readonly=True)
    date_sent = fields.Datetime(string="Sent on", readonly=True)
    contact_date = fields.Date(string="Left on", readonly=True, index=True, help="Local date of the contact.")
    approved_by_id = fields.Many2one("res.users", readonly=True)
    user_id = fields.Many2one("res.users", string="Signed by")
    line_ids = fields.One2many("relance.reminder.line", "reminder_id", string="Invoices")
    balance_total = fields.Monetary(string="Claimed", readonly=True, help="In the company's currency.")
    subject = fields.Char()
    body = fields.Html(string="Text", sanitize="email_outgoing", help="Written by hand: sent as it stands.")
    is_edited = fields.Boolean(readonly=True)
    cancel_reason = fields.Char(string="Why not", readonly=True)
    error = fields.Text(readonly=True)
    error_date = fields.Date(readonly=True)
    attachment_id = fields.Many2one("ir.attachment", string="Letter", readonly=True, ondelete="set null")

    _live_unique = models.UniqueIndex(
        "(case_id, needs_approval) WHERE state IN ('draft', 'ready')",
        "A reminder to this customer is already being prepared.",
    )
    _recent_index = models.Index("(company_id, partner_id, contact_date) WHERE contact_date IS NOT NULL")

    @api.depends("level_id", "partner_id")
    def _compute_display_name(self):
        for reminder in self:
            reminder.display_name = " · ".join(
                filter(None, [reminder.level_id.name, reminder.partner_id.display_name])
            )

    @api.depends("contact_id.phone", "partner_id.phone")
    def _compute_contact_phone(self):
        for reminder in self:
            reminder.contact_phone = reminder.contact_id.phone or reminder.partner_id.phone

    def _thread(self):
        return self.case_id

    @api.model
    def _sending_channels(self):
        """The channels a message can be sent by, with their names in the user's language."""
        labels = self._fields["channel"]._description_selection(self.env)
        return [(channel, label) for channel, label in labels if hasattr(self, f"_send_by_{channel}")]

    # -- states ------------------------------------------------------------------------
    #: what a person may write by hand; everything else moves through the actions
    _writable = frozenset({"subject", "body", "user_id", "contact_id", "tracking_number"})
    #: of these, what is known only after the letter left
    _writable_sent = frozenset({"tracking_number"})

    def write(self, vals):
        if not self.env.su and not vals.keys() <= self._writable:
            raise AccessError(
                self.env._("Reminders are approved, sent and cancelled with their buttons, not by hand.")
            )
        if not self.env.su and not vals.keys() <= self._writable_sent and self - self._live():
            raise UserError(
                self.env._("This reminder is closed: what it said, to whom and by whom stays as it was.")
            )
        result = super().write(vals)
        if not self.env.su and not vals.keys().isdisjoint({"subject", "body"}):
            self._approve_anew()
        return result

    def _approve_anew(self):
        """A text that is changed after the approval is approved again."""
        approved = self.sudo().filtered(lambda one: one.state == "ready" and one.needs_approval)
        approved._update_state(("ready",), "draft", approved_by_id=False, date_prepared=False)

    def _claims(self):
        """The lines that are still claimed, without those that dropped out of a second attempt."""
        lines = self.line_ids
        # what is read of one of them is read of all: a selection forgets where it comes from
        return lines.filtered(lambda content: not content.dropped).with_prefetch(lines._prefetch_ids)

    def _live(self):
        """Those that did not leave yet and still may."""
        return self.filtered(lambda reminder: reminder.state in LIVE)

    @api.model
    def _check_user(self):
        """Refuse who may not remind customers.

        :raise AccessError: naming the right that is missing
        """
        if not self.env.user.has_group("relance_douce.group_relance_user"):
            raise AccessError(self.env._("You need the right “Reminders: user” to remind customers."))

    def _allowed(self, *states):
        """These reminders with full rights, once the user's own rights were checked.

        :param states: the states in which the action makes sense, all if there are none
        """
        self.check_access("write")
        if states:
            self._check_state(*states)
        # states move through the actions only: whoever may write may use them
        return self.sudo()

    def _update_state(self, allowed, new, **values):
        """Move the reminders that are in ``allowed`` to ``new``.

        :return: the reminders that moved; the others are left as they are
        """
        moved = self.filtered(lambda reminder: reminder.state in allowed)
        if moved:
            moved.write({"state": new, **values})
            self.env["account.move"]._relance_invalidate()
        return moved

    def _set_ready(self, **values):
        ready = self.browse()
        for company, reminders in self.grouped("company_id").items():
            ready += reminders._update_state(
                ("draft",), "ready", date_ready=company._relance_date(), **values
            )
        return ready

    def _set_cancelled(self, reason):
        """Cancel what did not leave yet; a second attempt leaves the first one as it was."""
        again = self._live().filtered("date_sent")
        again._update_state(LIVE, "sent", delivery_state="bounced", cancel_reason=reason)
        again._take_contact_date_back()
        cancelled = self._update_state(LIVE, "cancelled", cancel_reason=reason)
        cancelled._close_call_activities()
        cancelled._log(reason, self.env._("Reminder cancelled"))
        return cancelled

    def _take_contact_date_back(self):
        """The day on which the first attempt left counts again."""
        for reminder in self:
            reminder.contact_date = reminder.company_id._relance_date(reminder.date_sent)

    def _set_lapsed(self):
        return self._update_state(("draft",), "lapsed", cancel_reason=self.env._("Not approved in time."))

    def _set_sent(self, now, delivery_state):
        """These left at ``now`` (naive UTC): state, contact date and levels in one go."""
        for company, reminders in self.grouped("company_id").items():
            reminders._update_state(
                ("ready",),
                "sent",
                date_sent=now,
                contact_date=company._relance_date(now),
                delivery_state=delivery_state,
                error=False,
                error_date=False,
            )
        self._reach_levels()
        self.case_id._refresh()

    def _log(self, body, title=None):
        """A note in the case of each reminder, all in one go."""
        bodies = {
            reminder.case_id.id: self._titled(title or reminder.level_id.name, body) for reminder in self
        }
        if bodies:
            self.case_id._message_log_batch(bodies)

    def _titled(self, title, text):
        """“Title: text”, set as the language sets it."""
        return self.env._("%(title)s: %(text)s", title=title, text=text) if text else title

    # -- levels on the journal items --------------------------------------------------------
    def _reach_levels(self):
        """Write the levels that left onto the journal items, in bulk.

        Raw SQL is safe here: the two columns are ours, plain, and nothing in the host
        depends on them; its checks on journal items concern none of them.
        """
        leveled = self.filtered(lambda reminder: reminder.kind == "level")
        if not leveled:
            return
        self.env["account.move.line"].flush_model(["relance_level_id", "relance_level_date"])
        self.env["relance.reminder"].flush_model(["date_planned"])
        self.env["relance.reminder.line"].flush_model()
        # a level that is reached a second time, after the due date moved, counts anew
        self.env.cr.execute(
            SQL(
                """
                UPDATE relance_reminder_line earlier
                   SET counts = FALSE
                  FROM relance_reminder_line content
                 WHERE content.reminder_id IN %(reminders)s
                   AND NOT COALESCE(content.counts, FALSE)
                   AND earlier.move_line_id = content.move_line_id
                   AND earlier.level_id = content.level_id
                   AND earlier.counts
                   AND earlier.date_maturity < content.date_maturity
                """,
                reminders=tuple(leveled.ids),
            )
        )
        self.env.cr.execute(
            SQL(
                """
                UPDATE relance_reminder_line content
                   SET counts = TRUE,
                       previous_level_id = aml.relance_level_id,
                       previous_level_date = aml.relance_level_date
                  FROM account_move_line aml
                 WHERE content.reminder_id IN %(reminders)s
                   AND NOT COALESCE(content.counts, FALSE)
                   AND aml.id = content.move_line_id
                """,
                reminders=tuple(leveled.ids),
            )
        )
        self.env.cr.execute(
            SQL(
                """
                UPDATE account_move_line aml
                   SET relance_level_id = content.level_id,
                       relance_level_date = reminder.date_planned
                  FROM relance_reminder_line content
                  JOIN relance_reminder reminder ON reminder.id = content.reminder_id
                 WHERE content.reminder_id IN %(reminders)s
                   AND aml.id = content.move_line_id
                """,
                reminders=tuple(leveled.ids),
            )
        )
        self.env["relance.reminder.line"].invalidate_model(
            ["counts", "previous_level_id", "previous_level_date"]
        )
        leveled.line_ids.move_line_id._relance_levels_changed()

    def _unreach_levels(self):
        """Put the lines back where they stood before these reminders, in bulk.

        A line that went on to another level since stays there.
        """
        counted = self.line_ids.filtered("counts")
        if counted:
            self.env["account.move.line"].flush_model(["relance_level_id", "relance_level_date"])
            self.env["relance.reminder.line"].flush_model()
            # the two columns are ours, see _reach_levels
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE account_move_line aml
                       SET relance_level_id = content.previous_level_id,
                           relance_level_date = content.previous_level_date
                      FROM relance_reminder_line content
                     WHERE content.id IN %s
                       AND aml.id = content.move_line_id
                       AND aml.relance_level_id = content.level_id
                    """,
                    tuple(counted.ids),
                )
            )
        self.line_ids.write({"counts": False})
        self.line_ids.move_line_id._relance_levels_changed()
        self.case_id._refresh()

    # -- when the books move -------------------------------------------------------------
    @api.private
    def _touch(self, move_lines):
        """The books of ``move_lines`` changed: pending reminders follow at once.

        Called from the host's write paths, under any user: cheap where nothing is pending.
        """
        if not move_lines.ids:
            return
        contents = self.env["relance.reminder.line"].search(
            [
                ("move_line_id", "in", move_lines.ids),
                ("reminder_id.state", "in", LIVE),
                ("dropped", "=", False),
            ]
        )
        gone = contents.filtered(lambda content: not content.move_line_id._relance_claimable())
        (contents - gone)._refresh_amounts()
        gone._drop(self.env._("The invoice is paid, credited or no longer due."))
        self._settle_cases(move_lines)

    def _settle_cases(self, move_lines):
        """Close the open cases of the payers of ``move_lines`` that are done."""
        payers = move_lines.partner_id._relance_payer()
        cases = self.env["relance.case"].search(
            [
                ("partner_id", "in", payers.ids),
                ("company_id", "in", move_lines.company_id.ids),
                ("state", "=", "open"),
            ]
        )
        cases._refresh()

    def _after_shrink(self):
        """What is left decides: level, total, and the text is rendered anew."""
        # a letter of the old amounts that never left; with full rights, as it was made
        self.filtered(lambda one: not one.date_sent).attachment_id.sudo().unlink()
        for reminder in self:
            lines = reminder._claims()
            level = max(lines.level_id or reminder.level_id, key=lambda level: level.delay_days)
            values = {
                "level_id": level.id,
                "balance_total": sum(lines.mapped("balance_residual")),
                "attachment_id": False,
                "date_prepared": False,
                "date_printed": False,
            }
            if reminder.is_edited:
                # a text written by hand may speak of what is gone: back to that of the level,
                # and who approved it reads it again
                values.update(is_edited=False, subject=False, body=False)
                if reminder.needs_approval:
                    values.update(state="draft", approved_by_id=False)
            reminder.write(values)

    # -- what a person does -----------------------------------------------------------------
    @api.model
    def _approval_groups(self):
        """Who approves a level: its ``approval`` → the group that may."""
        return {
            "user": "relance_douce.group_relance_user",
            "manager": "relance_douce.group_relance_manager",
        }

    def _may_approve(self):
        """Those of these reminders that this user may approve."""
        groups = self._approval_groups()
        refused = {approval for approval, group in groups.items() if not self.env.user.has_group(group)}
        return self.filtered(lambda reminder: reminder.approval not in refused)

    def _check_may_approve(self):
        if self - self._may_approve():
            raise AccessError(self.env._("Reminders of this level are approved by a dunning manager."))

    def _check_state(self, *states):
        wrong = self.filtered(lambda reminder: reminder.state not in states)
        if wrong:
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "“%(reminder)s” is %(state)s: reload the page to see what happened.",
                    reminder=wrong[0].display_name,
                    state=labels[wrong[0].state].lower(),
                )
            )

    def action_approve(self):
        """Let these reminders go; they leave within the company's hours."""
        drafts = self._allowed("draft")
        drafts._check_may_approve()
        ready = drafts._set_ready(approved_by_id=self.env.uid)
        ready._log(self.env._("Approved by %s.", self.env.user.name))
        return True

    def action_cancel(self, until=None, reason=None):
        """Do not send these; with ``until`` their invoices rest up to that day."""
        live = self._allowed(*LIVE)
        until = fields.Date.to_date(until)
        if until:
            live.line_ids._hold(until, reason)
        text = reason or ""
        if until:
            text = self.env._(
                "Left alone until %(until)s. %(reason)s",
                until=format_date(self.env, until),
                reason=text,
            ).strip()
        live._set_cancelled(text or self.env._("Cancelled by %s.", self.env.user.name))
        live.case_id._refresh()
        return True

    def action_undo(self):
        """Take the last step back: approval, cancellation, or a letter marked as posted."""
        for reminder in self._allowed():
            reminder._undo()
        return True

    def _undo(self):
        self.ensure_one()
        title = self.env._("Undone by %s.", self.env.user.name)
        if self.state == "ready" and self.needs_approval and not self.date_printed:
            self._close_call_activities()
            self._update_state(("ready",), "draft", approved_by_id=False, date_prepared=False)
        elif self.state == "cancelled" and not self.date_sent and self.line_ids:
            self._return_to_open_case()
            self.env["relance.hold"].search(
                [
                    ("move_line_id", "in", self.line_ids.move_line_id.ids),
                    ("reason", "=", "paused"),
                ]
            ).action_release()
            self._update_state(
                ("cancelled",), "draft" if self.needs_approval else "ready", cancel_reason=False
            )
        elif self.state == "sent" and self.channel == "letter":
            self._unreach_levels()
            self._update_state(("sent",), "ready", date_sent=False, contact_date=False, delivery_state=False)
        elif self.state == "ready":
            raise UserError(
                self.env._(
                    "“%s” needs no approval that could be taken back: use “Do not send…”.",
                    self.display_name,
                )
            )
        else:
            raise UserError(self.env._("“%s” cannot be undone: it has left.", self.display_name))
        self._log(title)

    def _return_to_open_case(self):
        """A case that was settled stays so: what is undone goes on in the open one."""
        if self.case_id.state == "open":
            return
        case = self._open_case(self.company_id, self.partner_id.id)
        self.write({"case_id": case.id})
        self.line_ids.write({"case_id": case.id})

    def action_mark_posted(self, date=None):
        """These letters are in the post since ``date`` (default: today)."""
        letters = self._allowed().filtered(lambda reminder: reminder.channel == "letter")
        letters._check_state("ready")
        letters._lock_or_explain()
        letters._set_done_on(date)
        letters._log_posted()
        return True

    def action_call_done(self, outcome, date=None):
        """Log the outcome of a call: ``reached``, ``voicemail`` or ``wrong_number``.

        :param date: local date of the call, default today
        """
        reminders = self._allowed_to_caller()
        if outcome not in dict(self._fields["outcome"].selection):
            raise UserError(self.env._("Choose an outcome: reached, voicemail or wrong number."))
        calls = reminders.filtered(lambda reminder: reminder.channel == "call")
        calls._check_state("ready")
        calls._lock_or_explain()
        calls.outcome = outcome
        labels = dict(self._fields["outcome"]._description_selection(self.env))
        calls._log(self.env._("Call: %s.", labels[outcome]))
        calls._close_call_activities()
        if outcome == "wrong_number":
            for contact in calls.contact_id:
                contact.relance_wrong_phone = contact.phone_sanitized or contact.phone
            calls._next_channel(self.env._("Wrong number."))
        else:
            calls._set_done_on(date)
        return True

    def _allowed_to_caller(self):
        """With full rights: for users, and for the salesperson whom the call was given to."""
        self.check_access("read")
        if all(reminder.sudo()._caller() == self.env.user for reminder in self):
            return self.sudo()
        return self._allowed()

    def _set_done_on(self, date):
        """These contacts were made by people on the local ``date``, default today."""
        now = fields.Datetime.now()
        for company, reminders in self.grouped("company_id").items():
            today = company._relance_date(now)
            company._relance_check_started(today)
            day = fields.Date.to_date(date) or today
            moment = now if day == today else company._relance_opening(day) or now
            reminders._set_sent(moment, "delivered")
            reminders.write({"contact_date": day})

    def action_call_reached(self):
        return self.action_call_done("reached")

    def action_call_voicemail(self):
        return self.action_call_done("voicemail")

    def action_call_wrong_number(self):
        return self.action_call_done("wrong_number")

    def _lock_or_explain(self):
        if self and len(self.try_lock_for_update()) < len(self):
            raise UserError(self.env._("This reminder is just being processed. Try again in a moment."))

    def action_edit_text(self):
        """Start from the text of the level and change it for this customer only."""
        live = self._allowed(*LIVE)
        texts = live._render_texts()
        for reminder in live:
            if not reminder.is_edited:
                subject, body = texts[reminder.id]
                reminder.write({"subject": subject, "body": body, "is_edited": True})
        return True

    def action_reset_text(self):
        """Back to the text of the level."""
        self._allowed(*LIVE).write({"subject": False, "body": False, "is_edited": False})
        return True

    def action_retry(self):
        """Try again what failed."""
        self._allowed().write({"error": False, "error_date": False})
        return self.action_send_now()

    def action_open_cancel_wizard(self):
        return self._wizard_action("relance.cancel.wizard", self.env._("Do not send"), reminder_ids=self.ids)

    # -- what time does ---------------------------------------------------------------------
    @api.private
    def _lapse(self, company, date):
        """Reminders nobody approved in time lapse: their lines wait, managers are told."""
        drafts = self.search([("company_id", "=", company.id), ("state", "=", "draft")])
        late = drafts.filtered(
            lambda reminder: (date - reminder.date_planned).days > (reminder.policy_id.approval_days or 7)
        )
        if not late:
            return late
        late.line_ids._hold(None, self.env._("Not approved in time."), reason="approval")
        late._set_lapsed()
        late._log(self.env._("Not approved in time: a manager has to decide."))
        late._tell_managers(self.env._("A reminder was not approved in time"))
        return late

    def action_release(self):
        """Let the lines of lapsed reminders climb again; the next run prepares them anew."""
        lapsed = self._allowed()
        if not self.env.user.has_group("relance_douce.group_relance_manager"):
            raise AccessError(self.env._("A dunning manager releases what was not approved."))
        holds = self.env["relance.hold"].search(
            [
                ("move_line_id", "in", lapsed.line_ids.move_line_id.ids),
                ("reason", "=", "approval"),
            ]
        )
        holds.sudo().action_release()
        lapsed._log(self.env._("Released by %s.", self.env.user.name))
        return True

    @api.private
    def _escalate_unprepared(self, company, date):
        """Letters not posted and calls not made in time take the next channel."""
        waiting = self.search(
            [
                ("company_id", "=", company.id),
                ("state", "=", "ready"),
                ("channel", "in", ("letter", "call")),
            ]
        )
        late = waiting.filtered(
            lambda reminder: (
                reminder.date_prepared
                and not reminder.date_printed
                and (date - reminder.date_prepared).days > (reminder.policy_id.ready_days or 5)
            )
        )
        late._next_channel(self.env._("Not done in time."), date=date, keep_last=True)
        return late

    def _tell_managers(self, summary):
        """An activity for a manager on each case, once; whether anybody is told anew."""
        manager = self._responsible_manager()
        return manager and self.case_id._tell_once(manager, summary)

    def _responsible_manager(self):
        """Somebody who may decide: a manager of the company, the signatory if she is one."""
        managers = self.company_id._relance_managers()
        people = managers.filtered(lambda user: user.id != SUPERUSER_ID)
        return (managers & self.user_id or people or managers)[:1]
