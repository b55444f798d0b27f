import base64
import hashlib
import hmac
import re
import time


def verified(secret: str, signature: str, body: bytes) -> bool:
    """Tells whether a delivery is the panel's.

    secret is the webhook's, signature the header X-NotPanel-Signature, body
    what arrived, to the byte: no parsed JSON.
    """
    sent, given = "", []
    for part in signature.split(","):
        name, _, value = part.partition("=")
        if name == "t":
            sent = value
        elif name == "v1":
            given.append(value.encode())
    if not re.fullmatch("[0-9]{1,12}", sent) or abs(time.time() - int(sent)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    want = hmac.new(key, sent.encode() + b"." + body, hashlib.sha256).hexdigest().encode()
    return any(hmac.compare_digest(want, mac) for mac in given)
