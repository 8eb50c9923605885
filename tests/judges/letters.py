"""Judges the mails that `inbox.py` kept: `letters.py FOLDER KEY AUDIENCE ISSUER`, JSON on stdout.

Knows nothing of linkpost but its key: Python's parser reads the mails, PyJWT the tokens in their links.
"""

import html.parser
import json
import pathlib
import re
import sys
import urllib.parse

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from read_mail import read

folder, key, audience, issuer = sys.argv[1:]
key = pathlib.Path(key)
public = load_pem_private_key(key.read_bytes(), None).public_key()


class Page(html.parser.HTMLParser):
    """The tags, the links and the words of a page."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.links, self.words = [], [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append([tag, *sorted(name for name, _ in attributes)])
        self.links += [value for name, value in attributes if name in ("href", "src")]

    def handle_data(self, data):
        self.words.append(data)


def claims(link):
    """Every token in a link's query, read by PyJWT with the public key."""
    for token in urllib.parse.parse_qs(urllib.parse.urlsplit(link).query).get("token", []):
        assert jwt.get_unverified_header(token)["kid"] == key.name.split(".")[0]
        yield jwt.decode(
            token,
            public,
            algorithms=["EdDSA"],
            audience=audience,
            issuer=issuer,
            options={"require": ["exp", "iat", "nbf", "jti", "sub", "aud", "iss"]},
        )


def judge(raw, envelope):
    mail = read(raw)
    page = Page(mail.pop("html"))
    links = re.findall(r"https?://[^\s<>\"]+", mail["text"])
    head = raw.split(b"\r\n\r\n", 1)[0]
    lines = raw.split(b"\r\n")
    return {
        **mail,
        "envelope": envelope,
        # Read by hand: a parser may be lenient about what it does not know.
        "headers": [line.split(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")],
        "id": re.search(rb"(?mi)^Message-ID: (\S+)", head)[1].decode(),
        "wire": raw.isascii() and all(len(line) <= 998 and b"\r" not in line and b"\n" not in line for line in lines),
        "tags": page.tags,
        "words": "".join(page.words),
        "pages": sorted({link.split("?")[0] for link in links + page.links}),
        "text_subjects": [found["sub"] for link in links for found in claims(link)],
        "html_subjects": [found["sub"] for link in page.links for found in claims(link)],
        "tokens": sorted(set(re.findall(r"token=([\w.-]+)", " ".join([mail["text"], *page.links])))),
    }


names = sorted(pathlib.Path(folder).glob("*.eml"))
json.dump([judge(name.read_bytes(), json.loads(name.with_suffix(".json").read_text())) for name in names], sys.stdout)
