"""Signs deliveries as the panel documents it, without the package's code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any, Dict


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def digest(secret: str, text: bytes) -> bytes:
    return hmac.new(base64.b64decode(secret[6:]), text, hashlib.sha256).digest()


def standard(body: bytes, at: int, *keys: str, id: str = "evt_1") -> Dict[str, str]:
    text = f"{id}.{at}.".encode() + body
    signatures = " ".join("v1," + base64.b64encode(digest(key, text)).decode() for key in keys)
    return {"Webhook-Id": id, "Webhook-Timestamp": str(at), "Webhook-Signature": signatures}


def own(body: bytes, at: int, *keys: str) -> Dict[str, str]:
    text = f"{at}.".encode() + body
    return {"X-NotPanel-Signature": f"t={at}," + ",".join("v1=" + digest(key, text).hex() for key in keys)}


def event(type: str, data: Any, **more: Any) -> bytes:
    value = {"id": "evt_1", "type": type, "created_at": "2026-03-01T12:00:00Z", "sequence": 4, "data": data, **more}
    return json.dumps(value).encode()


ORDER: Dict[str, Any] = {
    "order": "ord_1", "number": 23501, "request_id": "shop-1", "status": "completed", "charge": "0.50", "refunded": "0.00",
    "start_count": "1234", "remains": None, "currency": "USD", "link": "https://example.com/landing", "service": 1,
}  # fmt: skip
