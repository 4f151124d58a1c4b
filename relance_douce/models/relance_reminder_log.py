"""Contacts that people had with a customer outside of the reminders."""

from datetime import datetime, time

import pytz

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tools import format_date

#: rules after which what was planned for a customer does not leave at once
PATIENCE = ("gap", "budget", "paused")
#: what lies further back was mistyped
OLDEST_YEARS = 10


class RelanceReminder(models.Model):
    _inherit = "relance.reminder"

    channel = fields.Selection(selection_add=[("meeting", "Meeting")])
    direction = fields.Selection(
        [("incoming", "From the customer"), ("outgoing", "To the customer")],
        readonly=True,
        help="Who began this contact.",
    )
    note = fields.Text(string="What was said", readonly=True)
    pause_until = fields.Date(
        string="Paused until", readonly=True, help="Agreed on in this contact: no reminders until this day."
    )
    label = fields.Char(compute="_compute_label", help="The level, or what kind of contact this was.")
    may_correct = fields.Boolean(compute="_compute_may_correct")

    @api.depends("kind", "level_id", "channel", "direction")
    def _compute_label(self):
        channels = dict(self._fields["channel"]._description_selection(self.env))
        names = self._way_names()
        for reminder in self:
            if reminder.kind == "logged":
                name = names.get(reminder.channel, {}).get(reminder.direction)
                reminder.label = name or channels.get(reminder.channel, "")
            else:
                reminder.label = reminder.level_id.name

    @api.model
    def _way_names(self):
        """Channel → direction → what such a contact is called."""
        _ = self.env._
        return {
            "call": {"incoming": _("Incoming call"), "outgoing": _("Outgoing call")},
            "email": {"incoming": _("E-mail received"), "outgoing": _("E-mail sent")},
            "sms": {"incoming": _("SMS received"), "outgoing": _("SMS sent")},
            "letter": {"incoming": _("Letter received"), "outgoing": _("Letter sent")},
        }

    @api.depends("label")
    def _compute_display_name(self):
        logged = self.filtered(lambda reminder: reminder.kind == "logged")
        for reminder in logged:
            reminder.display_name = f"{reminder.label} · {reminder.partner_id.display_name}"
        return super(RelanceReminder, self - logged)._compute_display_name()

    @api.depends_context("uid")
    @api.depends("create_uid", "kind")
    def _compute_may_correct(self):
        manages = self.env.user.has_group("relance_douce.group_relance_manager")
        for reminder in self:
            reminder.may_correct = reminder.kind == "logged" and (
                manages or reminder.create_uid == self.env.user
            )

    # -- logging ---------------------------------------------------------------------------
    @api.model
    @api.private
    def _log_contact(self, company, payer, move_lines, **values):
        """Write down a contact that people had; it counts for the rules like any claim.

        :param company: one ``res.company``
        :param payer: ``res.partner`` who answers for the invoices
        :param move_lines: the open ``account.move.line`` that were spoken about
        :param values: ``date`` (local, not in the future), ``channel``, ``direction``,
            ``contact_id``, ``note``
        :return: the reminder, with the rights of the user
        :raise AccessError: this is not one of the user's customers
        :raise UserError: the date lies ahead, or an invoice is not the payer's
        """
        payer = payer._relance_payer()
        self.env["relance.case"]._check_may_see(company, payer)
        self._check_contact_date(company, values["date"])
        items = self._check_spoken_about(company, payer, move_lines)
        # who may see the customer's case may note what was said: the engine's records are made
        # with full rights, the user stays their author
        reminders = self.sudo()
        case = reminders._open_case(company, payer.id)
        contact = reminders.create(
            {
                "company_id": company.id,
                "case_id": case.id,
                "partner_id": payer.id,
                "kind": "logged",
                "is_outside": True,
                "is_service": False,
                "needs_approval": False,
                "state": "sent",
                "user_id": self.env.uid,
                **self._contact_values(company, values),
                "balance_total": sum(items.mapped("amount_residual")),
                "line_ids": [Command.create(self._line_values(item, False, case)) for item in items],
            }
        )
        contact._log(values.get("note") or "", contact.label)
        contact._contact_changed()
        return contact.sudo(self.env.su)

    @api.model
    def _check_contact_date(self, company, date):
        today = company._relance_date()
        if not date or date > today:
            raise UserError(
                self.env._(
                    "A contact is logged once it has taken place: choose a date up to today, %s.",
                    format_date(self.env, today),
                )
            )
        if date < fields.Date.subtract(today, years=OLDEST_YEARS):
            raise UserError(
                self.env._(
                    "%(date)s lies more than %(years)s years back: choose the day of the contact.",
                    date=format_date(self.env, date),
                    years=OLDEST_YEARS,
                )
            )

    @api.model
    def _check_spoken_about(self, company, payer, move_lines):
        """These items with full rights; all of them open, and the payer's.

        :raise UserError: names the first one that is not
        """
        # what is open of her own customer may be shown to a salesperson without rights in accounting
        move_lines = move_lines.sudo()
        known = {item["move_line_id"] for item in payer._relance_open_items(company)}
        strange = move_lines.filtered(lambda item: item.id not in known)
        own = strange.filtered(
            lambda item: item.company_id == company and item.partner_id._relance_payer() == payer
        )
        if own:
            raise UserError(
                self.env._(
                    "“%(invoice)s” is no longer open, or is not paid by %(payer)s: take it out of the list.",
                    invoice=own[0].move_id.name or own[0].name or "",
                    payer=payer.display_name,
                )
            )
        if strange:
            # what somebody else is invoiced is nothing for her to read
            raise UserError(
                self.env._(
                    "One of these invoices is not paid by %s: take it out of the list.", payer.display_name
                )
            )
        return move_lines

    @api.model
    def _contact_values(self, company, values):
        """What a person may say of a contact, as the reminder keeps it."""
        day = values["date"]
        return {
            "channel": values["channel"],
            "direction": values.get("direction") or False,
            "contact_id": values.get("contact_id") or False,
            "note": (values.get("note") or "").strip() or False,
            "date_planned": day,
            "contact_date": day,
            "date_sent": self._contact_moment(company, day),
        }

    @api.model
    def _contact_moment(self, company, day):
        """A moment (naive UTC) on the local ``day``: now, else when the house opens."""
        now = fields.Datetime.now()
        if company._relance_date(now) == day:
            return now
        noon = company._relance_timezone().localize(datetime.combine(day, time(12)))
        return company._relance_opening(day) or noon.astimezone(pytz.utc).replace(tzinfo=None)

    def _contact_changed(self):
        """The rules count anew; a case without anything open or planned is settled at once."""
        self.case_id._refresh()
        self.env["account.move"]._relance_invalidate()

    @api.private
    def _pause_agreed(self, until):
        """Pause the case of this contact, as was agreed in it.

        :param until: last day of the pause
        :raise UserError: the day is past
        """
        self.ensure_one()
        if until < self.company_id._relance_date():
            raise UserError(
                self.env._(
                    "A pause until %s would be over already: choose a later day.",
                    format_date(self.env, until),
                )
            )
        self.case_id.action_pause(until, self.note or self.label)
        self.sudo().pause_until = until  # the right to pause was just checked

    # -- what follows from it --------------------------------------------------------------------
    @api.private
    def _what_waits(self, planned):
        """One sentence: what becomes of what was planned for this payer, by the rules.

        :param planned: the reminders that were under way before this contact
        :return: str, empty where nothing has to wait
        """
        self.ensure_one()
        company = self.company_id
        decision = self.env["relance.decision"].with_context(relance_ignored_reminder_ids=planned.ids)
        rows = decision._decide(company, company._relance_date(), self.partner_id)
        waiting = [row for row in rows if row.reason in PATIENCE]
        if not waiting:
            return ""
        own = planned.line_ids.move_line_id.ids
        speaking = next((row for row in waiting if row.move_line_id in own), waiting[0])
        [why] = decision._explain([speaking])
        if not planned:
            return why
        names = self._join(self.env, planned.mapped("level_id.name"))
        if planned._live():
            return self.env._("“%(reminder)s” was planned and waits. %(why)s", reminder=names, why=why)
        return self.env._("“%(reminder)s” was planned and is not sent. %(why)s", reminder=names, why=why)

    # -- correcting ------------------------------------------------------------------------------
    def _check_may_correct(self):
        """:raise AccessError: somebody else logged it, and the user is no manager"""
        self.check_access("read")
        if self.filtered(lambda reminder: not reminder.may_correct):
            raise AccessError(
                self.env._("A contact is corrected by whoever logged it, or by a dunning manager.")
            )

    @api.private
    def _correct_contact(self, move_lines, **values):
        """Say anew what a logged contact was; what stood there before is kept in the case.

        :param move_lines: journal items that were spoken about; those of the snapshot stay
            possible when they are paid meanwhile
        :param values: as for :meth:`_log_contact`
        """
        self.ensure_one()
        self._check_may_correct()
        self._check_state("sent")
        self._check_contact_date(self.company_id, values["date"])
        contact = self.sudo()  # the right was just checked
        kept = contact.line_ids.filtered(lambda content: content.move_line_id in move_lines.sudo())
        new = contact._check_spoken_about(self.company_id, contact.partner_id, move_lines - kept.move_line_id)
        before = contact._told()
        (contact.line_ids - kept).unlink()
        contact.write(
            {
                **self._contact_values(self.company_id, values),
                "line_ids": [Command.create(self._line_values(item, False, contact.case_id)) for item in new],
            }
        )
        contact.balance_total = sum(contact.line_ids.mapped("balance_residual"))
        contact._log(
            self.env._("Before: %s", before),
            self.env._("Contact corrected by %s", self.env.user.name),
        )
        contact._contact_changed()

    def _told(self):
        """What is known of this contact, on one line."""
        self.ensure_one()
        parts = [
            self.label,
            format_date(self.env, self.contact_date or self.date_planned),
            self.contact_id.display_name,
            ", ".join(self.line_ids.mapped(lambda content: content.name or "")),
            self.note,
        ]
        return " · ".join(filter(None, parts))

    def action_correct(self):
        """Open the dialog of this logged contact again."""
        self.ensure_one()
        self._check_may_correct()
        self._check_state("sent")
        return self.env["relance.log"]._open_for(self)

    def action_undo(self):
        """A logged contact never took place, or did after all: its author says so."""
        logged = self.filtered(lambda reminder: reminder.kind == "logged")
        logged._undo_contact()
        others = self - logged
        return super(RelanceReminder, others).action_undo() if others else True

    def _undo_contact(self):
        self._check_may_correct()
        for contact in self.sudo():  # the right was just checked
            if contact.state == "sent":
                title = self.env._("Contact undone by %s", self.env.user.name)
                contact._end_pause_agreed()
                contact._update_state(("sent",), "cancelled", contact_date=False, cancel_reason=title)
            else:
                title = self.env._("Contact restored by %s", self.env.user.name)
                contact._update_state(
                    ("cancelled",), "sent", contact_date=contact.date_planned, cancel_reason=False
                )
            contact._log(contact._told(), title)
        self.sudo()._contact_changed()

    def _end_pause_agreed(self):
        """The pause goes with the contact, unless it was changed since."""
        if self.pause_until and self.case_id.paused_until == self.pause_until:
            self.case_id.action_resume()
        self.pause_until = False

    # -- what is said to the customer ------------------------------------------------------------
    def _is_message(self):
        """Whether the customer got something from us: letters recall these days."""
        self.ensure_one()
        return self.kind != "logged" or (
            self.direction == "outgoing" and self.channel in ("email", "sms", "letter", "call")
        )


class RelanceCase(models.Model):
    _inherit = "relance.case"

    @api.model
    @api.private
    def _may_see(self, company, payer):
        """Whether the user may see a case of ``payer``, whether there is one or not."""
        cases = self.sudo(False)
        if not payer or not cases.has_access("read"):
            return False
        domain = cases.env["ir.rule"]._compute_domain(self._name, "read")
        # the rule itself answers, over a case that need not exist
        imagined = self.sudo().new({"partner_id": payer.id, "company_id": company.id})
        return bool(imagined.filtered_domain(domain))

    @api.model
    def _check_may_see(self, company, payer):
        """:raise AccessError: not a customer of the user, or of a company she did not choose"""
        if not self._may_see(company, payer):
            raise AccessError(
                self.env._(
                    "“%s” is not one of your customers: ask whoever is in charge to log the contact.",
                    payer.sudo().display_name,  # she named him herself
                )
            )

    def action_log(self):
        """Log a contact with this payer."""
        self.ensure_one()
        return self.env["relance.log"]._open(self.company_id, self.partner_id)


class AccountMove(models.Model):
    _inherit = "account.move"

    def action_relance_log(self):
        """Log a contact about these invoices of one payer."""
        return self.env["relance.log"]._open(self.company_id, self.partner_id, self)


class ResPartner(models.Model):
    _inherit = "res.partner"

    def action_relance_log(self):
        """Log a contact with this customer, or with who pays for him."""
        return self.env["relance.log"]._open(self.env.company, self)
