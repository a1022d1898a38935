"""Everything Unmask raises on purpose.

    UnmaskError                 every error below; `code` is stable, the message says what to do
    ├── InputError              this one input cannot be analysed; others may
    │   ├── UndecodableError    the bytes are damaged, or not what they claim to be
    │   ├── UnsupportedFormatError  a format Unmask does not read
    │   ├── TooLargeError       over a limit of bytes, pixels or duration
    │   └── UnreadableError     the file does not exist or may not be read
    ├── ModelError              the weights cannot be trusted: no card, wrong checksum, failed proof
    ├── ConfigurationError      a setting, option or configuration file is wrong
    ├── DataError               a manifest or data set cannot be used as it is
    └── MissingExtraError       an optional part is needed; the message has its `pip install`

Errors are raised where they are known and caught at the edges: the command line, the
server, and `Detector.images`, which turns an `InputError` into a report with a reason.
"""

from __future__ import annotations

__all__ = [
    "ConfigurationError",
    "DataError",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "TooLargeError",
    "UndecodableError",
    "UnmaskError",
    "UnreadableError",
    "UnsupportedFormatError",
]


class UnmaskError(Exception):
    """Base of every error of Unmask. `code` is part of the public interface."""

    code = "error"


class InputError(UnmaskError):
    """One input cannot be analysed. `code` doubles as the `reason` of its report.

    `sha256` is that of the file, where there was one and it was read: who hands something in will
    know again what was refused.
    """

    code = "undecodable"
    sha256: str | None = None


class UndecodableError(InputError):
    """The input is empty, damaged or cut short, or an array that is no RGB image."""

    code = "undecodable"


class UnsupportedFormatError(InputError):
    """By its content, whatever its name, the input is of no format that Unmask reads."""

    code = "unsupported_format"


class TooLargeError(InputError):
    """The input exceeds a limit; it was refused before it was decoded."""

    code = "too_large"


class UnreadableError(InputError):
    """The file does not exist, is a folder, or may not be read."""

    code = "unreadable"


class ModelError(UnmaskError):
    """The weights file is missing, damaged, unsigned by a card, or fails its proof."""

    code = "model"


class ConfigurationError(UnmaskError):
    """A setting, an option or a configuration file is wrong."""

    code = "configuration"


class DataError(UnmaskError):
    """A manifest, score file or data set cannot be used as it is."""

    code = "data"


class MissingExtraError(UnmaskError):
    """A feature needs an optional dependency that is not installed."""

    code = "missing_extra"

    def __init__(self, feature: str, extra: str) -> None:
        told = f"{feature} needs an optional part, in Unmask's own folder:"
        super().__init__(f'{told} pip install ".[{extra}]"')
