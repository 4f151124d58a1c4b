"""The first steps: a checklist whose states are facts, and the switch at its end."""

from collections import namedtuple

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

#: state: ``done``, ``todo`` or ``optional``; sentence: what was found; button and other: labels of the
#: buttons that do it (:meth:`RelanceStart._do_<code>`) and that help with it (``_help_<code>``)
Fact = namedtuple("Fact", "state sentence button other", defaults=("", ""))


class RelanceStart(models.Model):
    """How far a company is with setting up its reminders: one record per company."""

    _name = "relance.start"
    _description = "First Steps"
    _inherit = ["mail.thread"]

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    step_ids = fields.One2many("relance.start.step", "start_id", string="Steps", readonly=True)
    date_start = fields.Date(string="First day", help="The first reminders leave on this day, none before.")
    progress = fields.Char(compute="_compute_progress")
    status = fields.Char(compute="_compute_switch")
    is_active = fields.Boolean(related="company_id.relance_active", string="Switched on")
    is_running = fields.Boolean(compute="_compute_switch", help="Reminders are on, and their first day came.")
    blocker = fields.Char(compute="_compute_switch", help="What keeps reminders from being switched on.")
    start_label = fields.Char(compute="_compute_start_label")

    _company_unique = models.Constraint(
        "UNIQUE (company_id)", "The first steps of this company were already begun."
    )

    @api.depends("company_id")
    def _compute_display_name(self):
        for start in self:
            start.display_name = self.env._("First steps")

    @api.depends("step_ids.state")
    def _compute_progress(self):
        for start in self:
            count = len(start.step_ids)
            done = count - len(start.step_ids.filtered(lambda step: step.state == "todo"))
            if done == count:
                start.progress = self.env._("Everything is settled.")
            elif done == 1:
                start.progress = self.env._("1 of %s steps is settled.", count)
            else:
                start.progress = self.env._(
                    "%(done)s of %(count)s steps are settled.", done=done, count=count
                )

    @api.depends("company_id.relance_active", "company_id.relance_start_date")
    def _compute_switch(self):
        for start in self:
            company = start.company_id
            banner = company._relance_banner()
            start.is_running = not banner
            start.status = (
                banner["text"]
                if banner
                else self.env._(
                    "Reminders are on: prepared each morning, sent within your office hours. What needs "
                    "approval waits for it."
                )
            )
            start.blocker = not company.relance_active and company._relance_start_blocker()

    @api.depends("date_start")
    def _compute_start_label(self):
        for start in self:
            start.start_label = (
                self.env._("Start on %s", start.company_id._relance_day_in_full(start.date_start))
                if start.date_start
                else self.env._("Start")
            )

    # -- opening -------------------------------------------------------------------------------------
    @api.model
    @api.private
    def _for_company(self, company):
        """The first steps of ``company``, with a step for each one that is known today."""
        company = company.with_env(self.env)  # the rights that count are those of whoever asks
        company._relance_check_manager()
        # the record only keeps what was decided; its readers decide through its actions
        starts = self.sudo().with_context(mail_create_nolog=True, mail_create_nosubscribe=True)
        start = starts.search([("company_id", "=", company.id)]) or starts.create({"company_id": company.id})
        start._refresh()
        return start.with_env(self.env)

    def _refresh(self):
        """Follow the steps that are known, and a first day that has passed."""
        self.ensure_one()
        known = list(self._steps())
        have = {step.code: step for step in self.step_ids}
        self.write(
            {
                "step_ids": [
                    *(
                        fields.Command.create({"code": code, "sequence": sequence})
                        for sequence, code in enumerate(known)
                        if code not in have
                    ),
                    *(fields.Command.delete(step.id) for code, step in have.items() if code not in known),
                ]
            }
        )
        moved = self.step_ids.filtered(lambda step: step.sequence != known.index(step.code))
        for step in moved:
            step.sequence = known.index(step.code)
        if moved:
            self.invalidate_recordset(["step_ids"])
        today = self.company_id._relance_date()
        if not self.company_id.relance_active and (not self.date_start or self.date_start < today):
            self.date_start = self.company_id._relance_next_start(today)

    @api.model
    @api.private
    def _open(self):
        """The screen of the current company."""
        start = self._for_company(self.env.company)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("First steps"),
            "path": "reminders-start",
            "res_model": "relance.start",
            "res_id": start.id,
            "view_mode": "form",
            "views": [(self.env.ref("relance_douce.relance_start_view_form").id, "form")],
            "target": "current",
        }

    # -- the registry of steps -----------------------------------------------------------------------
    @api.model
    @api.private
    def _steps(self):
        """The steps in order: code → name. An addon adds its own with ``_fact_…`` and ``_do_…``."""
        _ = self.env._
        return {
            "company": _("Company details"),
            "calendar": _("Working hours and public holidays"),
            "bank": _("Fresh bank data"),
            "mail": _("Outgoing e-mail"),
            "policies": _("Dunning policies"),
            "approver": _("Who approves"),
            "mentions": _("Mandatory mentions on invoices"),
            "accounts": _("Journals and accounts that are chased"),
            "audience": _("Customers to be qualified"),
            "overdue": _("Who is overdue today"),
            "preview": _("Preview of the first run"),
        }

    def _facts(self, codes):
        """What the books say about these steps: code → :class:`Fact`.

        Each is asked in a number of queries that does not depend on customers or invoices.
        """
        self.ensure_one()
        date = self.company_id._relance_date()
        start = self.with_company(self.company_id)
        return {code: getattr(start, f"_fact_{code}")(date) for code in codes}

    def _step(self, code):
        return self.step_ids.filtered(lambda step: step.code == code)

    # -- what people may write by hand -----------------------------------------------------------------
    def write(self, vals):
        if not self.env.su and not vals.keys() <= {"date_start"}:
            raise AccessError(self.env._("The first steps are taken with their buttons, not by hand."))
        return super().write(vals)

    def _allowed(self):
        """These records with full rights, once the user's own were checked."""
        self.check_access("write")
        self.company_id._relance_check_manager()
        return self.sudo()

    # -- the switch ------------------------------------------------------------------------------------
    def action_start(self):
        """Switch reminders on from the chosen day on."""
        self.ensure_one()
        start, company = self._allowed(), self.company_id
        company._relance_start(self.date_start, company._relance_date())
        banner = company._relance_banner()
        start._message_log(body=banner["text"] if banner else self.env._("Reminders are on."))
        # the menu of the first steps goes, what was prepared is looked at
        today = self.env.ref("relance_douce.action_relance_today")
        return {"type": "ir.actions.client", "tag": "reload", "params": {"action_id": today.id}}

    def action_stop(self):
        """Switch reminders off at once, and say what is pending."""
        self.ensure_one()
        start = self._allowed()
        sentence = self.company_id._relance_stop()
        start._refresh()
        start._message_log(body=sentence)
        return self._notify(sentence, kind="warning", sticky=True)

    def _notify(self, text, kind="success", sticky=False):
        """A word on the screen, which is read anew."""
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": text,
                "type": kind,
                "sticky": sticky,
                "next": {"type": "ir.actions.act_window_close"},
            },
        }


class RelanceStartStep(models.Model):
    """One step: what was found, and what a person decided about it."""

    _name = "relance.start.step"
    _description = "First Step"
    _order = "sequence, id"
    _rec_name = "name"

    start_id = fields.Many2one("relance.start", required=True, readonly=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="start_id.company_id", store=True)
    code = fields.Char(required=True, readonly=True)
    sequence = fields.Integer(readonly=True)
    skipped = fields.Boolean(string="Not needed", readonly=True)
    decided_on = fields.Date(readonly=True, help="Day on which somebody confirmed or skipped this step.")
    decided_by_id = fields.Many2one("res.users", string="Decided by", readonly=True, ondelete="set null")

    name = fields.Char(compute="_compute_name")
    state = fields.Selection(
        [("done", "Done"), ("todo", "To do"), ("optional", "Optional"), ("skipped", "Not needed")],
        compute="_compute_facts",
    )
    sentence = fields.Char(compute="_compute_facts")
    button = fields.Char(compute="_compute_facts", help="What the button does.")
    other = fields.Char(compute="_compute_facts", help="What the second button does.")
    can_skip = fields.Boolean(compute="_compute_facts")
    is_next = fields.Boolean(compute="_compute_facts", help="The first step that is still to be done.")

    _code_unique = models.Constraint("UNIQUE (start_id, code)", "There is this step already.")

    def _compute_name(self):
        names = self.env["relance.start"]._steps()
        for step in self:
            step.name = names.get(step.code)

    #: without them reminders cannot be switched on
    _never_skipped = frozenset({"preview"})

    @api.depends("skipped", "decided_on")
    def _compute_facts(self):
        for start, steps in self.grouped("start_id").items():
            facts = start._facts(steps.mapped("code"))
            for step in steps:
                fact = facts[step.code]
                step.state = "skipped" if step.skipped and fact.state != "done" else fact.state
                step.sentence = fact.sentence
                step.button = fact.button
                step.other = fact.other
                step.can_skip = step.state == "todo" and step.code not in self._never_skipped
            following = steps.filtered(lambda step: step.state == "todo").sorted("sequence")[:1]
            for step in steps:
                step.is_next = step == following

    def _confirm(self):
        """Somebody looked at these steps and agrees."""
        for start, steps in self.grouped("start_id").items():
            steps.sudo().write(  # whoever got here may set up reminders
                {
                    "skipped": False,
                    "decided_on": start.company_id._relance_date(),
                    "decided_by_id": self.env.uid,
                }
            )

    def action_do(self):
        """Do what this step asks for, or open the place where it is done."""
        self.ensure_one()
        self.start_id._allowed()
        return getattr(self.start_id, f"_do_{self.code}")()

    def action_help(self):
        """The second button: what helps with this step."""
        self.ensure_one()
        self.start_id._allowed()
        # a step that needs no help has none; a page that is not fresh may still ask for it
        helper = getattr(self.start_id, f"_help_{self.code}", None)
        return helper() if helper else False

    def action_skip(self):
        """This step is not needed here.

        :raise UserError: nobody starts without it
        """
        if not self._never_skipped.isdisjoint(self.mapped("code")):
            raise UserError(self.env._("Nothing starts before somebody looked at the preview."))
        for start, steps in self.grouped("start_id").items():
            start._allowed()._message_log(body=self.env._("Not needed: %s.", ", ".join(steps.mapped("name"))))
            steps._confirm()
            steps.sudo().skipped = True  # the right was just checked
        return True

    def action_unskip(self):
        """This step is needed after all."""
        self.start_id._allowed()
        self.sudo().write({"skipped": False, "decided_on": False, "decided_by_id": False})
        return True


class IrUiMenu(models.Model):
    _inherit = "ir.ui.menu"

    def _load_menus_blacklist(self):
        """The first steps leave the menu once reminders are switched on in all of a user's companies."""
        menus = super()._load_menus_blacklist()
        companies = self.env.user.company_ids
        menu = self.env.ref("relance_douce.menu_relance_start", raise_if_not_found=False)
        if menu and companies and all(companies.sudo().mapped("relance_active")):
            return [*menus, menu.id]
        return menus
