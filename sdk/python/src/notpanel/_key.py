"""The key: refused where it is mistyped, and never shown."""

from __future__ import annotations

import re
import zlib

from .errors import InvalidArgumentError

_FORM = re.compile(r"np_(live|test)_[0-9A-Za-z]{49}", re.ASCII)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUM_LENGTH = 6


class Key:
    """A key's value. It can be neither printed, dumped nor pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        # No text here may repeat the value: it may be a key with one letter wrong.
        if not isinstance(value, str) or not _FORM.fullmatch(value):
            raise InvalidArgumentError("key must be np_live_ or np_test_ and 49 letters and digits")
        if value[-_SUM_LENGTH:] != _checksum(value[:-_SUM_LENGTH]):
            raise InvalidArgumentError("key is mistyped or incomplete: its checksum does not fit")
        self._value = value

    def reveal(self) -> str:
        """The value, for the body of a request alone."""
        return self._value

    def scrub(self, text: str) -> str:
        """The text without the key, should somebody have echoed it."""
        return text.replace(self._value, str(self))

    def __repr__(self) -> str:
        return self._value[: len("np_live_")] + "…"

    def __reduce__(self) -> str:
        raise TypeError("a client with its key can't be pickled or copied")


def _checksum(text: str) -> str:
    """The CRC-32 (IEEE) in base62, six digits."""
    rest = zlib.crc32(text.encode("ascii"))
    digits = ""
    for _ in range(_SUM_LENGTH):
        rest, digit = divmod(rest, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
