"""Reads a mail from stdin with Python's own parser and prints what it found as JSON."""

import email
import email.policy
import json
import sys

mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.SMTP)
parts = list(mail.walk())
defects = [repr(defect) for part in parts for defect in part.defects]
defects += [repr(defect) for part in parts for value in part.values() for defect in getattr(value, "defects", [])]
names = [name.lower() for name in mail.keys()]
to = mail["To"].addresses[0]


def text(kind):
    return mail.get_body(preferencelist=(kind,)).get_content().replace("\r\n", "\n")


json.dump(
    {
        "defects": defects,
        "repeated": sorted({name for name in names if names.count(name) > 1}),
        "types": [part.get_content_type() for part in parts],
        "to": [to.display_name, to.addr_spec],
        "subject": mail["Subject"],
        "text": text("plain"),
        "html": text("html"),
    },
    sys.stdout,
)
