from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.safe_eval import safe_eval


class RelancePolicy(models.Model):
    _name = "relance.policy"
    _description = "Dunning Policy"
    _order = "sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(
        "res.company",
        index=True,
        help="Empty: the policy serves every company.",
    )
    description = fields.Char(translate=True)
    domain = fields.Char(
        string="Applies to",
        help="Customers this policy serves by itself; the first policy that matches wins. "
        "Empty: only customers for whom it was chosen by hand.",
    )
    level_ids = fields.One2many("relance.level", "policy_id", string="Levels", copy=True)
    level_count = fields.Integer(compute="_compute_level_count")

    min_days_between_contacts = fields.Integer(
        string="Days between two contacts",
        default=5,
        help="At least this many days lie between two claims to the same customer.",
    )
    max_contacts_30d = fields.Integer(
        string="Contacts in 30 days",
        default=6,
        help="At most this many claims to the same customer in 30 days.",
    )
    max_silence_days = fields.Integer(
        string="Longest silence (days)",
        default=45,
        help="Overdue invoices on which nothing happened for longer wait for a decision.",
    )
    approval_days = fields.Integer(
        string="Days to approve",
        default=7,
        help="A reminder that nobody approved within these days lapses and a manager is told.",
    )
    ready_days = fields.Integer(
        string="Days to print or call",
        default=5,
        help="A letter not posted or a call not made within these days takes the next channel.",
    )
    min_amount = fields.Float(
        string="Smallest amount",
        help="Below this total (company currency) nobody is reminded.",
    )

    _positive = models.Constraint(
        "CHECK (min_days_between_contacts >= 0 AND max_contacts_30d > 0 AND approval_days > 0"
        " AND ready_days > 0 AND max_silence_days > 0 AND min_amount >= 0)",
        "The limits of a dunning policy cannot be negative, and the contacts in 30 days and "
        "the delays need at least one.",
    )

    @api.depends("level_ids")
    def _compute_level_count(self):
        counts = dict(
            self.env["relance.level"]._read_group([("policy_id", "in", self.ids)], ["policy_id"], ["__count"])
        )
        for policy in self:
            policy.level_count = counts.get(policy._origin, len(policy.level_ids))

    @api.constrains("domain")
    def _check_domain(self):
        for policy in self:
            if not policy.domain:
                continue
            try:
                domain = policy._partner_domain()
                self.env["res.partner"]._search(domain, limit=1)
            except Exception as error:
                raise ValidationError(
                    self.env._(
                        "“%(policy)s”: the filter of customers cannot be read (%(error)s). "
                        "Choose it again with the filter editor.",
                        policy=policy.name,
                        error=error,
                    )
                ) from error

    @api.constrains("active", "level_ids")
    def _check_levels(self):
        for policy in self:
            policy.level_ids._check_delays()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        """A policy that customers were reminded by is archived, not deleted."""
        used = (
            self.env["relance.reminder"]
            .sudo()
            ._read_group([("level_id.policy_id", "in", self.ids)], ["level_id"], limit=1)
        )
        if used:
            raise UserError(
                self.env._(
                    "“%s” was already used to remind customers: archive it instead of deleting "
                    "it, so that their history stays complete.",
                    used[0][0].policy_id.name,
                )
            )

    def copy_data(self, default=None):
        return [
            {**values, "name": self.env._("%s (copy)", policy.name)}
            if "name" not in (default or {})
            else values
            for policy, values in zip(self, super().copy_data(default), strict=True)
        ]

    @api.model_create_multi
    def create(self, vals_list):
        policies = super(RelancePolicy, self.with_context(relance_levels_later=True)).create(vals_list)
        policies.with_context(relance_levels_later=False).level_ids._check_delays()
        return policies.with_env(self.env)

    def write(self, vals):
        """Several levels may change at once: only the ladder that results has to rise."""
        result = super(RelancePolicy, self.with_context(relance_levels_later=True)).write(vals)
        if "level_ids" in vals or "active" in vals:
            self.with_context(relance_levels_later=False).level_ids._check_delays()
        return result

    def _partner_domain(self):
        """The customers this policy serves by itself, as a domain on ``res.partner``."""
        self.ensure_one()
        return Domain(safe_eval(self.domain or "[(0, '=', 1)]", {"uid": self.env.uid}))

    def _usable(self, company):
        """Active policies with at least one active level that serve ``company``, in order."""
        return self.sudo().search(
            [
                ("company_id", "in", (False, company.id)),
                ("level_ids.active", "=", True),
            ]
        )

    @api.private
    def _policy_sql(self, partner, company):
        """SQL over the alias ``payer``: the id of the payer's policy, or NULL.

        Chosen by hand on the customer, else the first whose domain matches.

        :param partner: ``res.partner`` in the company whose values count
        """
        policies = self._usable(company)
        if not policies:
            return SQL("NULL")
        chosen = partner._field_to_sql("payer", "relance_policy_id")
        matches = [
            SQL("WHEN %s THEN %s", policy._matches_sql(partner), policy.id)
            for policy in policies
            if policy.domain
        ]
        automatic = SQL("CASE %s END", SQL(" ").join(matches)) if matches else SQL("NULL")
        return SQL(
            "CASE WHEN %(chosen)s IN %(usable)s THEN %(chosen)s ELSE %(automatic)s END",
            chosen=chosen,
            usable=tuple(policies.ids),
            automatic=automatic,
        )

    def _matches_sql(self, partner):
        """SQL over the alias ``payer``: whether the policy's domain matches it."""
        domain = self._partner_domain()
        if domain.is_true():
            return SQL("TRUE")
        query = partner.with_context(active_test=False)._search(domain)
        return SQL("payer.id IN %s", query.subselect())
