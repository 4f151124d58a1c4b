"""What the job queue would stumble over once the addon is gone."""


def uninstall_hook(env):
    """No job calls a method that is not there any more; what is ready leaves by the scheduled action."""
    jobs = env["queue.job"]
    # one that runs just now comes to its end
    jobs.search([*jobs._relance_domain(), ("state", "!=", "started")]).unlink()
