"""From a Digest to HTML, text and a whole mail. What it says, digest.py decides; where it goes, outbox.py."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache

from jinja2 import PackageLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from treadle import TreadleError
from treadle.packs.notify.digest import Digest


class UnsafeHeader(TreadleError):
    """A header value would end its line: somebody tries to add headers, so nothing is sent."""

    def __init__(self, header: str) -> None:
        super().__init__(
            f"The {header} holds a line break or a NUL and is refused. Look for where the text comes from."
        )


class BrokenTemplate(TreadleError):
    """A template does not fit what it is given."""


def html(digest: Digest) -> str:
    """Render the HTML part; every text of the digest is escaped."""
    return _render("digest.html.j2", digest)


def text(digest: Digest) -> str:
    """Render the plain part."""
    return _render("digest.txt.j2", digest)


def mail(digest: Digest, *, to: Address, sender: Address, message_id: str, at: datetime) -> EmailMessage:
    """Build the whole mail, text first and HTML as its alternative."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = sender, to
    message["Subject"] = header_value("subject", digest.subject)
    message["Date"] = at
    message["Message-ID"] = header_value("Message-ID", message_id)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text(digest))
    message.add_alternative(html(digest), subtype="html")
    return message


def header_value(header: str, value: str) -> str:
    """Return the value as it is; raise UnsafeHeader for CR, LF or NUL instead of repairing it."""
    if any(c in value for c in "\r\n\0"):
        raise UnsafeHeader(header)
    return value


def _render(name: str, digest: Digest) -> str:
    try:
        return _environment().get_template(name).render(digest=digest)
    except TemplateError as error:
        raise BrokenTemplate(
            f"The template {name} cannot be rendered: {error}. Compare it with the one Treadle ships."
        ) from error


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=PackageLoader("treadle.packs.notify"),
        autoescape=lambda name: name is None or not name.endswith(".txt.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
