"""The state of an upload as distribution puts it into a Location (`_state`), so that its servers go on with ours.

base64url(HMAC-SHA256(`http.secret`, json) + json), the keys of json in Go's order. Of what comes back nothing is read:
the size of the data on storage says how far an upload has come, and a client with an old Location can go on.
"""

import base64
import hmac
import json
import time

from app.domain.times import SECOND_NS, rfc3339


def pack(secret: bytes, repository: str, session: str, size: int) -> str:
    started = rfc3339(time.time_ns() // SECOND_NS * SECOND_NS, 0)
    state = {"Name": repository, "UUID": session, "Offset": size, "StartedAt": started}
    told = json.dumps(state, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hmac.digest(secret, told, "sha256") + told).decode()
