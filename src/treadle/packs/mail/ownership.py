"""Which addresses are the owner's own, and so which messages went out. Pure."""

from collections.abc import Collection, Mapping

# Of these, having the same domain says nothing.
FREE_MAIL = frozenset(
    "gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com ymail.com "
    "icloud.com me.com mac.com aol.com "
    "gmx.de gmx.net gmx.at gmx.ch web.de t-online.de freenet.de posteo.de "
    "mailbox.org proton.me protonmail.com orange.fr "
    "free.fr wanadoo.fr laposte.net libero.it virgilio.it tiscali.it mail.ru yandex.ru qq.com 163.com 126.com "
    "hotmail.co.uk yahoo.co.uk btinternet.com comcast.net verizon.net zoho.com fastmail.com localhost".split()
)
SHARE = 0.1
"""An address is learnt as the owner's own once a tenth of the messages were delivered to it."""
LEAST = 3


def learn(delivered: Mapping[str, int], seen: int) -> frozenset[str]:
    """Find own addresses among those that messages were delivered to (the topmost Delivered-To)."""
    return frozenset(one for one, times in delivered.items() if times >= LEAST and times >= SHARE * seen)


def told(owner: str, addresses: Collection[str]) -> frozenset[str]:
    """Take what the owner told: their addresses, and their name if it is one."""
    return frozenset(one.strip().lower() for one in (*addresses, owner) if "@" in one)


def own_domains(own: Collection[str]) -> frozenset[str]:
    """Name the domains that are the owner's: what a colleague sends goes out as well."""
    return frozenset(one.rpartition("@")[2] for one in own) - FREE_MAIL


def went_out(sender: str, own: Collection[str], domains: Collection[str]) -> bool:
    """Say whether a message from this sender went out."""
    return sender in own or sender.rpartition("@")[2] in domains
