"""Every table of the system on one page.

The tables in ``PARTITIONED`` are range-partitioned by month through the leading bits of their key (see ``plugin.facts``). Those in
``INSERT_ONLY`` are that: triggers refuse update, delete and truncate (``plugin/migrations``). What can be derived (``member.points``,
``member.debt``, ``lot.remaining``, ``lot.held``, ``stock``) is reconciled.
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

PARTITIONED = ("inbox", "point_fact", "entry", "redemption_fact", "stock_move")
INSERT_ONLY = (
    "point_fact",
    "lot_use",
    "entry",
    "chain",
    "ledger_position",
    "redemption_fact",
    "stock_move",
    "coupon_fact",
)


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
    Column("hold_id", BigInteger, comment="redemption whose points pay a part of the order"),
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
    Column("merged_into", BigInteger, comment="the member that this one turned out to be"),
    CheckConstraint("points >= 0", name="points"),
    CheckConstraint("debt >= 0", name="debt"),
    Index("member_merged_into_ix", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
    postgresql_with={"fillfactor": "80"},
)

identity = Table(
    "identity",
    metadata,
    Column("book_id", SmallInteger, nullable=False),
    Column("key", Text, nullable=False, comment="plugin.events.member_key"),
    Column("member_id", BigInteger, nullable=False),
    Column("is_merged", Boolean, nullable=False, server_default=text("false")),
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
    Column(
        "held",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="of what remains, set aside for redemptions",
    ),
    CheckConstraint("remaining >= 0 AND remaining <= points", name="remaining"),
    CheckConstraint("held >= 0 AND held <= remaining", name="held"),
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
    Column(
        "points",
        BigInteger,
        nullable=False,
        comment="taken from the lot, negative when they came back",
    ),
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

# -- redemption -----------------------------------------------------------------------------------

redemption = Table(
    "redemption",
    metadata,
    Column("id", BigInteger, Identity(always=False, start=100_001), primary_key=True),
    Column("book_id", SmallInteger, nullable=False),
    Column("member_id", BigInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False, comment="plugin.redemption.life.Kind"),
    Column("reward", Text, nullable=False, comment="empty for a hold at the checkout"),
    Column("quantity", Integer, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("amount_minor", BigInteger, nullable=False, comment="money beside points, in the ERP"),
    Column("face_minor", BigInteger, nullable=False),
    Column("sku", Text, nullable=False),
    Column("warehouse", Text, nullable=False),
    Column("program_version", Integer, nullable=False),
    Column("tier", Text, nullable=False),
    Column("store", Text, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("idempotency_key", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("needs_approval", Boolean, nullable=False),
    Column("approved_by", Text, nullable=False, server_default=""),
    Column("escalated_at", DateTime(timezone=True)),
    Column("given_up", SmallInteger, comment="rejected, cancelled or lapsed"),
    Column("erp_source", Text, nullable=False, server_default=""),
    Column("erp_order_id", Text, nullable=False, server_default=""),
    Column("shipped", Integer, nullable=False, server_default="0"),
    Column("returned", Integer, nullable=False, server_default="0"),
    Column("status", SmallInteger, nullable=False, comment="plugin.redemption.life.Status"),
    Column("is_open", Boolean, nullable=False),
    Column("held", JSONB, nullable=False, comment="points set aside by lot"),
    Column("used", JSONB, nullable=False, comment="points taken by lot, net"),
    Column("debt", BigInteger, nullable=False, comment="points taken that became debt, net"),
    Column("posted", JSONB, nullable=False, comment="[points, face] taken by document"),
    UniqueConstraint("book_id", "idempotency_key"),
    CheckConstraint("quantity > 0 AND points >= 0", name="size"),
    Index("redemption_status_ix", "book_id", "status", "id"),
    Index("redemption_member_ix", "member_id", "reward"),
    Index("redemption_reward_ix", "book_id", "reward", "id"),
    Index(
        "redemption_expiry_ix",
        "book_id",
        "expires_at",
        postgresql_where=text("is_open AND expires_at IS NOT NULL"),
    ),
    postgresql_with={"fillfactor": "80"},
    comment="a redemption, or a hold at the checkout, as it stands; its steps are in redemption_fact",
)

redemption_fact = Table(
    "redemption_fact",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("book_id", SmallInteger, nullable=False),
    Column("redemption_id", BigInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False, comment="plugin.redemption.life.StepKind"),
    Column("business_at", DateTime(timezone=True), nullable=False),
    _now("recorded_at"),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("cause", Text, nullable=False, comment="document, as kind:id; empty for a call"),
    Column("pieces", Integer, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("face_minor", BigInteger, nullable=False),
    Index("redemption_fact_redemption_ix", "redemption_id", "id"),
    postgresql_partition_by="RANGE (id)",
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("book_id", SmallInteger, nullable=False),
    Column("redemption_id", BigInteger, nullable=False),
    Column("task", SmallInteger, nullable=False, comment="plugin.store.redemptions.Task"),
    _now("created_at"),
    Column("done_at", DateTime(timezone=True)),
    UniqueConstraint("redemption_id", "task"),
    Index("outbox_open_ix", "book_id", "id", postgresql_where=text("done_at IS NULL")),
    comment="what an adapter has to do in the ERP: make a redemption order, or cancel one",
)

reward_total = Table(
    "reward_total",
    metadata,
    Column("book_id", SmallInteger, nullable=False),
    Column("reward", Text, nullable=False),
    Column("pieces", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "reward"),
    comment="pieces of rewards with a limit that were redeemed and not given up",
)

coupon = Table(
    "coupon",
    metadata,
    Column(
        "id", BigInteger, Identity(always=False), primary_key=True, comment="serial of the code"
    ),
    Column("book_id", SmallInteger, nullable=False),
    Column("reward", Text, nullable=False),
    Column("code_hash", LargeBinary, nullable=False, comment="keyed; the code itself is not kept"),
    Column(
        "status", SmallInteger, nullable=False, comment="plugin.redemption.coupons.CouponStatus"
    ),
    Column("redemption_id", BigInteger),
    Column("member_id", BigInteger),
    Column("program_version", Integer, nullable=False, server_default="0"),
    Column("store", Text, nullable=False, server_default=""),
    Column("face_minor", BigInteger, nullable=False),
    Column("carried_minor", BigInteger, nullable=False, server_default="0"),
    Column("issued_at", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True)),
    Column("order_id", Text, nullable=False, server_default="", comment="where it was redeemed"),
    UniqueConstraint("book_id", "code_hash"),
    Index("coupon_free_ix", "book_id", "reward", "id", postgresql_where=text("status = 1")),
    Index(
        "coupon_redemption_ix", "redemption_id", postgresql_where=text("redemption_id IS NOT NULL")
    ),
    Index("coupon_expiry_ix", "book_id", "expires_at", postgresql_where=text("status = 2")),
)

coupon_fact = Table(
    "coupon_fact",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("book_id", SmallInteger, nullable=False),
    Column("coupon_id", BigInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False, comment="plugin.facts.FactKind"),
    Column("member_id", BigInteger, nullable=False),
    Column("carried_minor", BigInteger, nullable=False),
    Column("face_minor", BigInteger, nullable=False),
    Column("business_at", DateTime(timezone=True), nullable=False),
    _now("recorded_at"),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("store", Text, nullable=False),
    Column("program_version", Integer, nullable=False),
    Index("coupon_fact_coupon_ix", "coupon_id", "id"),
)

draw = Table(
    "draw",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("book_id", SmallInteger, nullable=False),
    Column("reward", Text, nullable=False),
    Column("commitment", Text, nullable=False, comment="published before the first ticket"),
    Column("seed", LargeBinary, nullable=False, comment="secret until drawn"),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("drawn_at", DateTime(timezone=True)),
    Column("drawn_by", Text, nullable=False, server_default=""),
    Column("beacon", Text, nullable=False, server_default=""),
    Column("tickets_digest", Text, nullable=False, server_default=""),
    Column("winners", ARRAY(Text), nullable=False, server_default="{}"),
    Index(
        "draw_open_ix",
        "book_id",
        "reward",
        unique=True,
        postgresql_where=text("drawn_at IS NULL"),
    ),
)

ticket = Table(
    "ticket",
    metadata,
    Column("draw_id", BigInteger, nullable=False),
    Column("number", Text, nullable=False),
    Column("redemption_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("draw_id", "number"),
    Index("ticket_redemption_ix", "redemption_id"),
)

# -- reward stock ---------------------------------------------------------------------------------

stock = Table(
    "stock",
    metadata,
    Column("book_id", SmallInteger, nullable=False),
    Column("sku", Text, nullable=False),
    Column("warehouse", Text, nullable=False),
    Column("on_hand", BigInteger, nullable=False, server_default="0"),
    Column("reserved", BigInteger, nullable=False, server_default="0"),
    Column("value_minor", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("book_id", "sku", "warehouse"),
    CheckConstraint("on_hand >= 0", name="on_hand"),
    CheckConstraint("reserved >= 0", name="reserved"),
    CheckConstraint("on_hand > 0 OR value_minor = 0", name="value"),
    postgresql_with={"fillfactor": "50"},
    comment="stock as it stands; sums of stock_move, and of open redemptions",
)

stock_line = Table(
    "stock_line",
    metadata,
    Column("book_id", SmallInteger, nullable=False),
    Column("source", Text(collation="C"), nullable=False),
    Column("kind", SmallInteger, nullable=False, comment="plugin.stock.valuation.StockKind"),
    Column("document_id", Text(collation="C"), nullable=False),
    Column("sku", Text, nullable=False),
    Column("warehouse", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False, comment="when it happened, microseconds UTC"),
    Column("pieces", BigInteger, nullable=False),
    Column("value_minor", BigInteger, comment="as the ERP gave it"),
    Column("redemption_id", BigInteger, nullable=False, server_default="0"),
    Column("is_void", Boolean, nullable=False),
    Column("is_damaged", Boolean, nullable=False, comment="came back, but not into stock"),
    Column("is_unpriced", Boolean, nullable=False, comment="valued by the product's unit cost"),
    Column("booked_pieces", BigInteger, nullable=False),
    Column("booked_minor", BigInteger, nullable=False),
    Column("found_pieces", BigInteger, nullable=False),
    Column("found_minor", BigInteger, nullable=False),
    Column("after_pieces", BigInteger, nullable=False),
    Column("basis_pieces", BigInteger, nullable=False),
    Column("basis_minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "source", "kind", "document_id", "sku", "warehouse"),
    Index(
        "stock_line_place_ix",
        "book_id",
        "sku",
        "warehouse",
        "at_us",
        "kind",
        "source",
        "document_id",
    ),
    Index("stock_line_redemption_ix", "redemption_id", postgresql_where=text("redemption_id <> 0")),
    comment="the latest documents about stock on their time line, with what was posted for each",
)

stock_move = Table(
    "stock_move",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("book_id", SmallInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False, comment="plugin.facts.FactKind"),
    Column("sku", Text, nullable=False),
    Column("warehouse", Text, nullable=False),
    Column("pieces", BigInteger, nullable=False),
    Column("value_minor", BigInteger, nullable=False),
    Column("business_at", DateTime(timezone=True), nullable=False),
    _now("recorded_at"),
    Column("source", Text, nullable=False),
    Column("document_id", Text, nullable=False),
    Column("redemption_id", BigInteger, nullable=False),
    Index("stock_move_sku_ix", "book_id", "sku", "warehouse", "id"),
    postgresql_partition_by="RANGE (id)",
)

product_cost = Table(
    "product_cost",
    metadata,
    Column("book_id", SmallInteger, nullable=False),
    Column("sku", Text, nullable=False),
    Column("source", Text(collation="C"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at_us", BigInteger, nullable=False),
    Column("unit_cost_minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "sku", "source", "version"),
    comment="what a piece cost since when, by the products' records",
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
