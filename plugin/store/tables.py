"""Every table of the system on one page.

``inbox``, ``point_fact`` and ``entry`` are range-partitioned by month through the leading bits of their key (see
``plugin.facts``). Facts, lot uses, entries, chain and ledger positions are insert-only: triggers refuse update, delete and
truncate (``plugin/migrations``). What can be derived (``member.points``, ``member.debt``, ``lot.remaining``) is reconciled.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

PARTITIONED = ("inbox", "point_fact", "entry")
INSERT_ONLY = ("point_fact", "lot_use", "entry", "chain", "ledger_position")


def _now(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


# -- books and programs -------------------------------------------------------------------------

book = Table(
    "book",
    metadata,
    Column("id", SmallInteger, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("currency_code", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("policy", Text, nullable=False),
    _now("created_at"),
)

program_version = Table(
    "program_version",
    metadata,
    Column("book_id", SmallInteger, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("code", Text, nullable=False),
    Column("effective_from", DateTime(timezone=True), nullable=False),
    Column("content", Text, nullable=False, comment="the program file, TOML, as applied"),
    Column("applied_by", Text, nullable=False),
    _now("applied_at"),
)

# -- intake ---------------------------------------------------------------------------------------

inbox = Table(
    "inbox",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("book_id", SmallInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False, comment="plugin.events.Kind"),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("payload", Text, nullable=False, comment="canonical form, plugin.events"),
    _now("received_at"),
    postgresql_partition_by="RANGE (seq)",
)

event_key = Table(
    "event_key",
    metadata,
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("source", "event_id"),
    comment="idempotency: one row per event, apart from the inbox because partitions cannot share a unique index",
)

batch = Table(
    "batch",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("book_id", SmallInteger, nullable=False),
    Column("lane", SmallInteger, nullable=False, comment="-1: a scheduled job or a retry"),
    Column("events", SmallInteger, nullable=False),
    Column("is_applied", Boolean, nullable=False, server_default=text("false")),
    Column("is_in_ledger", Boolean, nullable=False, server_default=text("false")),
    _now("received_at"),
    Column("applied_at", DateTime(timezone=True)),
    Index("batch_waiting_ix", "lane", "id", postgresql_where=text("NOT is_applied")),
    Index(
        "batch_unposted_ix",
        "book_id",
        "id",
        postgresql_where=text("is_applied AND NOT is_in_ledger"),
    ),
)

conflict = Table(
    "conflict",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("payload", Text, nullable=False),
    _now("received_at"),
    UniqueConstraint("source", "event_id", "content_hash"),
)

parked = Table(
    "parked",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("book_id", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column(
        "waiting_for", Text, nullable=False, server_default="", comment="member key it waits for"
    ),
    Column(
        "resolution",
        Text,
        nullable=False,
        server_default="open",
        comment="open, applied, discarded",
    ),
    Column("applied_seq", BigInteger, comment="where a retry recorded its facts"),
    Column("note", Text, nullable=False, server_default=""),
    _now("parked_at"),
    Column("resolved_at", DateTime(timezone=True)),
    CheckConstraint("resolution IN ('open', 'applied', 'discarded')", name="resolution"),
    Index("parked_open_ix", "book_id", "seq", postgresql_where=text("resolution = 'open'")),
    Index(
        "parked_waiting_ix",
        "waiting_for",
        postgresql_where=text("resolution = 'open' AND waiting_for <> ''"),
    ),
)

# -- documents ------------------------------------------------------------------------------------

document = Table(
    "document",
    metadata,
    Column("source", Text, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("document_id", Text, nullable=False),
    Column("order_id", Text, nullable=False, server_default=""),
    Column("version", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False, comment="inbox row of the highest version"),
    PrimaryKeyConstraint("source", "kind", "document_id"),
    Index("document_order_ix", "source", "order_id", postgresql_where=text("order_id <> ''")),
    comment="latest snapshot of everything but orders; all versions stay in the inbox",
)

order_state = Table(
    "order_state",
    metadata,
    Column("source", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("book_id", SmallInteger, nullable=False),
    Column("order_version", BigInteger, nullable=False, comment="0: the order has not arrived"),
    Column("order_seq", BigInteger),
    Column("member_id", BigInteger),
    Column("program_version", Integer),
    Column("posted", Text, nullable=False, comment="points posted by document, JSON"),
    Column("lot_ids", ARRAY(BigInteger), nullable=False),
    PrimaryKeyConstraint("source", "order_id"),
    Index("order_state_member_ix", "member_id", postgresql_where=text("member_id IS NOT NULL")),
    Index("order_state_waiting_ix", "book_id", postgresql_where=text("order_version = 0")),
)

# -- members --------------------------------------------------------------------------------------

member = Table(
    "member",
    metadata,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("book_id", SmallInteger, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("joined_at", DateTime(timezone=True)),
    Column("tiers", Text, nullable=False, server_default="[]", comment="tier grants, JSON"),
    Column(
        "points", BigInteger, nullable=False, server_default="0", comment="sum of lots' remaining"
    ),
    Column("debt", BigInteger, nullable=False, server_default="0"),
    _now("created_at"),
    CheckConstraint("points >= 0", name="points"),
    CheckConstraint("debt >= 0", name="debt"),
    postgresql_with={"fillfactor": "80"},
)

identity = Table(
    "identity",
    metadata,
    Column("book_id", SmallInteger, nullable=False),
    Column("key", Text, nullable=False, comment="plugin.events.member_key"),
    Column("member_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "key"),
    Index("identity_member_ix", "member_id"),
)

member_profile = Table(
    "member_profile",
    metadata,
    Column("member_id", BigInteger, primary_key=True, autoincrement=False),
    Column("display_name", Text, nullable=False, server_default=""),
    Column("birthday", Text, nullable=False, server_default=""),
    comment="personal data, kept apart and erasable",
)

# -- points ---------------------------------------------------------------------------------------

lot = Table(
    "lot",
    metadata,
    Column(
        "id", BigInteger, primary_key=True, autoincrement=False, comment="the opening fact's id"
    ),
    Column("book_id", SmallInteger, nullable=False),
    Column("member_id", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("cost_minor", BigInteger, nullable=False, comment="carrying amount of what remains"),
    Column(
        "base_points", BigInteger, nullable=False, comment="points of the order before this lot"
    ),
    Column("unit_cost_nano", BigInteger, nullable=False),
    Column("available_at", DateTime(timezone=True), nullable=False),
    Column("expires_on", Date),
    Column("is_open", Boolean, nullable=False),
    Column("program_version", Integer, nullable=False),
    Column("store", Text, nullable=False),
    CheckConstraint("remaining >= 0 AND remaining <= points", name="remaining"),
    CheckConstraint("is_open = (remaining > 0)", name="is_open"),
    CheckConstraint("remaining > 0 OR cost_minor = 0", name="cost"),
    Index("lot_member_ix", "member_id", "expires_on", "id", postgresql_where=text("is_open")),
    Index(
        "lot_expiry_ix",
        "book_id",
        "expires_on",
        postgresql_where=text("is_open AND expires_on IS NOT NULL"),
    ),
    postgresql_with={"fillfactor": "90"},
)

lot_use = Table(
    "lot_use",
    metadata,
    Column("fact_id", BigInteger, nullable=False),
    Column("lot_id", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False, comment="taken from the lot, above 0"),
    Column("cost_minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("fact_id", "lot_id"),
    Index("lot_use_lot_ix", "lot_id"),
)

point_fact = Table(
    "point_fact",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("book_id", SmallInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False, comment="plugin.facts.FactKind"),
    Column("member_id", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("lot_points", BigInteger, nullable=False),
    Column("debt_points", BigInteger, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("business_at", DateTime(timezone=True), nullable=False),
    _now("recorded_at"),
    Column("source", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("cause", Text, nullable=False, comment="document, as kind:id"),
    Column("program_version", Integer, nullable=False),
    Column("tier", Text, nullable=False),
    Column("rules", Text, nullable=False, comment="points each rule gave, JSON"),
    CheckConstraint("points = lot_points - debt_points", name="points"),
    Index("point_fact_member_ix", "member_id", "id"),
    postgresql_partition_by="RANGE (id)",
)

# -- books ----------------------------------------------------------------------------------------

entry = Table(
    "entry",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="its fact's id"),
    Column("book_id", SmallInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False, comment="plugin.facts.FactKind"),
    Column("business_on", Date, nullable=False),
    Column("accounting_on", Date, nullable=False),
    Column("member_id", BigInteger, nullable=False),
    Column("store", Text, nullable=False),
    Column("program_version", Integer, nullable=False),
    Column("policy", SmallInteger, nullable=False, comment="accounting.policy.Policy"),
    Column("source", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("debit", SmallInteger, nullable=False, comment="accounting.chart.Account"),
    Column("credit", SmallInteger, nullable=False),
    Column("amount_minor", BigInteger, nullable=False, comment="0 or more"),
    Column("debit_2", SmallInteger, comment="second money pair: the goods of a redemption"),
    Column("credit_2", SmallInteger),
    Column("amount_2_minor", BigInteger),
    Column("units", BigInteger, nullable=False, comment="points to lots: Dr Issued, Cr Units"),
    Column("arrears", BigInteger, nullable=False, comment="points to debts: Dr Arrears, Cr equity"),
    CheckConstraint(
        "num_nulls(debit_2, credit_2, amount_2_minor) IN (0, 3) AND amount_2_minor >= 0",
        name="second_pair",
    ),
    CheckConstraint("amount_minor >= 0", name="amount"),
    CheckConstraint("accounting_on >= business_on", name="accounting_on"),
    Index("entry_accounting_on_ix", "accounting_on", postgresql_using="brin"),
    postgresql_partition_by="RANGE (id)",
    comment="one compact row per entry; pairs of accounts, so no row can be out of balance",
)

period = Table(
    "period",
    metadata,
    Column("book_id", SmallInteger, primary_key=True),
    Column("month", Date, primary_key=True, comment="first day of the month"),
    Column("is_closed", Boolean, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    _now("changed_at"),
)

ledger_position = Table(
    "ledger_position",
    metadata,
    Column("book_id", SmallInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("batch_id", BigInteger, nullable=False, unique=True),
    PrimaryKeyConstraint("book_id", "position"),
    comment="order of batches in the Beancount ledger; entries of a batch follow by id",
)

chain = Table(
    "chain",
    metadata,
    Column("book_id", SmallInteger, nullable=False),
    Column("day", Date, nullable=False),
    Column("entries", Integer, nullable=False, comment="entries of the day covered by head"),
    Column("head", LargeBinary, nullable=False),
    _now("recorded_at"),
    PrimaryKeyConstraint("book_id", "day", "entries"),
)

ledger_file = Table(
    "ledger_file",
    metadata,
    Column("book_id", SmallInteger, nullable=False),
    Column("path", Text, nullable=False, comment="relative to the book's folder"),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("entries", Integer, nullable=False),
    _now("written_at"),
    PrimaryKeyConstraint("book_id", "path"),
)

reconciliation_run = Table(
    "reconciliation_run",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("book_id", SmallInteger, nullable=False),
    Column("watermark", BigInteger, nullable=False, comment="highest applied batch seen"),
    Column("holds", Boolean, nullable=False),
    Column("checks", Text, nullable=False, comment="the answer as JSON"),
    _now("run_at"),
)

reconciliation_break = Table(
    "reconciliation_break",
    metadata,
    Column("run_id", BigInteger, nullable=False),
    Column("line", Integer, nullable=False),
    Column("check_number", SmallInteger, nullable=False),
    Column("amount", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("age_seconds", BigInteger),
    PrimaryKeyConstraint("run_id", "line"),
)

# -- operations -----------------------------------------------------------------------------------

job_run = Table(
    "job_run",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("book_id", SmallInteger),
    Column("name", Text, nullable=False),
    Column("as_of", Text, nullable=False),
    Column("outcome", Text, nullable=False, comment="JSON"),
    _now("finished_at"),
)
