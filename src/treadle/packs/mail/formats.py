"""The names of the formats that the local import reads."""

from typing import Literal

Format = Literal["auto", "mbox", "maildir", "eml", "zip", "tar"]
FORMATS: tuple[Format, ...] = ("auto", "mbox", "maildir", "eml", "zip", "tar")
EXPECTED = (
    "an mbox file (.mbox, .mbox.gz), a Maildir (with cur/ and new/), a folder, zip or tar of .eml files, or one .eml"
)
