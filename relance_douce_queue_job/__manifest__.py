{
    "name": "Relance Douce: job queue",
    "version": "19.0.1.0.0",
    "category": "Accounting/Accounting",
    "summary": "Hands the batches of sending to the job queue of several machines",
    "author": "Relance Douce contributors",
    "license": "LGPL-3",
    "depends": ["relance_douce", "queue_job"],
    "data": ["data/queue_job_data.xml"],
    "auto_install": True,
    "uninstall_hook": "uninstall_hook",
}
