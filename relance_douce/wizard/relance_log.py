"""Log a contact in three clicks."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

#: what can be logged: way → (channel, direction); where there is None, the direction is asked
WAYS = {
    "call_in": ("call", "incoming"),
    "call_out": ("call", "outgoing"),
    "email_in": ("email", "incoming"),
    "email_out": ("email", "outgoing"),
    "sms": ("sms", None),
    "letter": ("letter", None),
    "visit": ("visit", False),
    "meeting": ("meeting", False),
}


class RelanceLog(models.TransientModel):
    """Asks what happened, with whom, and about which invoices."""

    _name = "relance.log"
    _description = "Log a Contact"

    reminder_id = fields.Many2one("relance.reminder", help="The contact that is corrected.")
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    partner_id = fields.Many2one(
        "res.partner", string="Customer", required=True, domain="[('parent_id', '=', False)]"
    )
    is_chosen = fields.Boolean(help="The customer is known from where the dialog was opened.")
    payer_id = fields.Many2one("res.partner", compute="_compute_payer")
    way = fields.Selection(
        [
            ("call_in", "Incoming call"),
            ("call_out", "Outgoing call"),
            ("email_in", "E-mail received"),
            ("email_out", "E-mail sent"),
            ("sms", "SMS"),
            ("letter", "Letter"),
            ("visit", "Visit"),
            ("meeting", "Meeting"),
        ],
        string="What happened",
        required=True,
    )
    direction = fields.Selection(
        [("incoming", "From the customer"), ("outgoing", "To the customer")],
        compute="_compute_direction",
        store=True,
        readonly=False,
    )
    date = fields.Date(
        string="On", required=True, compute="_compute_date", store=True, readonly=False, precompute=True
    )
    party_ids = fields.Many2many("res.partner", compute="_compute_parties")
    has_several = fields.Boolean(compute="_compute_parties", help="Invoices of several customers are open.")
    contact_id = fields.Many2one(
        "res.partner", string="With", compute="_compute_contact", store=True, readonly=False
    )
    note = fields.Text(string="What was said")
    line_ids = fields.One2many(
        "relance.log.line",
        "log_id",
        string="About",
        compute="_compute_lines",
        store=True,
        readonly=False,
    )
    pause_until = fields.Date(
        string="No reminders until",
        groups="relance_douce.group_relance_user",
        help="Last day without reminders. What is prepared is not sent.",
    )

    # -- opening -----------------------------------------------------------------------------
    @api.model
    def default_get(self, fields_list):
        """The action may be opened from invoices, a customer or a case as well."""
        values = super().default_get(fields_list)
        if not values.get("partner_id"):
            values.update(self._defaults_of_active())
        values["is_chosen"] = bool(values.get("partner_id"))
        return values

    @api.model
    def _defaults_of_active(self):
        """Customer and company of the records that the dialog was opened from."""
        model, ids = self.env.context.get("active_model"), self.env.context.get("active_ids")
        if not ids or model not in ("account.move", "res.partner", "relance.case", "relance.reminder"):
            return {}
        records = self.env[model].browse(ids).exists()
        records.check_access("read")
        people = records if model == "res.partner" else records.partner_id
        company = self.env.company if model == "res.partner" else records.company_id
        return self._defaults_for(company, people)

    @api.model
    def _defaults_for(self, company, people):
        """Company and customer, if these people have one payer.

        :raise UserError: they have several
        """
        payer = people._relance_payer()
        if len(payer) != 1 or len(company) != 1:
            raise UserError(
                self.env._("A contact is with one customer: choose what belongs to one customer and company.")
            )
        customers = people.commercial_partner_id
        return {
            "company_id": company.id,
            "partner_id": (customers if len(customers) == 1 else payer).id,
        }

    @api.model
    @api.private
    def _open(self, company, people, moves=None):
        """The dialog for a contact with the payer of ``people``.

        :param people: customers, or one person who was spoken to
        :param moves: invoices it certainly was about
        :raise AccessError: not a customer of the user
        """
        defaults = self._defaults_for(company, people)
        self.env["relance.case"]._check_may_see(company, people._relance_payer())
        if len(people) == 1 and people != people.commercial_partner_id:
            defaults["contact_id"] = people.id
        return self._action(
            self.env._("Log a contact"),
            **{f"default_{name}": value for name, value in defaults.items()},
            relance_move_ids=moves.ids if moves else [],
        )

    @api.model
    @api.private
    def _open_for(self, reminder):
        """The dialog of a contact that was logged already."""
        way = next(
            (
                way
                for way, (channel, direction) in WAYS.items()
                if channel == reminder.channel and direction in (None, reminder.direction)
            ),
            False,
        )
        return self._action(
            self.env._("Correct a contact"),
            default_reminder_id=reminder.id,
            default_company_id=reminder.company_id.id,
            default_partner_id=reminder.partner_id.id,
            default_way=way,
            default_direction=reminder.direction,
            default_date=reminder.contact_date,
            default_contact_id=reminder.contact_id.id,
            default_note=reminder.note,
        )

    @api.model
    def _action(self, name, **context):
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": self._name,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": context,
        }

    # -- what is proposed ----------------------------------------------------------------------
    @api.depends("partner_id")
    def _compute_payer(self):
        for log in self:
            log.payer_id = log.partner_id._relance_payer()[:1]

    @api.depends("way")
    def _compute_direction(self):
        for log in self:
            _channel, direction = WAYS.get(log.way, (None, False))
            log.direction = (log.direction or "outgoing") if direction is None else direction

    @api.depends("company_id")
    def _compute_date(self):
        for log in self:
            log.date = log.date or log.company_id._relance_date()

    @api.depends("line_ids.debtor_id", "payer_id", "partner_id")
    def _compute_parties(self):
        """Who may have spoken: people of the payer and of those he pays for."""
        for log in self:
            log.has_several = len(log.line_ids.debtor_id) > 1
            log.party_ids = log.payer_id + log.partner_id.commercial_partner_id + log.line_ids.debtor_id

    @api.depends("partner_id")
    def _compute_contact(self):
        for log in self:
            customer = log.partner_id.sudo()  # whom reminders go to is no secret to who may log
            log.contact_id = customer.relance_contact_id or customer

    @api.depends("partner_id", "company_id", "reminder_id")
    def _compute_lines(self):
        """What is open of the payer: overdue, or opened from there, is meant."""
        wanted = self.env.context.get("relance_move_ids") or []
        for log in self:
            commands = [Command.clear()]
            if log.partner_id and self.env["relance.case"]._may_see(log.company_id, log.payer_id):
                commands += [Command.create(values) for values in log._proposed(wanted)]
            log.line_ids = commands

    def _proposed(self, wanted):
        """Values of the lines: what a contact to correct was about, and what is open."""
        today = self.company_id._relance_date()
        # of the payer whose case the user may see
        told = self.reminder_id.sudo().filtered(lambda one: one.partner_id == self.payer_id).line_ids
        kept = [
            {
                "move_line_id": content.move_line_id.id,
                "chosen": True,
                "name": content.name,
                "debtor_id": content.debtor_id.id,
                "date_due": content.date_maturity,
                "amount": content.amount_residual,
                "currency_id": content.currency_id.id,
            }
            for content in told
            if content.move_line_id
        ]
        known = set(told.move_line_id.ids)
        return kept + [
            {
                "move_line_id": item["move_line_id"],
                "chosen": not self.reminder_id and (item["date_due"] < today or item["move_id"] in wanted),
                "name": item["number"],
                "debtor_id": item["debtor"].id,
                "date_due": item["date_due"],
                "amount": item["left"],
                "currency_id": item["currency"].id,
            }
            for item in self.payer_id._relance_open_items(self.company_id)
            if item["left"] > 0 and item["move_line_id"] not in known
        ]

    # -- saving ----------------------------------------------------------------------------------
    def action_confirm(self):
        """Log the contact and say in one sentence what follows."""
        self.ensure_one()
        channel, _direction = WAYS[self.way]
        values = {
            "channel": channel,
            "direction": self.direction,
            "date": self.date,
            "contact_id": self.contact_id.id,
            "note": self.note,
        }
        items = self.line_ids.filtered("chosen").move_line_id
        if self.reminder_id:
            contact = self.reminder_id
            contact._correct_contact(items, **values)
            planned = contact.sudo().case_id.reminder_ids._live()
        else:
            # what was planned for her customer a salesperson may read
            planned = self._planned()
            contact = self.env["relance.reminder"]._log_contact(
                self.company_id, self.payer_id, items, **values
            )
        until = self.sudo().pause_until
        if until:
            contact._pause_agreed(until)
        return self._notification(contact._what_waits(planned))

    def _planned(self):
        """Reminders to the payer that were prepared and did not leave yet."""
        return self.env["relance.reminder"].search(
            [
                ("partner_id", "=", self.payer_id.id),
                ("company_id", "=", self.company_id.id),
                ("state", "in", ("draft", "ready")),
            ]
        )

    def _notification(self, sentence):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "title": self.env._("Contact logged"),
                "message": sentence or self.env._("It stands in the history of the customer."),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }


class RelanceLogLine(models.TransientModel):
    """An open invoice that may have been spoken about."""

    _name = "relance.log.line"
    _description = "Invoice Spoken About"
    _order = "date_due, id"

    log_id = fields.Many2one("relance.log", required=True, ondelete="cascade")
    move_line_id = fields.Many2one("account.move.line", required=True, ondelete="cascade")
    chosen = fields.Boolean(string="Spoken about")
    name = fields.Char(string="Invoice")
    debtor_id = fields.Many2one("res.partner", string="Customer")
    date_due = fields.Date(string="Due date")
    amount = fields.Monetary(string="Left to pay")
    currency_id = fields.Many2one("res.currency")
