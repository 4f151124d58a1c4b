"""What a run asks of people: one task per person for all that waits, gone when nothing does."""

from markupsafe import Markup

from odoo import SUPERUSER_ID, api, models

#: what may wait: the type of its task, and the page that lists it
WAITING = {
    "approve": ("relance_douce.activity_approve", "/odoo/reminders-to-approve"),
    "post": ("relance_douce.activity_post", "/odoo/letters-to-post"),
}


class RelanceRun(models.Model):
    _name = "relance.run"
    _inherit = ["relance.run", "mail.thread", "mail.activity.mixin"]

    @api.model_create_multi
    def create(self, vals_list):
        """A run is no news: nobody follows it until he is asked for something."""
        return (
            super(RelanceRun, self.with_context(tracking_disable=True)).create(vals_list).with_env(self.env)
        )

    @api.model
    @api.private
    def _run(self, company, date):
        run = super()._run(company, date)
        run._follow_tasks(company, WAITING, ask=True)
        return run

    # -- what waits, and for whom ------------------------------------------------------------
    @api.model
    def _waiting_for(self, company, kind):
        """Who has to do something in ``company``, and how much: dict user → number.

        :param kind: a key of :data:`WAITING`
        """
        reminders = self.env["relance.reminder"]
        domain = [("company_id", "=", company.id)]
        if kind == "approve":
            groups = reminders._read_group(
                [*domain, ("state", "=", "draft")], ["level_id", "user_id"], ["__count"]
            )
            # whoever was chosen to approve goes before whoever is in charge of the customer
            chosen = company.relance_approver_id
            asked = [(level.approval, chosen + user, count) for level, user, count in groups]
        else:
            groups = reminders._read_group([*domain, *reminders._to_post_domain()], ["user_id"], ["__count"])
            asked = [("user", user, count) for user, count in groups]
        waiting = {}
        for approval, people, count in asked:
            person = self._who_acts(company, approval, people)
            waiting[person] = waiting.get(person, 0) + count
        return waiting

    @api.model
    def _who_acts(self, company, approval, candidates):
        """Who is asked: the first candidate who may, else the signatory, else a manager.

        :param approval: ``user``, or ``manager`` where only one of them may decide
        :param candidates: ``res.users``, in the order in which they are asked
        """
        group = f"relance_douce.group_relance_{'manager' if approval == 'manager' else 'user'}"
        managers = company._relance_managers()
        people = managers.filtered(lambda one: one.id != SUPERUSER_ID)
        # rights of colleagues are no secret to the engine
        able = (
            (candidates + company.relance_user_id)
            .sudo()
            .filtered(lambda one: one.active and company in one.company_ids and one.has_group(group))
        )
        return (able or people or managers)[:1]

    # -- the tasks -----------------------------------------------------------------------------
    @api.model
    def _follow_tasks(self, company, kinds, ask=False):
        """Let the tasks of ``company`` say what waits now; those without work go.

        :param kinds: keys of :data:`WAITING`
        :param ask: make the tasks that are missing, too
        """
        types = {kind: self.env.ref(WAITING[kind][0], raise_if_not_found=False) for kind in kinds}
        types = {kind: of_type for kind, of_type in types.items() if of_type}
        runs = self.sudo()  # people approve and post without a right on runs
        holders = runs.search(
            [
                ("company_id", "=", company.id),
                ("activity_ids.activity_type_id", "in", [of_type.id for of_type in types.values()]),
            ]
        )
        tasks = holders.activity_ids.grouped("activity_type_id")
        if not tasks and not ask:
            return
        latest = runs.search([("company_id", "=", company.id)], limit=1)
        for kind, of_type in types.items():
            own = tasks.get(of_type, holders.activity_ids.browse())
            runs._update_tasks(kind, own, self._waiting_for(company, kind), ask and latest)

    def _update_tasks(self, kind, tasks, waiting, run):
        """Bring ``tasks`` in line with ``waiting``; what is missing is asked for on ``run``."""
        wanted = dict(waiting)
        for task in tasks:
            count = wanted.pop(task.user_id, 0)
            if not count:
                task.unlink()
            elif task.summary != self._task_summary(kind, task.user_id, count):
                task.summary = self._task_summary(kind, task.user_id, count)
        if not run:
            return
        for user, count in wanted.items():
            run._ask(kind, user, count)

    def _ask(self, kind, user, count):
        of_type, page = WAITING[kind]
        speaker = self.with_context(lang=user.lang, mail_activity_quick_update=True)
        link = Markup('<p><a href="%s">%s</a></p>') % (page, speaker.env._("Open the list"))
        speaker.activity_schedule(
            of_type,
            summary=self._task_summary(kind, user, count),
            note=link,
            user_id=user.id,
            date_deadline=self.date,
        )

    def _task_summary(self, kind, user, count):
        """What is to be done, with its number, in the language of who does it."""
        _ = self.with_context(lang=user.lang).env._
        if kind == "approve":
            return _("One reminder to approve") if count == 1 else _("%s reminders to approve", count)
        return _("One letter to post") if count == 1 else _("%s letters to post", count)


class RelanceReminder(models.Model):
    _inherit = "relance.reminder"

    def _update_state(self, allowed, new, **values):
        """Tasks follow what people do; sending mails touches none of them."""
        drafts = self.filtered(lambda one: one.state == "draft").ids
        moved = super()._update_state(allowed, new, **values)
        kinds = []
        if new == "draft" or not set(moved.ids).isdisjoint(drafts):
            kinds.append("approve")
        if "letter" in moved.mapped("channel"):
            kinds.append("post")
        if kinds:
            for company in moved.company_id:
                self.env["relance.run"]._follow_tasks(company, kinds)
        return moved

    def _set_prepared(self, now):
        """A letter that lies in the tray is somebody's work."""
        result = super()._set_prepared(now)
        for company in self.filtered(lambda one: one.channel == "letter").company_id:
            self.env["relance.run"]._follow_tasks(company, ["post"], ask=True)
        return result
