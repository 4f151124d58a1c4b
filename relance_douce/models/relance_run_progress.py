"""How far the reminders of a run have come, and the brake."""

from odoo import fields, models

from .relance_reminder import LIVE

#: states in which a reminder of a run has come to its end
DONE = ("sent",)


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
    draft_count = fields.Integer(string="To approve", compute="_compute_progress")
    progress = fields.Float(
        compute="_compute_progress", help="How much of what this run prepared, and still stands, has left."
    )

    def _compute_progress(self):
        """One query for all of them; what was cancelled or lapsed is no part of the whole."""
        counts = {}
        for run, state, count in self.env["relance.reminder"]._read_group(
            [("run_id", "in", self.ids), ("state", "in", [*LIVE, *DONE])], ["run_id", "state"], ["__count"]
        ):
            counts[run.id, state] = count
        for run in self:
            key = run._origin.id
            run.sent_count = sum(counts.get((key, state), 0) for state in DONE)
            run.ready_count = counts.get((key, "ready"), 0)
            run.draft_count = counts.get((key, "draft"), 0)
            whole = run.sent_count + run.ready_count + run.draft_count
            run.progress = 100.0 * run.sent_count / whole if whole else 0.0

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
        changed.sudo().is_stopped = stopped
        for run in changed:
            run.sudo()._message_log(body=note, author_id=self.env.user.partner_id.id)
