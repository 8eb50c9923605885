"""An SMTP server of somebody else's (aiosmtpd): `inbox.py FOLDER`.

Writes every mail as it was received to FOLDER/NNNN.eml and its envelope to FOLDER/NNNN.json, then says 250. Its port is
the first line on stdout. Ends with its stdin.
"""

import asyncio
import json
import pathlib
import sys

from aiosmtpd.smtp import SMTP


class Inbox:
    def __init__(self, folder):
        self.folder = folder
        self.taken = 0

    async def handle_DATA(self, server, session, envelope):
        self.taken += 1
        name = self.folder / f"{self.taken:04}"
        said = {"hello": session.host_name, "from": envelope.mail_from, "to": envelope.rcpt_tos}
        name.with_suffix(".eml").write_bytes(envelope.original_content)
        name.with_suffix(".json").write_text(json.dumps(said))
        return "250 2.0.0 taken"


async def serve(folder):
    inbox = Inbox(folder)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(inbox, hostname="inbox.example"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(serve(pathlib.Path(sys.argv[1])))
