from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import format_amount

from ..tools.text import long_date

#: what a message is about, and the state of the plan in which it still is true
KINDS = {
    "proposal": ("proposed",),
    "counter_refused": ("proposed",),
    "confirmation": ("active", "kept"),
    "upcoming": ("active",),
    "receipt": ("active", "kept", "broken"),
    "nudge": ("active",),
    "notice": ("active",),
    "thanks": ("kept",),
    "broken": ("broken",),
    "withdrawn": ("cancelled",),
}
#: a message that is told or will be: the same is not said again meanwhile
LIVE_MESSAGES = ("ready", "sent")


class RelancePlanMessage(models.Model):
    """One message about a plan, by e-mail or as a letter; each leaves once."""

    _name = "relance.plan.message"
    _description = "Message about a Plan"
    _inherit = ["relance.mail.mixin"]
    _order = "id desc"
    _rec_name = "display_name"

    plan_id = fields.Many2one("relance.plan", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="plan_id.company_id", store=True, index=True)
    partner_id = fields.Many2one(related="plan_id.partner_id", store=True)
    currency_id = fields.Many2one(related="plan_id.currency_id")
    contact_id = fields.Many2one("res.partner", readonly=True, ondelete="set null")
    user_id = fields.Many2one(related="plan_id.user_id")
    line_id = fields.Many2one(
        "relance.plan.line",
        string="Instalment",
        readonly=True,
        ondelete="cascade",
        index="btree_not_null",
    )
    line_ids = fields.Many2many("relance.plan.line", string="Instalments", readonly=True)
    kind = fields.Selection(
        [
            ("proposal", "Proposal"),
            ("counter_refused", "Answer to a counter-proposal"),
            ("confirmation", "Confirmation"),
            ("upcoming", "Before an instalment"),
            ("receipt", "Receipt"),
            ("nudge", "Missed instalment"),
            ("notice", "Notice of default"),
            ("thanks", "Thanks"),
            ("broken", "Acceleration"),
            ("withdrawn", "Withdrawal"),
        ],
        required=True,
        readonly=True,
    )
    revision = fields.Integer(readonly=True, help="Of the offer.")
    channel = fields.Selection(
        [("email", "E-mail"), ("sms", "SMS"), ("letter", "Letter")], required=True, readonly=True
    )
    state = fields.Selection(
        [
            ("ready", "Ready"),
            ("sent", "Sent"),
            ("cancelled", "Cancelled"),
            ("void", "Overtaken"),
        ],
        required=True,
        readonly=True,
        default="ready",
        index=True,
    )
    delivery_state = fields.Selection(
        lambda self: self.env["relance.reminder"]._fields["delivery_state"]._description_selection(self.env),
        readonly=True,
    )
    date_planned = fields.Date(string="Planned on", required=True, readonly=True)
    date_prepared = fields.Date(string="Letter rendered on", readonly=True)
    date_sent = fields.Datetime(string="Sent on", readonly=True)
    contact_date = fields.Date(string="Left on", readonly=True, help="Local date of the contact.")
    error = fields.Text(readonly=True)
    error_date = fields.Date(readonly=True)
    attachment_id = fields.Many2one("ir.attachment", string="Letter", readonly=True, ondelete="set null")

    # what texts may speak of; names for ``object.…`` in the texts of the templates
    amount_text = fields.Char(compute="_compute_words")
    date_text = fields.Char(compute="_compute_words")
    due_text = fields.Char(compute="_compute_words")
    left_text = fields.Char(compute="_compute_words")
    total_text = fields.Char(compute="_compute_words")
    count_text = fields.Char(compute="_compute_words")
    valid_text = fields.Char(compute="_compute_words")
    next_text = fields.Char(compute="_compute_words")
    deadline_text = fields.Char(compute="_compute_words")
    greeting = fields.Char(compute="_compute_words")
    plan_name = fields.Char(related="plan_id.name", string="Reference of the plan")
    company_name = fields.Char(related="company_id.name", string="Company name")
    is_consumer = fields.Boolean(compute="_compute_words")
    waives_penalties = fields.Boolean(related="plan_id.waive_penalties", string="Penalties given up")

    _once_per_line = models.UniqueIndex(
        "(plan_id, kind, line_id) WHERE line_id IS NOT NULL AND state IN ('ready', 'sent')",
        "This message about the instalment was already sent.",
    )
    _once_per_offer = models.UniqueIndex(
        "(plan_id, kind, revision) WHERE line_id IS NULL AND state IN ('ready', 'sent')",
        "This message about the plan was already sent.",
    )
    _ready_index = models.Index("(company_id, date_planned) WHERE state = 'ready'")
    _claim_index = models.Index(
        "(company_id, partner_id, contact_date) WHERE state = 'sent' AND kind IN ('notice', 'broken')"
    )

    @api.depends("kind", "plan_id.name", "partner_id")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for message in self:
            message.display_name = " · ".join(
                filter(
                    None, [labels.get(message.kind), message.partner_id.display_name, message.plan_id.name]
                )
            )

    @api.depends("plan_id", "line_ids.amount", "line_ids.amount_paid", "contact_date", "date_planned")
    @api.depends_context("relance_date")
    def _compute_words(self):
        for message in self:
            env = message.with_context(lang=message.lang).env
            plan = message.plan_id
            lines = message.line_ids

            def money(amount, env=env, plan=plan):
                return format_amount(env, amount, plan.currency_id)

            settled = message.kind in ("receipt", "thanks")
            message.amount_text = money(
                sum(lines.mapped("amount_money")) if settled else sum(line.amount_left for line in lines)
            )
            message.due_text = long_date(env, min(lines.mapped("date_due"))) if lines else ""
            message.left_text = money(
                plan._amount_accelerated() if message.kind == "broken" else plan.amount_left
            )
            message.total_text = money(plan.amount_total)
            message.count_text = str(plan.line_count)
            message.valid_text = long_date(env, plan.date_valid)
            message.next_text = (
                env._(
                    "%(amount)s on %(date)s",
                    amount=money(plan.next_amount),
                    date=long_date(env, plan.next_date),
                )
                if plan.next_date
                else ""
            )
            date = message._message_date()
            message.date_text = long_date(env, date)
            message.deadline_text = long_date(env, fields.Date.add(date, days=message._deadline_days()))
            person = plan.signer_name or (
                message.contact_id.name if not message.contact_id.is_company else ""
            )
            message.greeting = env._("Hello %s,", person) if person else env._("Hello,")
            message.is_consumer = plan._is_consumer()

    def _deadline_days(self):
        """Days the customer has to answer a claim."""
        return self.plan_id._notice_days() or 8 if self.kind == "notice" else 8

    def _message_date(self):
        self.ensure_one()
        return self.contact_date or self.env.context.get("relance_date") or self.date_planned

    # -- making them ------------------------------------------------------------------------------
    @api.model
    @api.private
    def _create_for_lines(self, kind, lines, date=None):
        """One message of this kind per plan of ``lines``, about all of them.

        :param date: local date on which it may leave, default today
        """
        return self.create(
            [
                self._values(kind, plan, own.sorted("sequence"), date)
                for plan, own in lines.grouped("plan_id").items()
            ]
        )

    def _values(self, kind, plan, lines, date=None):
        return {
            "plan_id": plan.id,
            "kind": kind,
            "contact_id": plan.contact_id.id,
            "line_id": lines[:1].id,
            "line_ids": [Command.set(lines.ids)],
            "revision": plan.revision,
            "channel": plan._message_channel(kind),
            "date_planned": date or plan.company_id._relance_date(),
        }

    # -- states -------------------------------------------------------------------------------------
    def _update_state(self, allowed, new, **values):
        moved = self.filtered(lambda message: message.state in allowed)
        if moved:
            moved.write({"state": new, **values})
        return moved

    def _set_cancelled(self):
        """These did not leave and are not true any more."""
        return self._update_state(("ready",), "cancelled")

    def _set_void(self):
        """What they said was overtaken: the same may be said again."""
        return self._update_state(("ready", "sent"), "void")

    def _overtake(self, line):
        """``line`` is not paid after all: what these said of it may be said again, the rest stands."""
        kinds = ("receipt", "nudge", "notice", "thanks")
        for message in self.filtered(lambda one: one.kind in kinds and one.state in LIVE_MESSAGES):
            others = (message.line_ids - line).sorted("sequence")
            if not others:
                message._set_void()
                continue
            message.line_ids = others
            if message.line_id == line:
                message.line_id = others[0]

    def _set_sent(self, now, delivery_state):
        for company, messages in self.grouped("company_id").items():
            date = company._relance_date(now)
            messages._update_state(
                ("ready",),
                "sent",
                date_sent=now,
                contact_date=date,
                delivery_state=delivery_state,
                error=False,
                error_date=False,
            )
            for message in messages.filtered(lambda one: one.kind == "notice"):
                message.plan_id.date_notice = date

    # -- sending --------------------------------------------------------------------------------------
    @api.model
    @api.private
    def _send_batch(self, company, now=None, limit=50):
        """Send what is ready and may leave at ``now`` (naive UTC), within the company's hours.

        :return: number of messages that left, were prepared or cancelled: 0 when done
        """
        now = now or fields.Datetime.now()
        date = company._relance_date(now)
        domain = [
            ("company_id", "=", company.id),
            ("state", "=", "ready"),
            ("date_planned", "<=", date),
            ("date_prepared", "=", False),
            "|",
            ("error_date", "=", False),
            ("error_date", "<", date),
        ]
        if not company._relance_is_open(now):
            # post is not bound to hours
            domain += [("channel", "=", "letter")]
        return len(self.search(domain, order="id", limit=limit)._process(now))

    def _send_now(self):
        """Asked for by a person: the company's hours do not matter."""
        return self._process(fields.Datetime.now())

    def _process(self, now):
        """Check these again under lock and hand them to their channels.

        :return: those that are done with
        """
        locked = self.try_lock_for_update()
        # read only now: another transaction may have finished with some of them
        locked.invalidate_recordset()
        ready = locked.filtered(lambda message: message.state == "ready")
        going = ready._still_true(now)
        (ready - going)._set_cancelled()
        for channel, messages in going.grouped("channel").items():
            messages._send_each(channel, now)
        return ready

    def _still_true(self, now):
        """Those of these messages that say what is still so at ``now``."""
        going = self.filtered(lambda one: one._is_true())
        missed = going.filtered(lambda one: one.kind in ("nudge", "notice"))
        for company, messages in missed.grouped("company_id").items():
            date = company._relance_date(now)
            # since they were prepared a payment may have arrived, or is under way
            stale = company._relance_bank_is_stale(date)
            sure = messages.plan_id.browse() if stale else messages.plan_id._undisturbed(date)
            going -= messages.filtered(lambda one: one.plan_id not in sure)  # noqa: B023
        return going

    def _is_true(self):
        """Whether plan and instalments are still as this message says."""
        self.ensure_one()
        if self.plan_id.state not in KINDS[self.kind]:
            return False
        states = {line.state for line in self.line_ids}
        return {
            "upcoming": bool(states & {"pending", "partial"}),
            "nudge": "late" in states,
            "notice": "late" in states,
            "receipt": states == {"paid"},
        }.get(self.kind, True)

    def _set_failed(self, error, now):
        self.write(
            {
                "error": str(error.args[0] if error.args else error),
                "error_date": self.company_id._relance_date(now),
            }
        )
        self.plan_id._tell_user("failed", self.error)

    def _dated(self, now):
        """These messages, writing as of the local date of ``now``."""
        return self.with_context(relance_date=self.company_id._relance_date(now))

    def _send_by_email(self, now):
        """One mail to the contact of the plan and to nobody else, into the outbox."""
        dated = self._dated(now)
        texts = dated._render_texts()
        bodies = dated._mail_bodies(texts)
        messages = self._create_messages(
            {one.id: texts[one.id][0] for one in self}, bodies, dated._mail_attachments()
        )
        self._create_mails(messages, bodies)
        self._set_sent(now, "pending")

    def _mail_attachments(self):
        """The signed agreement goes with the confirmation: dict id → list of attachments."""
        result = {}
        for message in self:
            plan = message.plan_id
            if message.kind == "confirmation" and plan.agreement_id:
                result[message.id] = [plan.agreement_id]
        return result

    def _send_by_sms(self, now):
        """The link in a text message, into the host's SMS queue."""
        for message in self:
            plan = message.plan_id
            text = message.with_context(lang=message.lang).env._(
                "%(company)s: your payment plan to read and sign: %(link)s",
                company=plan.company_id.name,
                link=plan._customer_url(),
            )
            message.message_id = plan._message_sms(
                text, partner_ids=False, sms_numbers=[plan.signer_mobile], put_in_queue=True
            )
        self._set_sent(now, "pending")

    def _send_by_letter(self, now):
        """Render the letter; it is sent once it is marked as posted."""
        contents = self._dated(now)._render_letters()
        for message in self:
            attachment = message.plan_id._keep_pdf(f"{message.display_name}.pdf", contents[message.id])
            message.write(
                {
                    "attachment_id": attachment.id,
                    "date_prepared": message.company_id._relance_date(now),
                    "error": False,
                    "error_date": False,
                }
            )
            message.plan_id._message_log(
                body=self.env._("Letter to post: %s", message.display_name), attachment_ids=attachment.ids
            )
            message.plan_id._tell_user("letter")

    def _render_letters(self):
        """PDF of each message as a letter: dict id → bytes.

        :raise UserError: where wkhtmltopdf is missing
        """
        report = self.env.ref("relance_douce.report_plan_letter").sudo()
        report._relance_check_printer()
        return report._relance_letters(self)

    def action_mark_posted(self):
        """These letters are in the post."""
        self.plan_id._allowed()
        letters = self.sudo().filtered(lambda one: one.channel == "letter" and one.state == "ready")
        letters.filtered(lambda one: not one.date_prepared)._send_now()
        letters._set_sent(fields.Datetime.now(), "delivered")
        for plan in letters.plan_id:
            plan._message_log(body=self.env._("Letter posted."))
        letters.plan_id._task_done("letter")
        return True

    def action_print(self):
        """Open the letter."""
        self.ensure_one()
        self.plan_id._allowed()
        if not self.attachment_id:
            self.sudo()._send_by_letter(fields.Datetime.now())
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self.attachment_id.id}?download=true",
            "target": "new",
        }

    # -- out of the outbox -------------------------------------------------------------------------------
    def _still_claimed(self, now):
        return self._still_true(now)

    def _is_as_booked(self):
        return self._is_true()

    def _withdraw(self, now):
        """What it says was overtaken before it left; the same may be said again."""
        self.ensure_one()
        speaker = self.with_context(lang=self.company_id._relance_lang())
        speaker.plan_id._message_log(
            body=speaker.env._(
                "“%s” was taken back: what it says has changed before it left.", self.message_id.subject or ""
            )
        )
        self._drop_mail()
        self._set_void()
        if self.kind == "notice":
            self.plan_id.date_notice = False

    # -- delivery --------------------------------------------------------------------------------------
    def _undeliverable(self, why):
        """What does not arrive goes by post; whoever is in charge finds the letter to post."""
        for message in self.filtered(lambda one: one.channel != "letter"):
            message.plan_id._message_log(body=self.env._("%s It goes by post.", why))
            message.write({"state": "ready", "channel": "letter", "date_prepared": False})

    # -- texts ------------------------------------------------------------------------------------------
    def _thread(self):
        return self.plan_id

    def _template(self):
        self.ensure_one()
        # written by whoever may edit e-mail templates, read by whoever sends
        return self.env.ref(f"relance_douce.mail_template_plan_{self.kind}").sudo()

    def _render_texts(self):
        """Subject and text of each message, in its language: dict id → (str, Markup)."""
        result = {}
        for (_kind, lang), messages in self.grouped(lambda one: (one.kind, one.lang)).items():
            template = messages[0]._template().with_context(lang=lang)
            try:
                subjects = template._render_field("subject", messages.ids, set_lang=lang)
                bodies = template._render_field("body_html", messages.ids, set_lang=lang)
            except Exception as error:
                raise UserError(
                    self.env._(
                        "The text of the template “%(template)s” cannot be written: %(error)s",
                        template=template.name,
                        error=str(error.__cause__ or error).strip().splitlines()[-1],
                    )
                ) from error
            for message in messages:
                result[message.id] = (subjects[message.id], bodies[message.id])
        return result


class RelancePlan(models.Model):
    _inherit = "relance.plan"

    def _create_messages_of(self, kind, lines=None, date=None):
        """A message of this kind for each of these plans."""
        messages = self.env["relance.plan.message"]
        return messages.create(
            [
                messages._values(
                    kind,
                    plan,
                    plan._lines_to_thank_for() if kind == "thanks" else lines or plan.line_ids.browse(),
                    date,
                )
                for plan in self
            ]
        )

    def _lines_to_thank_for(self):
        """The last payment: what no receipt spoke of yet."""
        said = self.message_log_ids.filtered(
            lambda one: (
                (one.kind == "receipt" and one.state in LIVE_MESSAGES)
                or (one.kind == "thanks" and one.date_sent)
            )
        )
        return (self.line_ids - said.line_ids).filtered("amount_money").sorted("sequence")

    def _message_channel(self, kind):
        """The channel that reaches the contact of this plan: e-mail, else a letter."""
        self.ensure_one()
        asked = self.link_channel if kind in ("proposal", "counter_refused") else "email"
        if asked == "letter" or (asked == "sms" and self.signer_mobile):
            return asked
        contact = self.contact_id.sudo()
        usable = contact.email_normalized and contact.email_normalized != contact.relance_bounced_email
        return "email" if usable else "letter"

    def _amount_accelerated(self):
        """What is due at once when the instalments end: what the books leave open."""
        self.ensure_one()
        return sum(
            claim.move_line_id.amount_residual_currency
            for claim in self.claim_ids
            if claim.move_line_id.parent_state == "posted"
        )

    def _customer_url(self):
        """The customer's own link, with its token."""
        self.ensure_one()
        return self.get_base_url() + self.get_portal_url()
