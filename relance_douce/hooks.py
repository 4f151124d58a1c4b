"""What the ORM does not clean by itself when the addon goes."""


def uninstall_hook(env):
    """Leave the host's records without traces of reminders.

    Activities, followers and messages of our models are the host's rows: Odoo
    drops our tables, but not what points at them by name.
    """
    ours = [
        "relance.case",
        "relance.reminder",
        "relance.policy",
        "relance.run",
        "relance.plan",
        "relance.start",
    ]
    env["mail.activity"].with_context(active_test=False).search([("res_model", "in", ours)]).unlink()
    env["mail.followers"].search([("res_model", "in", ours)]).unlink()
    env["mail.message"].search([("model", "in", ours)]).unlink()
    env["ir.attachment"].search([("res_model", "in", ours)]).unlink()
    # records refer to each other: shipped levels cannot go before what was sent by them
    env.cr.execute(
        """
        DELETE FROM relance_hold;
        DELETE FROM relance_plan;
        DELETE FROM relance_reminder;
        DELETE FROM relance_case;
        DELETE FROM relance_run;
        UPDATE account_move_line SET relance_level_id = NULL, relance_level_date = NULL
         WHERE relance_level_id IS NOT NULL;
        UPDATE relance_level SET text_level_id = NULL WHERE text_level_id IS NOT NULL;
        """
    )
    env.invalidate_all(flush=False)
