"""What is taken for a delivery of the panel's, and what is not. Each rule holds for both forms of signature."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Callable, Dict

import pytest
from signing import ORDER, event, new_secret, own, standard

import notpanel as np

AT = 1_767_225_600
SECRET, OTHER = new_secret(), new_secret()
BODY = event("order.completed", ORDER)
Sign = Callable[..., Dict[str, str]]


def verify(headers: Any, *, body: bytes = BODY, secrets: Any = SECRET, now: float = AT, **options: Any) -> np.Event:
    return np.verify_webhook(body, headers, secrets, clock=lambda: now, **options)


@pytest.fixture(params=[standard, own])
def sign(request: pytest.FixtureRequest) -> Sign:
    found: Sign = request.param
    return found


def test_a_genuine_delivery_is_believed(sign: Sign) -> None:
    found = verify(sign(BODY, AT, SECRET))
    assert isinstance(found, np.OrderEvent)
    assert (found.id, found.type, found.sequence) == ("evt_1", "order.completed", 4)
    assert found.created_at == datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    assert found.order == np.OrderData(
        "ord_1", 23501, "shop-1", "completed", Decimal("0.50"), Decimal("0.00"), 1234, None, "USD",
        "https://example.com/landing", 1,
    )  # fmt: skip
    assert found.refill is None and found.data == ORDER


def test_every_changed_byte_is_refused(sign: Sign) -> None:
    headers = sign(BODY, AT, SECRET)
    for at in range(len(BODY)):
        with pytest.raises(np.SignatureError):
            verify(headers, body=BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :])
    for cut in (BODY[:-1], BODY + b" ", b""):
        with pytest.raises(np.SignatureError):
            verify(headers, body=cut)


def test_a_changed_time_or_id_is_refused() -> None:
    for name, value in (("Webhook-Timestamp", str(AT + 1)), ("Webhook-Id", "evt_2")):
        with pytest.raises(np.SignatureError):
            verify({**standard(BODY, AT, SECRET), name: value})
    changed = own(BODY, AT, SECRET)["X-NotPanel-Signature"].replace(f"t={AT}", f"t={AT + 1}")
    with pytest.raises(np.SignatureError):
        verify({"X-NotPanel-Signature": changed})


def test_a_wrong_secret_is_refused(sign: Sign) -> None:
    with pytest.raises(np.SignatureError) as caught:
        verify(sign(BODY, AT, OTHER))
    assert SECRET not in str(caught.value) and SECRET[6:] not in str(caught.value)


@pytest.mark.parametrize("off", [301, -301, 86400 * 365])
def test_times_too_far_off_are_refused(sign: Sign, off: int) -> None:
    with pytest.raises(np.TimestampError):
        verify(sign(BODY, AT, SECRET), now=AT + off)


@pytest.mark.parametrize("off", [300, -300, 0])
def test_times_within_the_tolerance_are_believed(sign: Sign, off: int) -> None:
    assert verify(sign(BODY, AT, SECRET), now=AT + off).id == "evt_1"


def test_the_tolerance_can_be_chosen(sign: Sign) -> None:
    with pytest.raises(np.TimestampError):
        verify(sign(BODY, AT, SECRET), now=AT + 11, tolerance=10)
    assert verify(sign(BODY, AT, SECRET), now=AT + 900, tolerance=1000).id == "evt_1"


def test_the_clock_is_the_machines_where_none_is_given(sign: Sign) -> None:
    with pytest.raises(np.TimestampError):
        np.verify_webhook(BODY, sign(BODY, AT, SECRET), SECRET)


def test_a_wrong_secret_is_told_before_an_old_time(sign: Sign) -> None:
    with pytest.raises(np.SignatureError):
        verify(sign(BODY, AT, OTHER), now=AT + 9999)


def test_one_of_two_signatures_is_enough_while_the_secret_is_rotated(sign: Sign) -> None:
    for keys in ((SECRET, OTHER), (OTHER, SECRET)):
        assert verify(sign(BODY, AT, *keys)).id == "evt_1"
    with pytest.raises(np.SignatureError):
        verify(sign(BODY, AT, OTHER, new_secret()))


def test_one_of_two_secrets_is_enough(sign: Sign) -> None:
    for secrets in ([SECRET, OTHER], (OTHER, SECRET), iter([OTHER, SECRET])):
        assert verify(sign(BODY, AT, SECRET), secrets=secrets).id == "evt_1"
    with pytest.raises(np.SignatureError):
        verify(sign(BODY, AT, SECRET), secrets=[OTHER, new_secret()])


def test_standard_webhooks_counts_where_both_are_there() -> None:
    both = {**standard(BODY, AT, SECRET), **own(BODY, AT, SECRET)}
    assert verify(both).id == "evt_1"
    assert verify({**both, "X-NotPanel-Signature": "t=1,v1=00"}).id == "evt_1"
    with pytest.raises(np.SignatureError):
        verify({**standard(BODY, AT, OTHER), **own(BODY, AT, SECRET)})


def test_signatures_of_other_versions_are_passed_over() -> None:
    headers = standard(BODY, AT, SECRET)
    headers["Webhook-Signature"] = "v1a,abc " + headers["Webhook-Signature"] + " v2,xyz"
    assert verify(headers).id == "evt_1"
    headers = own(BODY, AT, SECRET)
    headers["X-NotPanel-Signature"] += ",v2=ff,new"
    assert verify(headers).id == "evt_1"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Webhook-Signature": "v1,AA=="},
        {"Webhook-Signature": "v1,AA==", "Webhook-Id": "evt_1"},
        {"Webhook-Signature": "v1,AA==", "Webhook-Timestamp": str(AT)},
        {"Webhook-Signature": "v1,AA==", "Webhook-Timestamp": "soon", "Webhook-Id": "evt_1"},
        {"Webhook-Signature": "v2,AA==", "Webhook-Timestamp": str(AT), "Webhook-Id": "evt_1"},
        {"Webhook-Signature": "", "Webhook-Timestamp": str(AT), "Webhook-Id": "evt_1"},
        {"X-NotPanel-Signature": ""},
        {"X-NotPanel-Signature": "v1=00"},
        {"X-NotPanel-Signature": f"t={AT}"},
        {"X-NotPanel-Signature": "t=x,v1=00"},
        {"X-NotPanel-Signature": f"t={AT},t=1,v1=00"},
        {"X-NotPanel-Signature": None},
    ],
)
def test_missing_and_malformed_headers_are_told_apart(headers: Any) -> None:
    with pytest.raises(np.HeaderError):
        verify(headers)


@pytest.mark.parametrize("signature", ["v1,", "v1,ü", "v1,\udc80", "v1,=", "v1"])
def test_signatures_that_are_none_do_not_fit(signature: str) -> None:
    with pytest.raises(np.SignatureError):
        verify({**standard(BODY, AT, SECRET), "Webhook-Signature": signature})


SHORT, LONG = "whsec_" + "A" * 40, "whsec_" + "A" * 88


@pytest.mark.parametrize("secret", ["", "whsec_", SECRET[6:], SECRET[:-4], SECRET + "!", SHORT, LONG, [], [SECRET, "x"], 5, [None]])
def test_a_malformed_secret_is_our_own_fault(secret: Any) -> None:
    if secret == 5:
        secret = [5]
    with pytest.raises(np.SecretError) as caught:
        verify(own(BODY, AT, SECRET), secrets=secret)
    assert SECRET[6:20] not in str(caught.value)


def test_headers_come_as_frameworks_have_them() -> None:
    plain = standard(BODY, AT, SECRET)
    asgi = [(name.lower().encode(), value.encode()) for name, value in plain.items()]
    wsgi = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in plain.items()}
    forms = [
        {name.upper(): value for name, value in plain.items()},
        asgi,
        list(plain.items()),
        {**wsgi, "wsgi.input": object(), "SERVER_PORT": 80},
        {name: [value, "another"] for name, value in plain.items()},
    ]
    for headers in forms:
        assert verify(headers).id == "evt_1"


def test_the_body_has_to_be_raw() -> None:
    headers = own(BODY, AT, SECRET)
    assert verify(headers, body=bytearray(BODY)).id == "evt_1"  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        verify(headers, body=BODY.decode())  # type: ignore[arg-type]


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    compare = hmac.compare_digest

    def note(a: bytes, b: bytes) -> bool:
        compared.append(len(a))
        return compare(a, b)

    monkeypatch.setattr("notpanel.webhooks.hmac.compare_digest", note)
    for sign, length in ((standard, 44), (own, 2 * hashlib.sha256().digest_size)):
        compared.clear()
        verify(sign(BODY, AT, SECRET, OTHER), secrets=[SECRET, OTHER])
        assert compared == [length] * 4  # also those behind one that fits


CHANGE = {"change": 5, "service": 1, "field": "rate", "before": "1.00", "after": "2.00",
          "at": "2026-03-01T12:00:00Z", "effective_at": "2026-03-01T12:00:00Z"}  # fmt: skip


def told(type: str, data: Any, **more: Any) -> np.Event:
    body = event(type, data, **more)
    return verify(own(body, AT, SECRET), body=body)


def test_events_have_their_types() -> None:
    refill = told("refill.completed", {**ORDER, "refill": "ref_1"})
    assert isinstance(refill, np.OrderEvent) and refill.refill == "ref_1"
    low = told("balance.low", {"balance": "1.20", "currency": "USD", "threshold": "5.00"})
    assert isinstance(low, np.BalanceEvent) and (low.balance, low.threshold, low.amount) == (Decimal("1.20"), 5, None)
    credited = told("balance.credited", {"balance": "9.00", "currency": "USD", "amount": "7.80"}, sequence=0)
    assert isinstance(credited, np.BalanceEvent) and (credited.amount, credited.sequence) == (Decimal("7.80"), 0)
    changed = told("service.changed", CHANGE)
    assert isinstance(changed, np.ServiceChangedEvent) and changed.change.after == "2.00"
    ping = told("ping", {"webhook": "whk_1"})
    assert isinstance(ping, np.PingEvent) and ping.webhook == "whk_1"


@pytest.mark.parametrize("type", ["order.created", "order.in_progress", "order.partial", "order.canceled", "order.failed",
                                  "order.refunded", "refill.rejected", "cancel.rejected"])  # fmt: skip
def test_events_of_an_order(type: str) -> None:
    assert isinstance(told(type, ORDER), np.OrderEvent)


def test_unknown_types_and_fields_are_no_error() -> None:
    later = told("order.delayed", {"anything": [0.1]}, colour="red")
    assert type(later) is np.Event and later.type == "order.delayed" and later.data == {"anything": [Decimal("0.1")]}
    assert isinstance(told("order.completed", {**ORDER, "colour": "red"}), np.OrderEvent)


@pytest.mark.parametrize(
    "body",
    [b"", b"no JSON", b"[]", b"{}", b"\xff", b"[" * 100_000, event("ping", {}), event("ping", None), event("order.failed", {"order": 1}),
     event("ping", {"webhook": "w"}, created_at="yesterday"), event("ping", {"webhook": "w"}, id=None), b'{"data":{},"id":NaN}'],
)  # fmt: skip
def test_a_signed_body_that_is_no_event(body: bytes) -> None:
    with pytest.raises(np.PayloadError):
        verify(own(body, AT, SECRET), body=body)


def test_all_refusals_are_one_kind() -> None:
    for kind in (np.HeaderError, np.SignatureError, np.TimestampError, np.PayloadError, np.SecretError):
        assert issubclass(kind, np.WebhookError) and issubclass(kind, np.NotPanelError)
