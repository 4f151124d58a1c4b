"""How reminders leave: checked again under lock, then handed to their channel."""

import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.mail import plaintext2html

from ..tools.race import LOST_RACES, again_if_lost
from .relance_reminder import LIVE

_logger = logging.getLogger(__name__)

#: reasons that only postpone a reminder; every other one takes its line out
POSTPONING = ("gap", "budget", "waiting", "bank", "small", "address")


class RelanceReminder(models.Model):
    _inherit = "relance.reminder"

    #: reminders sent in one transaction by the scheduled action
    _batch_size = 50

    # -- batches ---------------------------------------------------------------------------
    @api.model
    @api.private
    def _send_batch(self, limit=None, now=None):
        """Send what is ready and may leave at ``now``.

        E-mails and SMS go to the outbox, letters to the print queue, calls to whoever makes
        them. Each reminder is checked again by the decision, under a row lock; one that
        another worker holds is left to it.

        :param limit: at most this many reminders
        :param now: naive UTC datetime, default this moment
        :return: number of reminders that were sent, prepared, cancelled or failed; those
            that a rule postpones do not count, so that calling again until 0 comes to an end
        """
        now = now or fields.Datetime.now()
        done = 0
        for company in self._companies_to_send():
            left = None if limit is None else limit - done
            if left is not None and left <= 0:
                break
            candidates = self._sending_candidates(company, now, left)
            done += len(candidates._process(company, now))
        return done

    def _companies_to_send(self):
        """Companies with something ready."""
        return (
            self.env["res.company"]
            .sudo()  # the scheduled action serves every company
            .browse(company.id for [company] in self._read_group([("state", "=", "ready")], ["company_id"]))
        )

    def _sending_domain(self, company, now):
        """What is ready, not prepared yet and may leave at ``now``; failures are tried again the next day.

        :param now: naive UTC datetime
        """
        date = company._relance_date(now)
        domain = Domain(
            [
                ("company_id", "=", company.id),
                ("state", "=", "ready"),
                ("date_planned", "<=", date),
                ("date_prepared", "=", False),
                ("run_id.is_stopped", "!=", True),
                "|",
                ("error_date", "=", False),
                ("error_date", "<", date),
            ]
        )
        if not company._relance_is_open(now):
            # post is not bound to hours
            domain &= Domain("channel", "=", "letter")
        return domain

    def _sending_candidates(self, company, now, limit=None, among=None):
        """Ready reminders; approved ones go before new friendly ones.

        What was postponed comes last, so that it never stands before the others.

        :param among: only those of these ids
        """
        domain = self._sending_domain(company, now)
        if among is not None:
            domain &= Domain("id", "in", among)
        return self.search(domain, order="date_postponed NULLS FIRST, needs_approval DESC, id", limit=limit)

    def _process(self, company, now):
        """Check these reminders of one company again and hand them to their channels."""
        if not self.env.context.get("lang"):
            # the scheduled action has no language of its own, its readers have
            self = self.with_context(lang=company._relance_lang())
        date = company._relance_date(now)
        # payer by payer: whoever else is writing to one of them just now also keeps count of
        # his contacts, so none of his reminders is touched here
        payers = self.case_id.try_lock_for_update()
        locked = self.filtered(lambda reminder: reminder.case_id in payers).try_lock_for_update()
        # read only now: another transaction may have finished with some of them
        locked.invalidate_recordset()
        ready = locked.filtered(lambda reminder: reminder.state == "ready")
        going = ready._one_per_payer()._recheck(company, date)
        going.date_processed = now
        for channel, reminders in going.grouped("channel").items():
            reminders._send_each(channel, now)
        postponed = (ready - going).filtered(lambda reminder: reminder.state == "ready")
        postponed.date_postponed = now
        return ready - postponed

    def _one_per_payer(self):
        """At most one message per payer and day: an approved one first."""
        first = {}
        for reminder in self.sorted(lambda one: (not one.needs_approval, one.id)):
            first.setdefault(reminder.partner_id, reminder)
        return self.browse(reminder.id for reminder in first.values())

    # -- the second look -------------------------------------------------------------------
    def _recheck(self, company, date):
        """Ask the decision again, as if these reminders did not exist.

        Lines that are no longer to be claimed drop out, an empty reminder is cancelled; a
        rule of the payer that only asks for patience postpones the whole reminder.

        :return: the reminders that may leave on ``date``
        """
        rows = self._decision_rows(company, date)
        going = self.browse()
        for reminder in self:
            outcomes = {content: reminder._line_outcome(content, rows) for content in reminder._claims()}
            gone = reminder._claims().filtered(lambda content: outcomes[content] == "gone")  # noqa: B023
            postponed = "postponed" in outcomes.values()
            gone._drop(self._drop_reason(gone, rows))
            if reminder.state == "ready" and reminder._claims():
                reminder._claims()._refresh_amounts()
                if not postponed and reminder.state == "ready":
                    going += reminder
            elif reminder.state == "ready":
                reminder._set_cancelled(self.env._("Nothing is left to claim."))
        return going

    def _decision_rows(self, company, date):
        """What the decision says of the lines of these reminders, as if they did not exist.

        :return: dict (journal item id, whether its level is repeated) → row
        """
        decision = self.env["relance.decision"].with_context(relance_ignored_reminder_ids=self.ids)
        rows = {}
        lines = self._claims().move_line_id
        for again in {content._repeats_level() for content in self._claims()}:
            for row in decision.with_context(relance_again=again)._decide(
                company, date, self.partner_id, move_lines=lines
            ):
                rows[row.move_line_id, again] = row
        return rows

    def _line_outcome(self, content, rows):
        """“go”, “postponed” or “gone” for one line of this reminder."""
        row = rows.get((content.move_line_id.id, content._repeats_level()))
        if row is None or row.target_level_id != content.level_id.id:
            return "gone"
        if row.reason in POSTPONING:
            return "postponed"
        return "go" if row.verdict == "send" else "gone"

    def _drop_reason(self, gone, rows):
        known = [row for (line, _again), row in rows.items() if line in gone.move_line_id.ids]
        if known and known[0].verdict != "send":
            return self.env["relance.decision"]._explain(known[:1])[0]
        if known:
            # another policy, or other levels, since it was prepared
            return self.env._(
                "“%s” is no longer the next level of this customer: his reminder is planned anew.",
                gone.level_id[:1].name,
            )
        return self.env._("The invoice is paid, credited or no longer due.")

    def _set_failed(self, error, now):
        """Keep the reminder, say what is wrong, and try again tomorrow."""
        text = str(error.args[0] if error.args else error)
        for reminder in self:
            reminder.write({"error": text, "error_date": reminder.company_id._relance_date(now)})
        self._tell_managers(self.env._("A reminder could not be sent"))

    # -- e-mail ------------------------------------------------------------------------------
    def _send_by_email(self, now):
        """One mail to the reminder contact and to nobody else, into the outbox."""
        self._tell_missing_sender()
        self._ensure_invoice_tokens()
        dated = self._dated(now)
        dated._freeze_plan_offers()
        texts = dated._render_texts()
        letters = dated.filtered("level_id.attach_letter")._render_letters()
        bodies = dated._mail_bodies(texts)
        attachments = dated._mail_attachments(letters)
        messages = self._create_messages(
            {reminder.id: texts[reminder.id][0] for reminder in self}, bodies, attachments
        )
        self._create_mails(messages, bodies)
        self._set_sent(now, "pending")

    def _tell_missing_sender(self):
        """Customers answer to nobody where neither signatory nor company has an address."""
        nobody = self.filtered(lambda one: not one._own_address())
        nobody._tell_managers(self.env._("Reminders leave without an e-mail address of ours"))

    def _dated(self, now):
        """These reminders, writing as of the local date of ``now``."""
        return self.with_context(relance_date=self.company_id._relance_date(now))

    def _mail_attachments(self, letters):
        """Letter and legal invoice PDFs that exist, linked, up to the company's limit.

        :return: dict id → list of ``ir.attachment``
        """
        moves = self.line_ids.move_id.sudo()  # documents that the customer already has
        invoices = {move.id: move.invoice_pdf_report_id for move in moves}
        result = {}
        for reminder in self:
            room = reminder.company_id.relance_attachment_limit * 1024 * 1024
            chosen = []
            for attachment in [
                letters.get(reminder.id),
                *(invoices.get(move.id) for move in reminder.line_ids.move_id),
            ]:
                if attachment and attachment.file_size <= room:
                    chosen.append(attachment)
                    room -= attachment.file_size
            result[reminder.id] = chosen
        return result

    # -- SMS -----------------------------------------------------------------------------------
    def _send_by_sms(self, now):
        """A text message to the reminder contact, into the host's SMS queue."""
        texts = self._dated(now)._render_texts()
        for reminder in self:
            reminder.message_id = reminder.case_id._message_sms(
                self._sms_text(texts[reminder.id][1]),
                partner_ids=reminder.contact_id.ids,
                sms_numbers=None,
                put_in_queue=True,
            )
        self._set_sent(now, "pending")

    def _sms_text(self, text):
        """One line, with plain spaces: a no-break space would double the price of an SMS."""
        return " ".join(str(text).split())

    # -- letter ---------------------------------------------------------------------------------
    def _send_by_letter(self, now):
        """Render the letter for the print queue; it is sent once it is marked as posted."""
        dated = self._dated(now)
        dated._freeze_plan_offers()
        dated._render_letters()
        self._set_prepared(now)

    def _set_prepared(self, now):
        """What people have to do is laid out for them: the letter, the call."""
        for company, reminders in self.grouped("company_id").items():
            reminders.write(
                {"date_prepared": company._relance_date(now), "error": False, "error_date": False}
            )

    def _render_letters(self):
        """Render the letters as PDF, many per call, and keep each on its reminder.

        :return: dict id → ``ir.attachment``
        :raise UserError: where wkhtmltopdf is missing or fails: nothing is sent half
        """
        if not self:
            return {}
        self.env["ir.actions.report"]._relance_check_printer()
        contents = {}
        for report, reminders in self.grouped(lambda one: one.level_id.report_id).items():
            contents.update(report._relance_letters(reminders))
        attachments = (
            self.env["ir.attachment"]
            .sudo()  # the letter belongs to the reminder, readable with it
            .create(
                [
                    {
                        "name": reminder._letter_filename(),
                        "raw": contents[reminder.id],
                        "mimetype": "application/pdf",
                        "res_model": "relance.reminder",
                        "res_id": reminder.id,
                    }
                    for reminder in self
                ]
            )
        )
        for reminder, attachment in zip(self, attachments, strict=True):
            if not reminder.date_sent:
                # the letter of an attempt that left stays with its message
                reminder.attachment_id.unlink()
            reminder.attachment_id = attachment
        return {reminder.id: reminder.attachment_id for reminder in self}

    def _letter_filename(self):
        name = "".join(char if char.isalnum() else "-" for char in self.partner_id.name or "").strip("-")
        return f"{self.level_id.with_context(lang=self.lang).name} {name}.pdf"

    # -- call -------------------------------------------------------------------------------------
    def _send_by_call(self, now):
        """Give the call to whoever makes it, with the words of the level."""
        texts = self._dated(now)._render_texts("call_script")
        model = self.env["ir.model"]._get("relance.case")
        activity_type = self.env.ref("mail.mail_activity_data_call")
        activities = self.env["mail.activity"].sudo()  # for somebody else, maybe
        calls = activities.create(
            [
                {
                    "activity_type_id": activity_type.id,
                    "res_model_id": model.id,
                    "res_id": reminder.case_id.id,
                    "user_id": reminder._caller().id,
                    "summary": reminder.level_id.name,
                    "note": plaintext2html(str(texts[reminder.id][1])),
                    "date_deadline": reminder.company_id._relance_date(now),
                }
                for reminder in self
            ]
        )
        for reminder, call in zip(self, calls, strict=True):
            reminder.call_activity_id = call
        self._set_prepared(now)

    def _caller(self):
        """Who calls: the salesperson of the customer if she may, else whoever signs."""
        salesperson = self.partner_id.user_id
        if salesperson and salesperson.has_group("relance_douce.group_relance_reader"):
            return salesperson
        return self.user_id or self._responsible_manager() or self.env.user

    def _close_call_activities(self):
        """The call was made, or is not needed any more."""
        self.sudo().call_activity_id.unlink()  # of whoever was to call

    # -- out of the outbox ----------------------------------------------------------------------------
    def _lock_claims(self):
        """A payment either is booked before this reminder leaves, and seen, or waits until it has.

        The lock lasts until the note of the handing over is committed, some milliseconds: no
        payment ever waits for a mail server.
        """
        lines = self._claims().move_line_id
        if not lines:
            return True
        locked = self.env.execute_query(
            SQL("SELECT id FROM account_move_line WHERE id IN %s FOR SHARE SKIP LOCKED", tuple(lines.ids))
        )
        return len(locked) == len(lines)

    def _still_claimed(self, now):
        """The decision, asked whether these levels may be said again."""
        claimed = self.browse()
        for company, reminders in self.grouped("company_id").items():
            rows = reminders._decision_rows(company, company._relance_date(now))
            claimed += reminders.filtered(
                lambda one: all(one._line_outcome(content, rows) != "gone" for content in one._claims())  # noqa: B023
            )
        return claimed

    def _was_agreed_since(self, moment):
        """A plan was offered or signed, or an invoice held."""
        recent = [("write_date", ">=", moment)]
        lines = self._claims().move_line_id.ids
        return bool(
            self.env["relance.plan"].search_count([("move_line_ids", "in", lines), *recent], limit=1)
            or self.env["relance.hold"].search_count([("move_line_id", "in", lines), *recent], limit=1)
        )

    def _is_as_booked(self):
        """Open, and with the amounts that it names."""
        return all(
            content.move_line_id._relance_claimable()
            and not content.currency_id.compare_amounts(
                content.amount_residual, content.move_line_id.amount_residual_currency
            )
            for content in self._claims()
        )

    def _withdraw(self, now):
        """Back to where it stood before it was written, and checked like any other.

        Nothing left to claim: it is cancelled. Else it is written anew with what is left.
        """
        self.ensure_one()
        company = self.company_id
        reminder = self.with_context(lang=company._relance_lang())
        why = reminder.env._("What it claims has changed before it left.")
        reminder._log(why, reminder.env._("E-mail taken back"))
        reminder._drop_mail()
        if self.attempt > 1 and reminder._is_overtaken():
            # as for any contact that came back: the next channel once the other one has left
            reminder.delivery_state = "failed"
            return
        values = {"contact_date": False, "delivery_state": False}
        if self.attempt == 1:
            reminder._unreach_levels()
            values["date_sent"] = False
        if reminder._is_overtaken():
            reminder._update_state(("sent",), "cancelled", cancel_reason=why, **values)
        else:
            reminder._update_state(("sent",), "ready", **values)
            reminder._recheck(company, company._relance_date(now))
        if reminder.state == "ready":
            reminder._return_to_open_case()
            self.env["relance.run"]._trigger_sending()
        reminder.case_id._refresh()

    def _is_overtaken(self):
        """Whether another message of this kind to the same payer is under way."""
        return bool(
            self.search_count(
                [
                    ("company_id", "=", self.company_id.id),
                    ("partner_id", "=", self.partner_id.id),
                    ("needs_approval", "=", self.needs_approval),
                    ("state", "in", LIVE),
                ],
                limit=1,
            )
        )

    # -- delivery -----------------------------------------------------------------------------------
    def _undeliverable(self, why):
        self._next_channel(why)

    def _next_channel(self, why, date=None, keep_last=False):
        """The same contact once more, by the next channel that can reach the customer.

        :param date: local date of the new attempt, default today
        :param keep_last: leave a reminder as it is where no other channel is left
        """
        for reminder in self:
            if reminder._live_twin():
                # another message to this customer is under way: the next run looks again
                continue
            tried = {*(reminder.tried_channels or "").split(","), reminder.channel}
            channel = reminder._best_channel(tried)
            if not channel:
                if reminder._tell_managers(self.env._("A customer cannot be reached")):
                    reminder._log(why, self.env._("No channel is left"))
                if not keep_last:
                    reminder._set_cancelled(why)
                continue
            reminder._log(why, self.env._("Next channel"))
            reminder._close_call_activities()
            reminder.write(
                {
                    "channel": channel,
                    "tried_channels": ",".join(sorted(filter(None, tried))),
                    "attempt": reminder.attempt + 1,
                    "state": "ready",
                    "date_ready": date or reminder.company_id._relance_date(),
                    "date_prepared": False,
                    "date_printed": False,
                    "contact_date": False,
                    "delivery_state": False,
                }
            )

    def _live_twin(self):
        """The other reminder of this case and kind that did not leave yet, if there is one."""
        self.ensure_one()
        return self.search(
            [
                ("case_id", "=", self.case_id.id),
                ("needs_approval", "=", self.needs_approval),
                ("state", "in", LIVE),
                ("id", "!=", self.id),
            ],
            limit=1,
        )

    @api.private
    def _retry_undelivered(self, company, date):
        """Contacts that came back while another message was under way get their next channel."""
        returned = self.search(
            [
                ("company_id", "=", company.id),
                ("state", "=", "sent"),
                ("delivery_state", "in", ("bounced", "failed")),
                ("case_id.state", "=", "open"),
                ("cancel_reason", "=", False),
                ("contact_date", ">", fields.Date.subtract(date, days=30)),
            ]
        )
        returned._next_channel(self.env._("The message came back."), date=date, keep_last=True)

    def _best_channel(self, tried):
        """Best channel of the level that is not in ``tried`` and can reach the customer."""
        self.ensure_one()
        allowed = [channel for channel in self.level_id._channels() if channel not in tried]
        conditions = self.env["relance.decision"]._channel_conditions()
        if not allowed:
            return None
        self.env["res.partner"].flush_model()
        [usable] = self.env.execute_query(
            SQL(
                "SELECT %s FROM res_partner payer, res_partner contact"
                " WHERE payer.id = %s AND contact.id = %s",
                SQL(", ").join(conditions[channel] for channel in allowed),
                self.partner_id.id,
                self.contact_id.id or self.partner_id.id,
            )
        )
        return next((channel for channel, can in zip(allowed, usable, strict=True) if can), None)

    # -- by hand ------------------------------------------------------------------------------------
    def action_send_now(self):
        """Send these now, outside the company's hours too; the rules are asked all the same."""
        now = fields.Datetime.now()
        for company, reminders in self._allowed("ready").grouped("company_id").items():
            own = reminders.filtered(lambda one: not one.date_prepared)
            date = company._relance_date(now)
            company._relance_check_started(date)
            own._process(company, now)
            waiting = own.filtered(lambda one: one.state == "ready" and not one.date_prepared)
            if waiting and len(own) == 1:
                raise UserError(waiting._why_not_now(company, date))
        return True

    def _why_not_now(self, company, date):
        """One sentence: what keeps this reminder from leaving."""
        self.ensure_one()
        return self._reasons_not_now(company, date)[self.id]

    def _reasons_not_now(self, company, date):
        """What keeps each of these reminders of one company from leaving: dict id → sentence."""
        decision = self.env["relance.decision"]
        rows = {line: row for (line, _again), row in self._decision_rows(company, date).items()}
        first = {}
        for reminder in self:
            own = (rows.get(line.id) for line in reminder.line_ids.move_line_id)
            first[reminder] = next(filter(None, own), None)
        known = {reminder: row for reminder, row in first.items() if row and not reminder.error}
        told = dict(zip(known, decision._explain(list(known.values())), strict=True))
        busy = self.env._("This reminder is just being processed. Try again in a moment.")
        waiting = decision._sentences()["waiting"][-1]
        return {
            reminder.id: reminder.error
            # these rows ignore what else is under way to the same payer: at most one leaves
            or (waiting if reminder in known and known[reminder].verdict == "send" else None)
            or told.get(reminder, busy)
            for reminder in self
        }

    # -- scheduled action -------------------------------------------------------------------------
    @api.model
    @api.private
    def _cron_send(self):
        """Hourly: send what is ready, in batches, each a transaction of its own.

        Companies that reminders are not on for, or not yet, are left out.
        """
        now = fields.Datetime.now()
        companies = self.env["res.company"]._relance_switched_on(now)
        self._requeue_or_log(now, companies)
        self._deliver({company: self._sending_candidates(company, now).ids for company in companies})

    def _deliver(self, todo):
        """Send these in batches, each a transaction of its own.

        :param todo: dict company → ids
        """
        cron = self.env["ir.cron"]
        remaining = sum(map(len, todo.values()))
        cron._commit_progress(remaining=remaining)
        for company, share in self._shares(todo):
            self._process_share(share, company)
            remaining -= len(share)
            if not cron._commit_progress(len(share), remaining=remaining):
                return

    def _shares(self, todo):
        """The batches of all companies, in turn: a large house does not keep a small one waiting.

        Several workers may go through the same batches, on any number of machines (copies of
        the scheduled action): what one of them holds the others pass by.

        :param todo: dict company → ids
        :return: iterator of (company, ids)
        """
        size = self._batch_size
        for start in range(0, max(map(len, todo.values()), default=0), size):
            for company, ids in todo.items():
                if ids[start:]:
                    yield company, ids[start : start + size]

    def _process_share(self, share, company):
        """One batch; where another transaction was quicker, once more.

        Where it fails, each of its reminders goes alone: one that cannot leave keeps back no other.

        :param share: ids
        """
        try:
            again_if_lost(self.env, lambda: self._process_what_may_leave(share, company))
        except LOST_RACES:
            self.env.cr.rollback()
            _logger.info("Reminders %s wait for the next hour", share, exc_info=True)
        except Exception:
            self.env.cr.rollback()
            if len(share) == 1:
                _logger.exception("Reminder %s could not be sent", *share)
                return
            for reminder_id in share:
                self._process_share([reminder_id], company)
                self.env["ir.cron"]._commit_progress()

    def _process_what_may_leave(self, share, company):
        """Since the shares were dealt a run may have been stopped, or the house have closed.

        :param share: ids
        :return: number of reminders that were sent, prepared, cancelled or failed
        """
        now = fields.Datetime.now()
        if not company._relance_is_on(company._relance_date(now)):
            return 0
        return len(self._sending_candidates(company, now, among=share)._process(company, now))
