"""How far the reminders of a run have come, how fast they leave, and the brake."""

from collections import Counter, defaultdict
from datetime import timedelta

from babel.dates import format_timedelta

from odoo import api, fields, models
from odoo.tools import SQL, babel_locale_parse, get_lang

from .relance_reminder import LIVE

#: minutes of sending that tell its pace; a round that did nothing for longer has ended
PACE_MINUTES = 5


class RelanceRun(models.Model):
    _inherit = "relance.run"

    is_stopped = fields.Boolean(
        string="Stopped",
        readonly=True,
        copy=False,
        help="Nothing of this run leaves by itself until somebody lets it go on.",
    )
    sent_count = fields.Integer(string="Already sent", compute="_compute_progress")
    ready_count = fields.Integer(string="Ready to leave", compute="_compute_progress")
    laid_out_count = fields.Integer(
        string="Laid out",
        compute="_compute_progress",
        help="Letters to post and calls to make: they wait for a person.",
    )
    draft_count = fields.Integer(string="To approve", compute="_compute_progress")
    progress = fields.Float(
        compute="_compute_progress", help="How much of what this run prepared, and still stands, has left."
    )
    is_sending = fields.Boolean(compute="_compute_progress", help="A round of sending is under way.")
    pace = fields.Char(string="Speed", compute="_compute_progress")

    @api.depends_context("lang")
    def _compute_progress(self):
        """One query for all of them; what was cancelled or lapsed is no part of the whole."""
        now = fields.Datetime.now()
        rows = self._progress_rows(now)
        for run in self:
            row = rows[run._origin.id]
            run.sent_count = row["sent"]
            run.ready_count = row["ready"]
            run.laid_out_count = row["laid_out"]
            run.draft_count = row["draft"]
            whole = row["sent"] + row["ready"] + row["laid_out"] + row["draft"]
            run.progress = 100.0 * row["sent"] / whole if whole else 0.0
            run.is_sending = bool(row["handled"] and row["leaving"]) and not run.is_stopped
            run.pace = run._pace_text(row)

    def _progress_rows(self, now):
        """
        :param now: naive UTC datetime
        :return: default dict run id → counter; ``leaving`` is what is ready and was not put off in
            this round, ``handled`` what went through in the last minutes, at ``moments``
            different times within ``seconds``
        """
        self.env["relance.reminder"].flush_model(
            ["run_id", "state", "date_prepared", "date_postponed", "date_processed", "error_date"]
        )
        self.env.cr.execute(
            SQL(
                """
                SELECT run_id,
                       count(*) FILTER (WHERE state = 'sent') AS sent,
                       count(*) FILTER (WHERE state = 'draft') AS draft,
                       count(*) FILTER (WHERE state = 'ready' AND date_prepared IS NULL) AS ready,
                       count(*) FILTER (WHERE state = 'ready' AND date_prepared IS NOT NULL) AS laid_out,
                       count(*) FILTER (WHERE state = 'ready' AND date_prepared IS NULL
                                          AND error_date IS NULL
                                          AND (date_postponed < %(hour)s) IS NOT FALSE) AS leaving,
                       count(*) FILTER (WHERE date_processed >= %(recent)s) AS handled,
                       count(DISTINCT date_processed) FILTER (WHERE date_processed >= %(recent)s) AS moments,
                       COALESCE(extract(epoch FROM max(date_processed)
                                - min(date_processed) FILTER (WHERE date_processed >= %(recent)s)), 0)::float
                           AS seconds
                  FROM relance_reminder
                 WHERE run_id = ANY(%(runs)s)
                   AND state IN %(states)s
              GROUP BY run_id
                """,
                runs=self.ids,
                states=(*LIVE, "sent"),
                recent=now - timedelta(minutes=PACE_MINUTES),
                hour=now - timedelta(hours=1),
            )
        )
        rows = defaultdict(Counter)
        rows.update((row["run_id"], row) for row in self.env.cr.dictfetchall())
        return rows

    def _pace_text(self, row):
        """Reminders a minute and the time that the others still take; empty where nothing leaves."""
        if not row["leaving"] or self.is_stopped:
            return ""
        if not row["handled"]:
            return self.env._("The others leave in the next round.")
        if row["moments"] < 2:
            # one batch tells no speed
            return self.env._("Leaving now.")
        # what left at the first moment took its time before it
        per_second = row["handled"] * (row["moments"] - 1) / row["moments"] / row["seconds"]
        return self.env._(
            "%(count)s a minute, about %(duration)s left",
            count=max(1, round(per_second * 60)),
            duration=format_timedelta(
                timedelta(seconds=max(1, row["leaving"] / per_second)),
                threshold=1,
                locale=babel_locale_parse(get_lang(self.env).code),
            ),
        )

    def action_stop(self):
        """Nothing more of these runs leaves by itself once the batch under way has left."""
        self._set_stopped(True, self.env._("Sending stopped: what is ready waits."))

    def action_go_on(self):
        """What is ready leaves again."""
        self._set_stopped(False, self.env._("Sending goes on."))
        self._trigger_sending()

    def _set_stopped(self, stopped, note):
        """
        :raise AccessError: whoever may not remind customers may not stop it either
        """
        self.env["relance.reminder"]._check_user()
        self.check_access("read")
        changed = self.filtered(lambda run: run.is_stopped != stopped)
        # the record of a run is the engine's: this is all that a person says of it
        changed = changed.sudo()
        changed.is_stopped = stopped
        changed._message_log_batch(dict.fromkeys(changed.ids, note), author_id=self.env.user.partner_id.id)
