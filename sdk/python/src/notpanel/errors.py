"""What can go wrong. Everything that this package raises on purpose is a NotPanelError.

    NotPanelError
    ├── InvalidArgumentError      a key, address, option or field that can't be used; nothing was sent
    ├── APIConnectionError        no answer came
    │   └── APITimeoutError       none in time
    ├── AnswerError               an answer that is not the panel's
    ├── APIError                  the panel said no
    │   ├── InvalidKeyError
    │   ├── AccountSuspendedError
    │   ├── InsufficientBalanceError
    │   ├── NotFoundError
    │   ├── InvalidRequestError
    │   ├── RateLimitError
    │   └── ServerError
    └── WebhookError              a delivery that must not be believed
        ├── HeaderError
        ├── SignatureError
        ├── TimestampError
        ├── PayloadError
        └── SecretError           not the delivery but our own secret is malformed

No error holds the key, in its text or in what hangs on it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Optional


class NotPanelError(Exception):
    """The base of all errors of this package."""

    request_id: Optional[str] = None
    """The request_id of an `add` that failed: look the order up with it, or add again with it."""

    outcome_unknown: bool = False
    """Whether the panel may have done what it was asked, though no good answer came.

    True after a lost answer, a server's fault, and after a refusal of a repeat where an
    earlier try had no answer.
    """


class InvalidArgumentError(NotPanelError, ValueError):
    """A key, address, option or field can't be used. Nothing was sent."""


class APIConnectionError(NotPanelError):
    """No answer came: no connection, or it broke."""


class APITimeoutError(APIConnectionError):
    """No answer came in time."""


class _Answered(NotPanelError):
    def __init__(self, message: str, *, status: int, x_request_id: Optional[str] = None) -> None:
        super().__init__(message)
        self.message = message
        """The panel's text, or what is wrong with its answer."""
        self.status = status
        """The HTTP status."""
        self.x_request_id = x_request_id
        """The answer's X-Request-Id. Tell it to the panel's operator when you ask about a request."""

    def __str__(self) -> str:
        shown = f"{self.message} (HTTP {self.status}"
        return f"{shown}, X-Request-Id {self.x_request_id})" if self.x_request_id else f"{shown})"


class AnswerError(_Answered):
    """The answer is not the panel's: no JSON, a redirect, above 32 MiB, or of another form."""


class APIError(_Answered):
    """The panel refused the request. Match on the class, and where you must on `message`."""


class InvalidKeyError(APIError):
    """The key is unknown, revoked, expired or not allowed from this address."""


class AccountSuspendedError(APIError):
    """The account is suspended."""


class InsufficientBalanceError(APIError):
    """The wallet holds less than the charge."""


class NotFoundError(APIError):
    """The service, order, refill, webhook or delivery is not there, or not this key's."""


class InvalidRequestError(APIError):
    """A field is missing, malformed or can't be had now; `message` names it."""


class ServerError(APIError):
    """A fault of the panel or of a machine before it: statuses from 500."""

    retry_after: Optional[float] = None
    """Seconds to wait, where the answer says so."""


class RateLimitError(APIError):
    """A limit is used up. Nothing was done.

    A figure is None where the answer lacks it.
    """

    limit: Optional[int] = None
    """Requests a minute of the tighter of key and tier (of the address, where that refused)."""
    remaining: Optional[int] = None
    """What that limit leaves in this minute."""
    reset: Optional[datetime] = None
    """When the next minute begins."""
    tier_remaining: Optional[int] = None
    """What the tier leaves in this minute."""
    denied_by: Optional[str] = None
    """Which limit refused: `ip`, `key` or `tier`."""
    retry_after: Optional[float] = None
    """Seconds to wait."""


class WebhookError(NotPanelError):
    """A delivery that must not be believed: answer it with 400."""


class HeaderError(WebhookError):
    """The signature's headers are missing or malformed."""


class SignatureError(WebhookError):
    """No signature fits: another secret, or a changed body, time or id."""


class TimestampError(WebhookError):
    """Signed well, but too long ago, or the clocks differ."""


class PayloadError(WebhookError):
    """Signed well, but the body is no event as documented."""


class SecretError(WebhookError, ValueError):
    """The secret given is none: `whsec_` and the base64 of 32 bytes. The delivery was not looked at."""
