"""What the ORM does not clean by itself when the addon goes."""


def uninstall_hook(env):
    """Leave the host's records without traces of reminders.

    Activities, followers and messages of our models are the host's rows: Odoo
    drops our tables, but not what points at them by name.
    """
    ours = ["relance.case", "relance.reminder", "relance.policy", "relance.run"]
    env["mail.activity"].with_context(active_test=False).search(
        [("res_model", "in", ours)]
    ).unlink()
    env["mail.followers"].search([("res_model", "in", ours)]).unlink()
    env["mail.message"].search([("model", "in", ours)]).unlink()
    env["ir.attachment"].search([("res_model", "in", ours)]).unlink()
