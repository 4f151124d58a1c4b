"""What both sides share: the company's outbox, and what the driver may call."""

from datetime import timedelta

#: days until the second run of the campaign
LATER = 45


class Side:
    """The steps of the comparison. Each is called by its name.

    :param day: local date of the first run
    :param folder: where this side may write files
    """

    def __init__(self, env, day, folder):
        self.env = env
        self.day = day
        self.later_day = day + timedelta(days=LATER)
        self.folder = folder

    @property
    def company(self):
        return self.env.company

    def furnish(self, smtp_port, url=None):
        """The mail server; and where the style sheets of a PDF are fetched, if they are."""
        self.env["ir.mail_server"].create({"name": "Bench", "smtp_host": "127.0.0.1", "smtp_port": smtp_port})
        if url:
            self.env["ir.config_parameter"].set_param("report.url", url)

    def prepare(self, step):
        """What a step needs and nobody waits for; not measured."""
        getattr(self, f"prepare_{step}", lambda: None)()

    def floors(self, step):
        """Seconds of the bare work behind the step that was just measured, in its transaction."""
        return getattr(self, f"floors_{step}", dict)()
