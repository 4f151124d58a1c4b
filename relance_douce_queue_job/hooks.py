"""What the job queue would stumble over once the addon is gone."""


def uninstall_hook(env):
    """No job calls a method that is not there any more; what is ready leaves by the scheduled action."""
    env["queue.job"].search(env["queue.job"]._relance_domain()).unlink()
