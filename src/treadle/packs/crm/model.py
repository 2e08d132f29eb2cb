"""The tables of the crm pack. Times are milliseconds since 1970, UTC; other packs' rows are named, never referenced."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, MetaData, String, Table, UniqueConstraint

metadata = MetaData()

contact = Table(
    "contact",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner_id", String(200), nullable=False),
    Column("email_norm", String(320), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("name", String(120), nullable=False, server_default=""),
    Column("name_at", BigInteger, nullable=False, server_default="0"),
    Column("company", String(60), nullable=False, server_default=""),
    Column("domain", String(255), nullable=False, server_default=""),
    Column("phone", String(20), nullable=False, server_default=""),
    Column("phone_at", BigInteger, nullable=False, server_default="0"),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("first_in", BigInteger),
    Column("last_in", BigInteger),
    Column("first_out", BigInteger),
    Column("last_out", BigInteger),
    Column("in_count", Integer, nullable=False, server_default="0"),
    Column("out_count", Integer, nullable=False, server_default="0"),
    Column("signals", JSON, nullable=False),  # rule -> when it last applied
    Column("source", String(20), nullable=False, server_default="mail"),
    UniqueConstraint("owner_id", "email_norm"),
    Index("contact_owner_last_seen", "owner_id", "last_seen"),
)

sighting = Table(
    "contact_sighting",
    metadata,
    Column("contact_id", Integer, ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True),
    Column("message_id", String(200), primary_key=True),  # a message counts once, however often its job runs
)

lead = Table(
    "lead",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner_id", String(200), nullable=False),
    Column("contact_id", Integer, ForeignKey("contact.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("stage", String(12), nullable=False),  # new, engaged: set here; won, lost, dismissed: set by people
    Column("score", Integer, nullable=False),
    Column("score_reasons", JSON, nullable=False),  # [{rule, points, at}]
    Column("scored_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),  # when the person first wrote
    Index("lead_owner_score", "owner_id", "score"),
)
