from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, format_date

from .relance_decision import SETTLED_STATES
from .relance_level import TONES


class RelanceCase(models.Model):
    _name = "relance.case"
    _description = "Dunning Case"
    _inherit = ["mail.tracking.duration.mixin", "mail.activity.mixin"]
    _track_duration_field = "level_id"
    _order = "next_date, id desc"
    _mail_post_access = "read"

    partner_id = fields.Many2one(
        "res.partner",
        string="Payer",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True, ondelete="cascade")
    currency_id = fields.Many2one(related="company_id.currency_id")
    state = fields.Selection(
        [
            ("open", "Open"),
            ("settled", "Settled"),
            ("handed_over", "Handed over"),
            ("written_off", "Written off"),
        ],
        required=True,
        readonly=True,
        default="open",
        tracking=True,
    )
    level_id = fields.Many2one(
        "relance.level",
        string="Level reached",
        readonly=True,
        ondelete="set null",
        tracking=True,
    )
    tone = fields.Selection(TONES, compute="_compute_tone", store=True, group_expand="_expand_tones")
    next_date = fields.Date(string="Next step", readonly=True)
    user_id = fields.Many2one("res.users", string="In charge", tracking=True)
    salesperson_id = fields.Many2one(related="partner_id.user_id", string="Salesperson", tracking=False)
    paused_until = fields.Date(tracking=True)
    pause_reason = fields.Char(tracking=True)
    date_closed = fields.Date(readonly=True)

    reminder_ids = fields.One2many("relance.reminder", "case_id", string="Reminders")
    reminder_count = fields.Integer(compute="_compute_reminder_count")
    plan_ids = fields.One2many("relance.plan", "case_id", string="Payment plans")
    plan_count = fields.Integer(compute="_compute_plan_count")
    open_line_ids = fields.Many2many(
        "account.move.line", compute="_compute_open_lines", compute_sudo=True, string="Open invoices"
    )
    amount_overdue = fields.Monetary(
        compute="_compute_open_lines", compute_sudo=True, string="Overdue", help="In the company's currency."
    )
    days_late = fields.Integer(compute="_compute_open_lines", compute_sudo=True, string="Oldest, days late")

    _open_unique = models.UniqueIndex(
        "(partner_id, company_id) WHERE state = 'open'",
        "There is already an open case for this payer.",
    )

    @api.depends("partner_id", "state")
    def _compute_display_name(self):
        for case in self:
            case.display_name = case.partner_id.display_name or ""

    @api.depends("reminder_ids")
    def _compute_reminder_count(self):
        counts = dict(
            self.env["relance.reminder"]._read_group([("case_id", "in", self.ids)], ["case_id"], ["__count"])
        )
        for case in self:
            case.reminder_count = counts.get(case._origin, 0)

    @api.depends("plan_ids")
    def _compute_plan_count(self):
        counts = dict(
            self.env["relance.plan"]._read_group([("case_id", "in", self.ids)], ["case_id"], ["__count"])
        )
        for case in self:
            case.plan_count = counts.get(case._origin, 0)

    @api.depends("level_id.tone", "reminder_ids.state", "reminder_ids.level_id")
    def _compute_tone(self):
        """Tone of the level reached, else of what is being prepared."""
        for case in self:
            live = case.reminder_ids._live()
            case.tone = case.level_id.tone or live[:1].level_id.tone

    def _compute_open_lines(self):
        lines_of = self._open_lines()
        for case in self:
            lines = lines_of.get(case._origin.id, self.env["account.move.line"])
            overdue = case._overdue(lines)
            case.open_line_ids = lines
            case.amount_overdue = sum(overdue.mapped("amount_residual"))
            case.days_late = case._days_late(overdue)

    def _overdue(self, lines):
        """Those of ``lines`` whose due date is past today."""
        if not lines:
            return lines
        today = self.company_id._relance_date()
        return lines.filtered(lambda line: (line.date_maturity or line.date) < today)

    def _days_late(self, lines):
        """Days since the oldest due date of ``lines``, 0 if there are none."""
        if not lines:
            return 0
        today = self.company_id._relance_date()
        return max((today - (line.date_maturity or line.date)).days for line in lines)

    def _open_lines(self):
        """Open lines of the payers of open cases: case id → journal items, oldest first."""
        self.env["account.move.line"].flush_model()
        self.env["account.move"].flush_model(["payment_state"])
        self.flush_model(["partner_id", "company_id"])
        self.env["res.partner"].flush_model(["relance_payer_id", "commercial_partner_id"])
        if not self.ids:
            return {}
        accounts = [account for company in self.company_id for account in company._relance_account_ids()]
        rows = self.env.execute_query(
            SQL(
                """
                SELECT dunning.id, array_agg(aml.id ORDER BY aml.date_maturity, aml.id)
                  FROM account_move_line aml
                  JOIN account_move move ON move.id = aml.move_id
                  JOIN res_partner customer ON customer.id = aml.partner_id
                  JOIN res_partner debtor ON debtor.id = customer.commercial_partner_id
                  JOIN relance_case dunning
                    ON dunning.partner_id = COALESCE(debtor.relance_payer_id, debtor.id)
                   AND dunning.company_id = aml.company_id
                 WHERE dunning.id IN %(cases)s
                   AND aml.account_id = ANY(%(accounts)s)
                   AND aml.reconciled IS NOT TRUE
                   AND aml.parent_state = 'posted'
                   AND aml.amount_residual > 0
                   AND move.payment_state NOT IN %(settled)s
              GROUP BY dunning.id
                """,
                cases=tuple(self.ids),
                accounts=accounts,
                settled=SETTLED_STATES,
            )
        )
        # read together, whatever case they belong to
        prefetch = [line for _case, lines in rows for line in lines]
        items = self.env["account.move.line"]
        return {case: items.browse(lines).with_prefetch(prefetch) for case, lines in rows}

    @api.model
    def _expand_tones(self, tones, domain):
        """Every level is a column of the kanban, also an empty one."""
        return [tone for tone, _label in TONES]

    #: what a person may write by hand; everything else moves through the engine and the actions
    _writable = frozenset({"user_id", "paused_until", "pause_reason"})
    #: the host's own bookkeeping of threads
    _host_writable = ("message_", "activity_", "website_message_")

    def write(self, vals):
        if not self.env.su and any(
            name not in self._writable and not name.startswith(self._host_writable) for name in vals
        ):
            raise AccessError(
                self.env._("Cases follow the books and their reminders, they are not set by hand.")
            )
        if "paused_until" in vals:
            self.env["account.move"]._relance_invalidate()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_contacts(self):
        """What left for a customer stays on record."""
        if self.sudo().reminder_ids.filtered("date_sent"):
            raise UserError(self.env._("Reminders left for this case: it stays as their history."))

    # -- tracking ---------------------------------------------------------------------
    def _message_track(self, fields_iter, initial_values_dict):
        """As the host notes changes, but all notes in one go: levels change in bulk.

        What a subtype announces to followers is left to the host.
        """
        if len(self) < 2 or not fields_iter:
            return super()._message_track(fields_iter, initial_values_dict)
        info = self.fields_get(fields_iter, attributes=("string", "type", "selection", "currency_field"))
        cases = self.exists()
        tracking = {case.id: case._mail_track(info, initial_values_dict[case.id]) for case in cases}
        changed = cases.filtered(lambda case: tracking[case.id][0])
        told = changed.filtered(
            lambda case: case._track_subtype(
                {name: initial_values_dict[case.id][name] for name in tracking[case.id][0]}
            )
        )
        if told:
            super(RelanceCase, told)._message_track(fields_iter, initial_values_dict)
        noted = changed - told
        # the notes of each author of his own; without one, the user's
        authors = self.env.cr.precommit.data.pop(f"mail.tracking.author.{self._name}", {})
        bodies = self.env.cr.precommit.data.pop(f"mail.tracking.message.{self._name}", {})
        values = []
        for author, own in noted.grouped(lambda case: authors.get(case.id)).items():
            messages = own._message_log_batch(
                {
                    case.id: bodies.get(case.id)
                    or case._track_get_default_log_message(tracking[case.id][0])
                    or ""
                    for case in own
                },
                author_id=author.id if author else None,
            )
            for case, message in zip(own, messages, strict=True):
                values += [{**command[2], "mail_message_id": message.id} for command in tracking[case.id][1]]
        # what changed is the host's to keep, whoever changed it
        self.env["mail.tracking.value"].sudo().create(values)
        return tracking

    # -- states -----------------------------------------------------------------------
    def _update_state(self, allowed, new):
        """Move the cases that are in ``allowed`` to ``new``; return these."""
        moved = self.filtered(lambda case: case.state in allowed)
        moved.write({"state": new})
        return moved

    def _set_settled(self):
        return self._update_state(("open",), "settled")

    @api.private
    def _refresh(self):
        """Let level and state say what the books say: one query, whatever the number.

        A case is settled when no open line carries a level, nothing is prepared, no pause
        runs and nobody spoke about what is open; a settled case is never reopened.
        """
        cases = self.with_prefetch(self.ids).filtered(lambda case: case.state == "open")
        if not cases:
            return
        self.env["relance.reminder"].flush_model(["state", "case_id"])
        live = {
            case.id
            for [case] in self.env["relance.reminder"]._read_group(
                [("case_id", "in", cases.ids), ("state", "in", ("draft", "ready"))], ["case_id"]
            )
        }
        lines_of = cases._open_lines()
        spoken = cases._spoken_about()
        by_level = {}
        done = self.browse()
        for case in cases:
            lines = lines_of.get(case.id, self.env["account.move.line"])
            levels = lines.relance_level_id
            spoken_about = spoken.get(case.id, set()).intersection(lines.ids)
            if not levels and case.id not in live and not spoken_about and not (lines and case._is_paused()):
                done += case
                continue
            level = max(levels, key=lambda level: (level.delay_days, level.id), default=levels)
            if level != case.level_id:
                by_level.setdefault(level, []).append(case.id)
        for level, ids in by_level.items():
            self.browse(ids).level_id = level
        done._set_settled()
        for company in done.company_id:
            done.filtered(lambda case: case.company_id == company).write(  # noqa: B023
                {"date_closed": company._relance_date()}
            )

    def _is_paused(self):
        return bool(self.paused_until) and self.paused_until >= self.company_id._relance_date()

    def _spoken_about(self):
        """Journal items that people spoke about with these payers: case id → set of ids."""
        groups = self.env["relance.reminder.line"]._read_group(
            [
                ("case_id", "in", self.ids),
                ("move_line_id", "!=", False),
                ("reminder_id.kind", "=", "logged"),
                ("reminder_id.state", "=", "sent"),
            ],
            ["case_id"],
            ["move_line_id:array_agg"],
        )
        return {case.id: set(lines) for case, lines in groups}

    # -- what a person does --------------------------------------------------------------
    def action_pause(self, until=None, reason=None):
        """Leave these payers alone up to and including ``until``.

        What was planned for them and not sent yet is cancelled.
        """
        self.check_access("write")
        until = fields.Date.to_date(until)
        if not until:
            raise UserError(self.env._("Say until when dunning is paused."))
        self.write({"paused_until": until, "pause_reason": reason or False})
        live = self.reminder_ids._live()
        live._allowed()._set_cancelled(
            self.env._(
                "Paused until %(until)s. %(reason)s", until=format_date(self.env, until), reason=reason or ""
            ).strip()
        )

    def action_resume(self):
        """End the pause."""
        self.check_access("write")
        self.write({"paused_until": False, "pause_reason": False})

    def action_open_pause_wizard(self):
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Pause dunning"),
            "res_model": "relance.pause.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_case_ids": self.ids},
        }

    def action_open_reminders(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("relance_douce.action_relance_reminder")
        return {**action, "domain": [("case_id", "=", self.id)], "context": {}}

    def action_open_plans(self):
        self.ensure_one()
        return self.plan_ids._open_action()

    def action_negotiate_plan(self):
        """Open the negotiation of a payment plan over what is overdue of this payer."""
        self.ensure_one()
        self.check_access("read")
        lines = self.open_line_ids
        return self.env["relance.plan.negotiate"]._open(self._overdue(lines) or lines)

    def action_open_lines(self):
        self.ensure_one()
        self.check_access("read")
        moves = self.open_line_ids.move_id
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Open invoices"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", moves.ids)],
        }

    def action_print_statement(self):
        """The account statement of the payer, as a letter."""
        return self.env.ref("relance_douce.report_letter_statement").report_action(self.partner_id)

    def _tell_once(self, user, summary):
        """An activity for ``user`` on each of these cases that has none of this summary yet.

        :return: the activities made
        """
        activity_type = self.env.ref("mail.mail_activity_data_todo")
        # for somebody else, on behalf of the engine
        activities = self.env["mail.activity"].sudo()
        told = activities.search(
            [
                ("res_model", "=", self._name),
                ("res_id", "in", self.ids),
                ("summary", "=", summary),
            ]
        ).mapped("res_id")
        model = self.env["ir.model"]._get(self._name)
        return activities.create(
            [
                {
                    "activity_type_id": activity_type.id,
                    "res_model_id": model.id,
                    "res_id": case.id,
                    "user_id": user.id,
                    "summary": summary,
                }
                for case in self
                if case.id not in told
            ]
        )

    # -- merging -----------------------------------------------------------------------------
    @api.model
    @api.private
    def _merge_cases_of(self, partners, payer=None):
        """Join the open cases of what becomes one payer, before the index objects.

        The payer's case, else the oldest one of each company, stays; reminders and messages
        move to it. What was planned but not sent is cancelled: the next run makes one
        message of it.

        :param partners: ``res.partner`` that become one
        :param payer: the one that stays, if it is known already
        """
        cases = self.search([("partner_id", "in", partners.ids), ("state", "=", "open")])
        for own in cases.grouped("company_id").values():
            ordered = own.sorted(lambda case: (case.partner_id != payer, case.id))
            for other in ordered[1:]:
                other._hand_over_pause(ordered[0])
                other._join(ordered[0])

    def _join(self, keep):
        """Move everything of this open case to ``keep`` and close it."""
        self.ensure_one()
        live = (self + keep).reminder_ids._live()
        live._set_cancelled(self.env._("The customer was merged with another one."))
        self.reminder_ids.line_ids.write({"case_id": keep.id})
        self.reminder_ids.write({"case_id": keep.id, "partner_id": keep.partner_id.id})
        self.plan_ids.write({"case_id": keep.id, "partner_id": keep.partner_id.id})
        self.activity_ids.write({"res_id": keep.id})
        # how long this case stood at which level stays its own: two ladders are not added up
        steps = (
            self.env["mail.tracking.value"]
            .sudo()  # the host's bookkeeping of the case that is joined
            .search(
                [
                    ("mail_message_id.model", "=", self._name),
                    ("mail_message_id.res_id", "=", self.id),
                    ("field_id.model", "=", self._name),
                    ("field_id.name", "=", self._track_duration_field),
                ]
            )
            .mail_message_id
        )
        self.message_change_thread(keep)
        steps.write({"res_id": self.id})
        self._note_joined(keep)
        self._set_settled()

    def _hand_over_pause(self, keep):
        """Whoever was promised to be left alone is left alone: the longer pause holds."""
        if self.paused_until and (not keep.paused_until or keep.paused_until < self.paused_until):
            keep.write({"paused_until": self.paused_until, "pause_reason": self.pause_reason})

    def _note_joined(self, keep):
        """Whoever reads the history of ``keep`` sees whose messages came to it, and when."""
        keep = keep.with_context(lang=keep.company_id._relance_lang())
        keep._message_log(
            body=keep.env._(
                "The case of %s was joined with this one: its reminders, plans and messages stand here now.",
                self.partner_id.name,
            )
        )

    @api.model
    @api.private
    def _payer_changed(self, before, after):
        """``after`` answers now for what ``before`` answered for.

        What was planned for the old payer and not sent is planned anew for the new one. The
        case of somebody who answers for nothing any more goes over to the new payer.
        """
        cases = self.search([("partner_id", "in", before.ids), ("state", "=", "open")])
        live = cases.reminder_ids._live()
        live._set_cancelled(self.env._("%s answers for these invoices now.", after.display_name))
        for case in cases:
            if case.partner_id._relance_payer() != case.partner_id:
                case._hand_to(after)
        cases._refresh()

    def _hand_to(self, payer):
        """This open case goes over to ``payer``, into his own if he has one."""
        self.ensure_one()
        own = self.search(
            [
                ("partner_id", "=", payer.id),
                ("company_id", "=", self.company_id.id),
                ("state", "=", "open"),
            ]
        )
        if own:
            self._join(own)
        else:
            self.partner_id = payer
            self.reminder_ids.write({"partner_id": payer.id})
            self.plan_ids.write({"partner_id": payer.id})
