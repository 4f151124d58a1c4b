"""A mail server of our own on this machine: it takes what is sent and keeps it."""

import re
import socketserver
import threading
from email import message_from_bytes, policy


class Postbox(socketserver.ThreadingTCPServer):
    """A mail server on a free local port; ``received`` holds (recipients, bytes)."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, deliver=None):
        super().__init__(("127.0.0.1", 0), SmtpSession)
        self.received = []
        self.deliver = deliver
        #: command → the line that answers it instead of ours
        self.answers = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def take(self):
        """What arrived since the last time."""
        received, self.received = self.received, []
        return received


class SmtpSession(socketserver.StreamRequestHandler):
    """The few words of SMTP (RFC 5321) that a client needs to hand over a mail."""

    def handle(self):
        recipients = []
        self._say("220 demo")
        for line in self.rfile:
            command = line.decode(errors="replace").strip()
            verb = command[:4].upper()
            if verb in self.server.answers:
                self._say(self.server.answers[verb])
            elif verb == "DATA":
                self._say("354 go on")
                mail = b"".join(self._lines())
                self.server.received.append((recipients, mail))
                recipients = []
                if self.server.deliver:
                    self.server.deliver()
                self._say("250 kept")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            elif verb == "RCPT":
                recipients.append(re.search(r"<(.*?)>", command)[1])
                self._say("250 ok")
            elif verb == "EHLO":
                self._say("250-demo\r\n250-8BITMIME\r\n250 SMTPUTF8")
            elif verb in ("HELO", "MAIL", "RSET", "NOOP"):
                self._say("250 ok")
            else:
                self._say("502 unknown")

    def _lines(self):
        """The lines of a mail, up to the lonely dot."""
        for line in self.rfile:
            if line in (b".\r\n", b".\n"):
                return
            yield line[1:] if line.startswith(b".") else line

    def _say(self, text):
        self.wfile.write(text.encode() + b"\r\n")


def bounce_of(mail, to):
    """The notice that ``mail`` (bytes) could not be delivered, as a mail server writes it."""
    original = message_from_bytes(mail, policy=policy.default)
    return f"""\
From: Mail Delivery Subsystem <mailer-daemon@mail.example>
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-Id: <bounce.{original["Message-Id"].strip("<>")}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="part"

--part
Content-Type: text/plain

{original["To"]}: 550 5.1.1 user unknown

--part
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example

Final-Recipient: rfc822; {original["To"].addresses[0].addr_spec}
Action: failed
Status: 5.1.1

--part
Content-Type: text/rfc822-headers

From: {original["From"]}
To: {original["To"]}
Subject: {" ".join(original["Subject"].split())}
Message-Id: {original["Message-Id"]}

--part--
""".encode()
