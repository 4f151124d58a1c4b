import re

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

#: without a right on reminders the invoice shows nothing of them
READERS = "relance_douce.group_relance_reader"
STATE_OF_VERDICT = {"send": "due", "hold": "held", "wait": "waiting"}


class AccountMove(models.Model):
    _inherit = "account.move"

    relance_level_id = fields.Many2one(
        "relance.level",
        string="Dunning level",
        compute="_compute_relance",
        search="_search_relance_level_id",
        compute_sudo=True,
        groups=READERS,
    )
    relance_next_level_id = fields.Many2one(
        "relance.level",
        string="Next level",
        compute="_compute_relance",
        search="_search_relance_next_level_id",
        compute_sudo=True,
        groups=READERS,
    )
    relance_next_date = fields.Date(
        string="Next step on",
        compute="_compute_relance",
        search="_search_relance_next_date",
        compute_sudo=True,
        groups=READERS,
    )
    relance_state = fields.Selection(
        [
            ("none", "None"),
            ("upcoming", "Upcoming"),
            ("due", "To remind"),
            ("waiting", "Waiting"),
            ("held", "Held"),
        ],
        string="Reminder",
        compute="_compute_relance",
        search="_search_relance_state",
        compute_sudo=True,
        groups=READERS,
    )
    relance_reason = fields.Char(
        string="Why?",
        compute="_compute_relance",
        search="_search_relance_reason",
        compute_sudo=True,
        groups=READERS,
    )
    relance_case_id = fields.Many2one(
        "relance.case",
        string="Dunning case",
        compute="_compute_relance",
        search="_search_relance_case_id",
        compute_sudo=True,
        groups=READERS,
    )
    relance_factor_id = fields.Many2one(
        "res.partner",
        string="Assigned to",
        copy=False,
        tracking=True,
        ondelete="restrict",
        help="The factor who bought this invoice and collects it: we neither remind nor grant a plan.",
        groups=READERS,
    )
    relance_plan_ids = fields.Many2many(
        "relance.plan",
        string="Payment plans",
        compute="_compute_relance_plans",
        search="_search_relance_plans",
        compute_sudo=True,
        groups=READERS,
    )
    relance_plan_count = fields.Integer(compute="_compute_relance_plans", compute_sudo=True, groups=READERS)
    relance_reminder_ids = fields.Many2many(
        "relance.reminder",
        string="Reminders",
        compute="_compute_relance_reminders",
        compute_sudo=True,
        groups=READERS,
    )
    relance_reminder_count = fields.Integer(
        compute="_compute_relance_reminders", compute_sudo=True, groups=READERS
    )

    # -- what the screens show, by one decision for the page ----------------------------------
    @api.depends_context("lang")
    def _compute_relance(self):
        rows = self._relance_rows()
        sentences = dict(
            zip(
                rows,
                self.env["relance.decision"]._explain(list(rows.values())),
                strict=True,
            )
        )
        for move in self:
            row = rows.get(move._origin.id)
            move.relance_level_id = row and row.level_id
            move.relance_next_level_id = row and row.target_level_id
            move.relance_next_date = row and move._relance_next_date_of(row)
            move.relance_state = move._relance_state_of(row)
            move.relance_reason = sentences.get(move._origin.id, False)
            move.relance_case_id = row and row.case_id

    def _relance_rows(self):
        """The row that speaks for each invoice: of its instalments the one furthest along.

        :return: dict move id → row of the decision
        """
        candidates = self.filtered(
            lambda move: (
                move._origin.id
                and move.state == "posted"
                and move.move_type in ("out_invoice", "out_receipt", "entry")
            )
        )
        rows = {}
        for company, moves in candidates.grouped("company_id").items():
            lines = moves._origin.line_ids.filtered(lambda line: line.account_type == "asset_receivable")
            if not lines.partner_id:
                continue
            for row in self.env["relance.decision"]._decide(
                company, company._relance_date(), lines.partner_id, move_lines=lines
            ):
                best = rows.get(row.move_id)
                if best is None or self._relance_rank(row) > self._relance_rank(best):
                    rows[row.move_id] = row
        return rows

    @api.model
    def _relance_rank(self, row):
        """What is due speaks before what is held, the oldest instalment before younger ones."""
        return ({"send": 2, "hold": 1}.get(row.verdict, 0), row.days_late)

    @api.model
    def _relance_state_of(self, row):
        if row is None:
            return "none"
        if row.reason == "not_due":
            return "upcoming"
        return STATE_OF_VERDICT[row.verdict]

    @api.model
    def _relance_next_date_of(self, row):
        if row.verdict == "hold":
            return row.until
        return max(filter(None, [row.next_date, row.until]), default=False)

    def _relance_invalidate(self):
        """Forget what was computed from the decision."""
        self.env["account.move"].invalidate_model(
            [
                "relance_level_id",
                "relance_next_level_id",
                "relance_next_date",
                "relance_state",
                "relance_reason",
                "relance_case_id",
                "relance_reminder_ids",
                "relance_reminder_count",
            ],
            flush=False,
        )
        self.env["res.partner"].invalidate_model(
            ["relance_level_id", "relance_case_id", "relance_summary", "relance_days_late"], flush=False
        )

    def _compute_relance_reminders(self):
        groups = dict(
            self.env["relance.reminder.line"]._read_group(
                [("move_id", "in", self._origin.ids)], ["move_id"], ["reminder_id:recordset"]
            )
        )
        for move in self:
            reminders = groups.get(move._origin, self.env["relance.reminder"])
            move.relance_reminder_ids = reminders
            move.relance_reminder_count = len(reminders)

    def _compute_relance_plans(self):
        groups = dict(
            self.env["relance.plan.claim"]._read_group(
                [("move_id", "in", self._origin.ids)], ["move_id"], ["plan_id:recordset"]
            )
        )
        for move in self:
            plans = groups.get(move._origin, self.env["relance.plan"])
            move.relance_plan_ids = plans
            move.relance_plan_count = len(plans)

    def _search_relance_plans(self, operator, value):
        claims = self.env["relance.plan.claim"].sudo()._search([("plan_id", operator, value)])
        return Domain(
            "id", "in", SQL("(SELECT move_id FROM relance_plan_claim WHERE id IN %s)", claims.subselect())
        )

    # -- search --------------------------------------------------------------------------------
    def _relance_search(self, condition):
        """Domain of the invoices whose speaking row of the decision meets ``condition``.

        The row that speaks is the one that :meth:`_relance_rank` chooses; ``shown_date`` is
        the date that :meth:`_relance_next_date_of` shows.
        """
        queries = [
            SQL(
                """
                SELECT move_id
                  FROM (SELECT DISTINCT ON (move_id) decision.*,
                               CASE WHEN verdict = 'hold' THEN until
                                    ELSE GREATEST(next_date, until) END AS shown_date
                          FROM (%s) decision
                      ORDER BY move_id,
                               CASE verdict WHEN 'send' THEN 2 WHEN 'hold' THEN 1 ELSE 0 END DESC,
                               days_late DESC) speaking
                 WHERE %s
                """,
                self.env["relance.decision"]._decision_query(company, company._relance_date()),
                condition,
            )
            for company in self.env.companies
        ]
        return Domain("id", "in", SQL("(%s)", SQL(" UNION ALL ").join(queries)))

    def _search_relance_reason(self, operator, value):
        """By the words of the sentences, whatever amounts, dates and levels they name."""
        sentences = self.env["relance.decision"]._sentences()
        if operator == "in":
            words = [one for one in value if one]
            domain = Domain.OR(self._search_relance_reason("ilike", one) for one in words)
            if len(words) < len(value):
                domain |= ~self._relance_search(SQL("TRUE"))
            return domain
        if operator not in ("ilike", "like", "=ilike", "=like"):
            return NotImplemented
        wanted = value.strip("%").lower()
        reasons = {
            reason.removesuffix("_pre_due")
            for reason, forms in sentences.items()
            if any(self._relance_says(form.lower(), wanted) for form in forms)
        }
        if not reasons:
            return Domain.FALSE
        return self._relance_search(SQL("reason IN %s", tuple(reasons)))

    @api.model
    def _relance_says(self, form, words):
        """Whether a sentence of this form contains ``words``, or is ``words`` filled in."""
        filled_in = ".*".join(map(re.escape, re.split(r"%\(\w+\)s", form)))
        return words in form or bool(re.fullmatch(filled_in, words))

    def _relance_search_column(self, column, operator, value):
        if operator not in ("in", "any"):
            return NotImplemented
        if operator == "any":
            comodel = self._fields[f"relance_{column}"].comodel_name
            value = self.env[comodel]._search(value).get_result_ids()
        wanted = [one for one in value if one]
        domain = Domain.FALSE
        name = {"next_level_id": "target_level_id"}.get(column, column)
        if wanted:
            domain |= self._relance_search(SQL("%s IN %s", SQL.identifier(name), tuple(wanted)))
        if len(wanted) < len(value):
            domain |= ~self._relance_search(SQL("%s IS NOT NULL", SQL.identifier(name)))
        return domain

    def _search_relance_level_id(self, operator, value):
        return self._relance_search_column("level_id", operator, value)

    def _search_relance_next_level_id(self, operator, value):
        return self._relance_search_column("next_level_id", operator, value)

    def _search_relance_case_id(self, operator, value):
        return self._relance_search_column("case_id", operator, value)

    def _search_relance_next_date(self, operator, value):
        operators = {"<": SQL("<"), "<=": SQL("<="), ">": SQL(">"), ">=": SQL(">=")}
        if operator in operators:
            return self._relance_search(SQL("shown_date %s %s", operators[operator], value))
        if operator == "in":
            dates = tuple(one for one in value if one)
            return self._relance_search(SQL("shown_date IN %s", dates) if dates else SQL("FALSE"))
        return NotImplemented

    def _search_relance_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        conditions = {
            "upcoming": SQL("reason = 'not_due'"),
            "due": SQL("verdict = 'send'"),
            "waiting": SQL("verdict = 'wait' AND reason <> 'not_due'"),
            "held": SQL("verdict = 'hold'"),
        }
        wanted = [conditions[one] for one in value if one in conditions]
        domain = Domain.FALSE
        if wanted:
            domain |= self._relance_search(SQL(" OR ").join(SQL("(%s)", condition) for condition in wanted))
        if "none" in value or False in value:
            domain |= ~self._relance_search(SQL("TRUE"))
        return domain

    # -- what a person does ----------------------------------------------------------------------
    def action_relance_now(self):
        """Remind these invoices now: one allowed step, or the last level once more.

        :return: an action that shows the reminders made
        :raise UserError: with the reason why nothing may be sent
        """
        self.check_access("read")
        self.env["relance.reminder"]._check_user()
        # reminders are made and moved by the engine; the user's right was just checked
        reminders = self.env["relance.reminder"].sudo()
        for company, moves in self.grouped("company_id").items():
            reminders += reminders._create_now(company, moves)
        reminders.filtered(lambda one: one.state == "ready")._send_made_by_hand()
        self._relance_invalidate()
        return reminders.sudo(False)._open_action()

    def action_negotiate_plan(self):
        """Open the negotiation of a payment plan over these invoices."""
        # first the right that is missing, then the books it gives access to
        self.env["relance.reminder"]._check_user()
        self.check_access("read")
        return self.env["relance.plan.negotiate"]._open(
            self.line_ids.filtered(lambda line: line.account_type == "asset_receivable"), moves=self
        )

    def action_relance_plans(self):
        """The payment plans that cover this invoice."""
        self.ensure_one()
        self.check_access("read")  # what is computed with full rights asks for none
        return self.relance_plan_ids._open_action()

    def action_relance_history(self):
        """The reminders that claimed this invoice."""
        self.ensure_one()
        self.check_access("read")  # what is computed with full rights asks for none
        return self.relance_reminder_ids._open_action()

    def action_relance_case(self):
        self.ensure_one()
        self.check_access("read")  # what is computed with full rights asks for none
        return {
            "type": "ir.actions.act_window",
            "res_model": "relance.case",
            "res_id": self.relance_case_id.id,
            "view_mode": "form",
        }

    # -- the host's life ------------------------------------------------------------------------
    def write(self, vals):
        result = super().write(vals)
        if not vals.keys().isdisjoint({"state", "payment_state", "no_followup", "invoice_date_due"}):
            self.line_ids._relance_touch()
        return result

    def _post(self, soft=True):
        """Instalments that the host rebuilt keep the level their invoice had reached."""
        posted = super()._post(soft)
        posted._relance_restore_levels()
        posted._relance_restore_plans()
        return posted

    def _relance_restore_plans(self):
        """Instalments that the host rebuilt are covered by their plan again."""
        # whoever posts need not know about plans
        claims = (
            self.env["relance.plan.claim"]
            .sudo()
            .search([("move_id", "in", self.ids), ("plan_id.state", "in", ("proposed", "active"))])
        )
        claims._relink(self.sudo())
        whole = claims.plan_id.filtered(lambda plan: not plan.has_lost_claims)
        whole._task_done("reset")
        whole._refresh()

    def _relance_restore_levels(self):
        """Give rebuilt instalments the last level that left for their invoice."""
        moves = self.filtered(lambda move: move.is_sale_document(include_receipts=True))
        if not moves:
            return
        # whoever posts need not know about reminders
        last = (
            self.env["relance.reminder.line"]
            .sudo()
            .search(
                [
                    ("move_id", "in", moves.ids),
                    ("move_line_id", "=", False),
                    ("reminder_id.state", "=", "sent"),
                    ("reminder_id.kind", "=", "level"),
                ],
                order="id",
            )
        )
        for move, contents in last.grouped("move_id").items():
            lines = move.line_ids.filtered(
                lambda line: line.account_type == "asset_receivable" and not line.sudo().relance_level_id
            )
            content = contents[-1]
            lines.sudo().with_context(tracking_disable=True).write(
                {
                    "relance_level_id": content.level_id.id,
                    "relance_level_date": content.reminder_id.date_planned,
                }
            )

    @api.private
    def _relance_tell_reopened(self):
        """Tell the accountant that a payment of a reminded invoice was undone."""
        moves = self.filtered(
            lambda move: (
                move.state == "posted"
                and move.payment_state in ("not_paid", "partial")
                and move.line_ids.relance_level_id
            )
        )
        if not moves:
            return
        summary = self.env._("A payment was rejected or undone")
        told = set(
            self.env["mail.activity"]
            .search(
                [
                    ("res_model", "=", "account.move"),
                    ("res_id", "in", moves.ids),
                    ("summary", "=", summary),
                ]
            )
            .mapped("res_id")
        )
        model = self.env["ir.model"]._get("account.move")
        self.env["mail.activity"].create(
            [
                {
                    "activity_type_id": self.env.ref("mail.mail_activity_data_todo").id,
                    "res_model_id": model.id,
                    "res_id": move.id,
                    "user_id": move._relance_accountant().id,
                    "summary": summary,
                    "note": self.env._(
                        "This invoice is open again. It stands at “%(level)s” since %(date)s "
                        "and goes on from there.",
                        level=move.line_ids.relance_level_id[:1].name,
                        date=format_date(
                            self.env,
                            max(filter(None, move.line_ids.mapped("relance_level_date")), default=False),
                        ),
                    ),
                }
                for move in moves
                if move.id not in told
            ]
        )

    def _relance_accountant(self):
        """Who is told about this invoice: whoever signed its last reminder, else its owner."""
        last = self.relance_reminder_ids.filtered(lambda one: one.state == "sent" and one.kind != "logged")[
            :1
        ]
        people = (
            last.user_id
            + self.company_id.relance_user_id
            + last._responsible_manager()
            + self.invoice_user_id
        )
        return people.filtered("active")[:1] or self.env.user


class RelanceReminder(models.Model):
    _inherit = "relance.reminder"

    @api.model
    def _create_now(self, company, moves):
        """Reminders made by hand for ``moves`` of one company.

        A line that may climb does; one that is only too young for its next level gets its
        last level once more, as a contact that reaches no level.
        """
        date = company._relance_date()
        partners = moves.line_ids.filtered(lambda line: line.account_type == "asset_receivable").partner_id
        rows = self._rows_of(moves, company, date, partners)
        if not rows:
            raise UserError(self.env._("There is nothing to claim on these invoices."))
        chosen = [row for row in rows if row.verdict == "send"]
        kind = "level"
        if not chosen and all(row.reason in ("not_due", "last_level") for row in rows):
            again = self._rows_of(
                moves, company, date, partners, relance_again=any(row.level_id for row in rows)
            )
            rows = again
            chosen = [row for row in again if row.verdict == "send"]
            kind = "contact"
        if not chosen:
            raise UserError("\n".join(dict.fromkeys(self.env["relance.decision"]._explain(rows))))
        reminders = self.browse()
        groups = {}
        for row in chosen:
            groups.setdefault((row.partner_id, row.needs_approval), []).append(row)
        for (payer, _needs_approval), own in groups.items():
            reminders += self._create_by_hand(company, date, payer, own, kind)
        return reminders

    def _rows_of(self, moves, company, date, partners, **context):
        """Rows of the decision for the lines of ``moves``."""
        decision = self.env["relance.decision"].with_context(**context)
        return decision._decide(company, date, partners, move_lines=moves.line_ids)

    def _create_by_hand(self, company, date, payer, rows, kind):
        """One reminder from rows of the decision that may be sent."""
        case = self._open_case(company, payer)
        level_of = {row.move_line_id: row.target_level_id for row in rows}
        last = max(rows, key=lambda row: row.target_delay)
        lines = self.env["account.move.line"].browse(level_of).sudo()  # snapshot of the books
        return self.create(
            {
                "company_id": company.id,
                "case_id": case.id,
                "partner_id": payer,
                "contact_id": last.contact_id,
                "level_id": last.target_level_id,
                "channel": last.channel,
                "kind": kind,
                "is_service": last.target_delay < 0,
                "needs_approval": last.needs_approval,
                "state": "draft" if last.needs_approval else "ready",
                "date_planned": date,
                "date_ready": False if last.needs_approval else date,
                "user_id": (case.partner_id.relance_user_id or company.relance_user_id or self.env.user).id,
                "balance_total": sum(row.balance_residual for row in rows),
                "line_ids": [
                    fields.Command.create(self._line_values(line, level_of[line.id], case)) for line in lines
                ],
            }
        )

    def _open_case(self, company, payer_id):
        """The open case of the payer, made if there is none."""
        cases = self.env["relance.case"]
        domain = [
            ("partner_id", "=", payer_id),
            ("company_id", "=", company.id),
            ("state", "=", "open"),
        ]
        return cases.search(domain) or cases.create(
            {
                "partner_id": payer_id,
                "company_id": company.id,
                "user_id": (company.relance_user_id or self.env.user).id,
            }
        )

    def _line_values(self, line, level_id, case):
        return {
            "case_id": case.id,
            "company_id": line.company_id.id,
            "move_line_id": line.id,
            "move_id": line.move_id.id,
            "debtor_id": line.partner_id.commercial_partner_id.id,
            "name": line.move_id.name if line.move_id.name != "/" else line.name,
            "ref": line.move_id.ref,
            "date_invoice": line.move_id.invoice_date or line.date,
            "date_maturity": line.date_maturity or line.date,
            "currency_id": line.currency_id.id,
            "amount_total": line.amount_currency,
            "amount_residual": line.amount_residual_currency,
            "balance_residual": line.amount_residual,
            "level_id": level_id,
        }

    def _send_made_by_hand(self):
        """Made by hand means now: the company's hours do not matter, the rules do."""
        if self:
            self.action_send_now()
