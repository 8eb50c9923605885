"""Reads a mail with Python's own parser. As a program: from stdin, and prints what it found as JSON."""

import email
import email.header
import email.policy
import email.utils
import json
import sys


def read(raw):
    mail = email.message_from_bytes(raw, policy=email.policy.SMTP)
    parts = list(mail.walk())
    defects = [repr(defect) for part in parts for defect in part.defects]
    defects += [repr(defect) for part in parts for value in part.values() for defect in getattr(value, "defects", [])]
    names = [name.lower() for name in mail.keys()]
    to = [address.addr_spec for address in mail["To"].addresses]
    # The newer parser of Python before 3.13.2 keeps the space between two encoded words of a name (gh-128110, against
    # RFC 2047 section 6.2); the older one does not.
    written = email.utils.parseaddr(email.message_from_bytes(raw)["To"])[0]
    name = str(email.header.make_header(email.header.decode_header(written)))

    def text(kind):
        return mail.get_body(preferencelist=(kind,)).get_content().replace("\r\n", "\n")

    return {
        "defects": defects,
        "repeated": sorted({name for name in names if names.count(name) > 1}),
        "types": [part.get_content_type() for part in parts],
        "to": [name, *to],
        "subject": mail["Subject"],
        "text": text("plain"),
        "html": text("html"),
    }


if __name__ == "__main__":
    json.dump(read(sys.stdin.buffer.read()), sys.stdout)
