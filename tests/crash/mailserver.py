"""A mail server with moods: it refuses, stalls, and hangs up before and after the text."""

import random
import re
import threading
import time
from collections import namedtuple
from email import message_from_bytes, policy

from dev.postbox import Postbox, SmtpSession

#: what the server took: recipient, Message-ID, when its handing over began, when it was taken
#: (both :func:`time.time`), and whether the sender was told
Taken = namedtuple("Taken", "recipient message_id begun taken told")

#: what a mood does, and how probable it is for one mail
MOODS = {
    "good": {},
    "away": {"hang_up_at_once": 1.0},
    "busy": {"refuse_for_now": 0.3},
    "strict": {"refuse_sender": 0.2},
    "slow": {"stall": 0.15},
    "nervous": {"hang_up_before": 0.1},
    "lossy": {"hang_up_after": 0.1},
}
#: these never take mail for these addresses
UNKNOWN = re.compile(r"^c19\.n?\d*0@")


class MoodyPostbox(Postbox):
    """Keeps every mail that it took, also where it hung up before it said so."""

    def __init__(self, seed):
        self.taken = []
        self.refused = set()
        self.counts = {}
        self.mood = "good"
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        super().__init__()
        self.RequestHandlerClass = MoodySession

    def feels_like(self, trick):
        """Whether the next mail meets ``trick``."""
        with self.lock:
            does = self.random.random() < MOODS[self.mood].get(trick, 0)
            if does:
                self.counts[trick] = self.counts.get(trick, 0) + 1
            return does

    def handle_error(self, request, client_address):
        """Clients that are killed hang up: nothing to tell."""


class HangUp(Exception):
    """The line goes dead."""


class MoodySession(SmtpSession):
    def handle(self):
        if self.server.feels_like("hang_up_at_once"):
            return
        try:
            self._say("220 demo")
            for line in self.rfile:
                command = line.decode(errors="replace").strip()
                if self._answer(command[:4].upper(), command) == "bye":
                    return
        except (HangUp, OSError):
            pass

    def _answer(self, verb, command):
        if verb == "MAIL":
            self.begun, self.recipient = time.time(), None
            if self.server.feels_like("hang_up_before"):
                raise HangUp
            self._say("550 5.7.1 not you" if self.server.feels_like("refuse_sender") else "250 ok")
        elif verb == "RCPT":
            self._receive(re.search(r"<(.*?)>", command)[1])
        elif verb == "DATA":
            self._take()
        elif verb == "QUIT":
            self._say("221 bye")
            return "bye"
        elif verb == "EHLO":
            self._say("250-demo\r\n250-8BITMIME\r\n250 SMTPUTF8")
        else:
            self._say("250 ok" if verb in ("HELO", "RSET", "NOOP") else "502 unknown")
        return None

    def _receive(self, recipient):
        if UNKNOWN.match(recipient):
            self.server.refused.add(recipient)
            self._say("550 5.1.1 no such user")
        elif self.server.feels_like("refuse_for_now"):
            self._say("451 4.3.0 try again later")
        else:
            self.recipient = recipient
            self._say("250 ok")

    def _take(self):
        if self.server.feels_like("stall"):
            time.sleep(self.server.random.uniform(1, 4))
        self._say("354 go on")
        text = b"".join(self._whole_text())
        mail = message_from_bytes(text, policy=policy.default)
        told = not self.server.feels_like("hang_up_after")
        self.server.taken.append(
            Taken(self.recipient, mail["Message-Id"].strip(), self.begun, time.time(), told)
        )
        if not told:
            raise HangUp
        self._say("250 kept")

    def _whole_text(self):
        """The lines of a mail; one that breaks off before the lonely dot was not handed over."""
        for line in self.rfile:
            if line in (b".\r\n", b".\n"):
                return
            yield line
        raise HangUp
