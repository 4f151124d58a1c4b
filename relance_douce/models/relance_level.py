from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools.mail import is_html_empty

TONES = [
    ("pre_due", "Before the due date"),
    ("courtesy", "Courtesy"),
    ("friendly", "Friendly"),
    ("attentive", "Attentive"),
    ("firm", "Firm"),
    ("notice", "Formal notice"),
    ("hand_over", "Hand-over"),
]


class RelanceLevel(models.Model):
    _name = "relance.level"
    _description = "Dunning Level"
    _inherit = ["mail.render.mixin"]
    _order = "policy_id, delay_days, id"
    # texts are written by template editors only (checked on create and write) and then
    # rendered for whoever sends, as mail templates are
    _unrestricted_rendering = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    policy_id = fields.Many2one("relance.policy", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="policy_id.company_id")
    delay_days = fields.Integer(
        string="Days from due date",
        required=True,
        aggregator=None,
        help="Days after the due date; negative before it.",
    )
    tone = fields.Selection(TONES, required=True, default="friendly")
    approval = fields.Selection(
        [("none", "Nobody"), ("user", "Accountant"), ("manager", "Manager")],
        string="Approval by",
        required=True,
        default="none",
    )
    channel = fields.Selection(
        lambda self: self.env["relance.reminder"]._sending_channels(),
        string="First choice",
        default="email",
        help="Used unless the customer prefers another one that this level allows.",
    )
    use_email = fields.Boolean(string="E-mail", default=True)
    use_sms = fields.Boolean(string="SMS")
    use_letter = fields.Boolean(string="Letter", default=True)
    use_call = fields.Boolean(string="Call")

    text_level_id = fields.Many2one(
        "relance.level",
        string="Same texts as",
        ondelete="restrict",
        index="btree_not_null",
        domain="[('tone', '=', tone), ('text_level_id', '=', False), ('id', '!=', id)]",
        help="Uses the texts of this other level; empty: texts of its own.",
    )
    subject = fields.Char(translate=True)
    mail_body = fields.Html(
        string="E-mail text",
        translate=True,
        render_engine="qweb",
        render_options={"post_process": True},
        sanitize="email_outgoing",
    )
    letter_body = fields.Html(
        string="Letter text",
        translate=True,
        render_engine="qweb",
        sanitize="email_outgoing",
    )
    sms_body = fields.Text(string="SMS text", translate=True)
    call_script = fields.Text(
        string="Words for the call",
        translate=True,
        help="What to say, and what to ask; shown to whoever calls.",
    )
    attach_letter = fields.Boolean(
        string="Attach the letter to the e-mail",
        help="The e-mail carries the letter of this level as PDF.",
    )
    report_id = fields.Many2one(
        "ir.actions.report",
        string="Letter layout",
        domain="[('model', '=', 'relance.reminder')]",
    )

    @api.model_create_multi
    def create(self, vals_list):
        """A new level speaks like the one that ships with its tone until it gets own words."""
        return super().create([self._with_shipped_texts(values) for values in vals_list])

    def _with_shipped_texts(self, values):
        tone = values.get("tone") or self.default_get(["tone"]).get("tone")
        values = dict(values)
        values.setdefault("report_id", self._shipped("report_letter", tone).id)
        if not any(values.get(field) for field in ("text_level_id", *self._channel_texts().values())):
            values["text_level_id"] = self._shipped("level_business", tone).id
        return values

    def copy_data(self, default=None):
        """A copy shares the texts, so that whoever copies need not be a template editor."""
        texts = dict.fromkeys(("subject", *self._channel_texts().values()), False)
        return [
            {**values, **texts, "text_level_id": level._text_source().id}
            for level, values in zip(self, super().copy_data(default), strict=True)
        ]

    def copy_translations(self, new, excluded=()):
        texts = ("subject", *self._channel_texts().values())
        return super().copy_translations(new, excluded=(*excluded, *texts))

    @api.onchange("tone")
    def _onchange_tone(self):
        if not any(self[field] for field in self._channel_texts().values()):
            self.text_level_id = self._shipped("level_business", self.tone)
            self.report_id = self._shipped("report_letter", self.tone)

    def _shipped(self, kind, tone):
        """What ships for ``tone``: ``level_business`` (its texts) or ``report_letter``."""
        name = {"friendly": "first", "attentive": "second", "firm": "third"}.get(tone, tone)
        record = self.env.ref(
            f"relance_douce.{kind}_{tone if kind == 'level_business' else name}",
            raise_if_not_found=False,
        )
        if record is None or (kind == "level_business" and not record.mail_body):
            return self.env["relance.level" if kind == "level_business" else "ir.actions.report"]
        return record

    def _compute_render_model(self):
        self.render_model = "relance.reminder"

    @api.depends("name", "delay_days")
    def _compute_display_name(self):
        for level in self:
            level.display_name = level.name

    # -- validation that explains itself ---------------------------------------------------
    @api.constrains("delay_days", "tone", "active", "policy_id")
    def _check_delays(self):
        """Delays rise strictly along the ladder, and so does the tone."""
        if self.env.context.get("relance_levels_later"):
            return  # the policy looks at the whole ladder once all of it is written
        order = [tone for tone, _label in TONES]
        for policy in self.policy_id:
            levels = policy.level_ids.filtered("active").sorted("delay_days")
            for previous, level in zip(levels, levels[1:], strict=False):
                if previous.delay_days == level.delay_days:
                    raise ValidationError(
                        self.env._(
                            "“%(first)s” and “%(second)s” both come %(days)s days from the due "
                            "date: delays must rise from one level to the next.",
                            first=previous.name,
                            second=level.name,
                            days=level.delay_days,
                        )
                    )
                if order.index(previous.tone) > order.index(level.tone):
                    raise ValidationError(
                        self.env._(
                            "“%(second)s” comes after “%(first)s” and cannot be gentler than "
                            "it: change its delay or its tone.",
                            first=previous.name,
                            second=level.name,
                        )
                    )

    @api.constrains("delay_days", "tone")
    def _check_tone(self):
        for level in self:
            if (level.delay_days < 0) != (level.tone == "pre_due"):
                raise ValidationError(
                    self.env._(
                        "“%s”: levels before the due date, and only these, have the tone "
                        "“Before the due date”.",
                        level.name,
                    )
                )

    @api.model
    def _channel_texts(self):
        """Channel → field of the text it cannot do without."""
        return {
            "email": "mail_body",
            "sms": "sms_body",
            "letter": "letter_body",
            "call": "call_script",
        }

    @api.constrains(
        "active",
        "channel",
        "use_email",
        "use_sms",
        "use_letter",
        "use_call",
        "mail_body",
        "sms_body",
        "letter_body",
        "call_script",
        "report_id",
        "text_level_id",
    )
    def _check_channels(self):
        for level in self.filtered("active"):
            used = level._channels()
            if not used:
                raise ValidationError(self.env._("“%s” has no channel: choose at least one.", level.name))
            if level.channel and level.channel not in used:
                raise ValidationError(
                    self.env._(
                        "“%(level)s” goes first by “%(channel)s”, which it does not allow: tick "
                        "this channel or choose another first one.",
                        level=level.name,
                        channel=level._channel_label(level.channel),
                    )
                )
            for channel in used:
                level._check_channel_text(channel)

    def _check_channel_text(self, channel):
        """A channel without its text, or a letter without its layout, cannot be used."""
        self.ensure_one()
        field = self._fields[self._channel_texts()[channel]]
        text = self._text_source()[field.name]
        if is_html_empty(text) if field.type == "html" else not (text or "").strip():
            raise ValidationError(
                self.env._(
                    "“%(level)s” allows the channel “%(channel)s” but its text “%(field)s” is "
                    "empty: write it, or untick the channel.",
                    level=self.name,
                    channel=self._channel_label(channel),
                    field=field._description_string(self.env),
                )
            )
        if channel == "letter" and not self.report_id:
            raise ValidationError(
                self.env._(
                    "“%s” allows letters but has no letter layout: choose one, or untick letters.",
                    self.name,
                )
            )

    @api.constrains("text_level_id")
    def _check_text_level(self):
        for level in self:
            if level.text_level_id.text_level_id or level.text_level_id == level:
                raise ValidationError(
                    self.env._(
                        "“%s” must take its texts from a level that has texts of its own.",
                        level.name,
                    )
                )

    def _text_source(self):
        """The level whose texts are used: this one, or the one it shares them with."""
        self.ensure_one()
        return self.text_level_id or self

    def _channels(self):
        """Channels this level allows, in order of preference."""
        self.ensure_one()
        return [
            channel
            for channel in self.env["relance.decision"]._channel_conditions()
            if self[f"use_{channel}"]
        ]

    def _channel_label(self, channel):
        return dict(self._fields["channel"]._description_selection(self.env)).get(channel, "")
