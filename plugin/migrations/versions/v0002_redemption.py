"""Redemption and reward stock: holds, the saga and its steps, coupons, draws, stock on its time line; merged members."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds what redemption needs."""
    _create_tables()
    for statement in (CHECKS, PARTITIONS, INSERT_ONLY):
        op.execute(sa.text(statement))


CHECKS = """
ALTER TABLE lot ADD CONSTRAINT lot_held_check CHECK (held >= 0 AND held <= remaining);
"""

# As before, with the two new tables.
PARTITIONS = """
CREATE OR REPLACE FUNCTION pointbook_ensure_partitions(months_ahead int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    first date := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')::date;
    month date;
    number bigint;
    parent text;
BEGIN
    FOR i IN 0 .. months_ahead LOOP
        month := (first + make_interval(months => i))::date;
        number := pointbook_month_number(month::timestamp AT TIME ZONE 'UTC');
        FOREACH parent IN ARRAY ARRAY['inbox', 'point_fact', 'entry', 'redemption_fact', 'stock_move'] LOOP
            EXECUTE format(
                'CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%s) TO (%s)',
                parent || to_char(month, '"_p"YYYY_MM'), parent, number << 53, (number + 1) << 53);
        END LOOP;
    END LOOP;
END $$;
"""

INSERT_ONLY = "".join(
    f"CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION pointbook_refuse_change();"
    f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table}"
    " FOR EACH STATEMENT EXECUTE FUNCTION pointbook_refuse_change();"
    for table in ("redemption_fact", "stock_move", "coupon_fact")
)


def _create_tables() -> None:
    op.create_table(
        "coupon",
        sa.Column(
            "id",
            sa.BigInteger(),
            sa.Identity(always=False),
            nullable=False,
            comment="serial of the code",
        ),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("reward", sa.Text(), nullable=False),
        sa.Column(
            "code_hash",
            sa.LargeBinary(),
            nullable=False,
            comment="keyed; the code itself is not kept",
        ),
        sa.Column(
            "status",
            sa.SmallInteger(),
            nullable=False,
            comment="plugin.redemption.coupons.CouponStatus",
        ),
        sa.Column("redemption_id", sa.BigInteger(), nullable=True),
        sa.Column("member_id", sa.BigInteger(), nullable=True),
        sa.Column("program_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("store", sa.Text(), server_default="", nullable=False),
        sa.Column("face_minor", sa.BigInteger(), nullable=False),
        sa.Column("carried_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "order_id",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="where it was redeemed",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("coupon_pk")),
        sa.UniqueConstraint("book_id", "code_hash", name=op.f("coupon_book_id_code_hash_key")),
    )
    op.create_index(
        "coupon_expiry_ix",
        "coupon",
        ["book_id", "expires_at"],
        unique=False,
        postgresql_where=sa.text("status = 2"),
    )
    op.create_index(
        "coupon_free_ix",
        "coupon",
        ["book_id", "reward", "id"],
        unique=False,
        postgresql_where=sa.text("status = 1"),
    )
    op.create_index(
        "coupon_redemption_ix",
        "coupon",
        ["redemption_id"],
        unique=False,
        postgresql_where=sa.text("redemption_id IS NOT NULL"),
    )
    op.create_table(
        "coupon_fact",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("coupon_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False, comment="plugin.facts.FactKind"),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("carried_minor", sa.BigInteger(), nullable=False),
        sa.Column("face_minor", sa.BigInteger(), nullable=False),
        sa.Column("business_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("program_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("coupon_fact_pk")),
    )
    op.create_index("coupon_fact_coupon_ix", "coupon_fact", ["coupon_id", "id"], unique=False)
    op.create_table(
        "draw",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("reward", sa.Text(), nullable=False),
        sa.Column(
            "commitment", sa.Text(), nullable=False, comment="published before the first ticket"
        ),
        sa.Column("seed", sa.LargeBinary(), nullable=False, comment="secret until drawn"),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("drawn_by", sa.Text(), server_default="", nullable=False),
        sa.Column("beacon", sa.Text(), server_default="", nullable=False),
        sa.Column("tickets_digest", sa.Text(), server_default="", nullable=False),
        sa.Column("winners", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("draw_pk")),
    )
    op.create_index(
        "draw_open_ix",
        "draw",
        ["book_id", "reward"],
        unique=True,
        postgresql_where=sa.text("drawn_at IS NULL"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("redemption_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "task", sa.SmallInteger(), nullable=False, comment="plugin.store.redemptions.Task"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("outbox_pk")),
        sa.UniqueConstraint("redemption_id", "task", name=op.f("outbox_redemption_id_task_key")),
        comment="what an adapter has to do in the ERP: make a redemption order, or cancel one",
    )
    op.create_index(
        "outbox_open_ix",
        "outbox",
        ["book_id", "id"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "product_cost",
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("changed_at_us", sa.BigInteger(), nullable=False),
        sa.Column("unit_cost_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "book_id", "sku", "source", "version", name=op.f("product_cost_pk")
        ),
        comment="what a piece cost since when, by the products' records",
    )
    op.create_table(
        "redemption",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=100001), nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False, comment="plugin.redemption.life.Kind"),
        sa.Column("reward", sa.Text(), nullable=False, comment="empty for a hold at the checkout"),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column(
            "amount_minor",
            sa.BigInteger(),
            nullable=False,
            comment="money beside points, in the ERP",
        ),
        sa.Column("face_minor", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("program_version", sa.Integer(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("approved_by", sa.Text(), server_default="", nullable=False),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "given_up", sa.SmallInteger(), nullable=True, comment="rejected, cancelled or lapsed"
        ),
        sa.Column("erp_source", sa.Text(), server_default="", nullable=False),
        sa.Column("erp_order_id", sa.Text(), server_default="", nullable=False),
        sa.Column("shipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("returned", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "status", sa.SmallInteger(), nullable=False, comment="plugin.redemption.life.Status"
        ),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column(
            "held",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="points set aside by lot",
        ),
        sa.Column(
            "used",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="points taken by lot, net",
        ),
        sa.Column(
            "debt", sa.BigInteger(), nullable=False, comment="points taken that became debt, net"
        ),
        sa.Column(
            "posted",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="[points, face] taken by document",
        ),
        sa.CheckConstraint("quantity > 0 AND points >= 0", name=op.f("redemption_size_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("redemption_pk")),
        sa.UniqueConstraint(
            "book_id", "idempotency_key", name=op.f("redemption_book_id_idempotency_key_key")
        ),
        comment="a redemption, or a hold at the checkout, as it stands; its steps are in redemption_fact",
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "redemption_expiry_ix",
        "redemption",
        ["book_id", "expires_at"],
        unique=False,
        postgresql_where=sa.text("is_open AND expires_at IS NOT NULL"),
    )
    op.create_index("redemption_member_ix", "redemption", ["member_id", "reward"], unique=False)
    op.create_index("redemption_reward_ix", "redemption", ["book_id", "reward", "id"], unique=False)
    op.create_index("redemption_status_ix", "redemption", ["book_id", "status", "id"], unique=False)
    op.create_table(
        "redemption_fact",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("redemption_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind", sa.SmallInteger(), nullable=False, comment="plugin.redemption.life.StepKind"
        ),
        sa.Column("business_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "cause", sa.Text(), nullable=False, comment="document, as kind:id; empty for a call"
        ),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("face_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("redemption_fact_pk")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        "redemption_fact_redemption_ix", "redemption_fact", ["redemption_id", "id"], unique=False
    )
    op.create_table(
        "reward_total",
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("reward", sa.Text(), nullable=False),
        sa.Column("pieces", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "reward", name=op.f("reward_total_pk")),
        comment="pieces of rewards with a limit that were redeemed and not given up",
    )
    op.create_table(
        "stock",
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("on_hand", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reserved", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("value_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("on_hand > 0 OR value_minor = 0", name=op.f("stock_value_check")),
        sa.CheckConstraint("on_hand >= 0", name=op.f("stock_on_hand_check")),
        sa.CheckConstraint("reserved >= 0", name=op.f("stock_reserved_check")),
        sa.PrimaryKeyConstraint("book_id", "sku", "warehouse", name=op.f("stock_pk")),
        comment="stock as it stands; sums of stock_move, and of open redemptions",
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "stock_line",
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "kind", sa.SmallInteger(), nullable=False, comment="plugin.stock.valuation.StockKind"
        ),
        sa.Column("document_id", sa.Text(collation="C"), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column(
            "at_us", sa.BigInteger(), nullable=False, comment="when it happened, microseconds UTC"
        ),
        sa.Column("pieces", sa.BigInteger(), nullable=False),
        sa.Column("value_minor", sa.BigInteger(), nullable=True, comment="as the ERP gave it"),
        sa.Column("redemption_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("is_void", sa.Boolean(), nullable=False),
        sa.Column(
            "is_damaged", sa.Boolean(), nullable=False, comment="came back, but not into stock"
        ),
        sa.Column(
            "is_unpriced", sa.Boolean(), nullable=False, comment="valued by the product's unit cost"
        ),
        sa.Column("booked_pieces", sa.BigInteger(), nullable=False),
        sa.Column("booked_minor", sa.BigInteger(), nullable=False),
        sa.Column("found_pieces", sa.BigInteger(), nullable=False),
        sa.Column("found_minor", sa.BigInteger(), nullable=False),
        sa.Column("after_pieces", sa.BigInteger(), nullable=False),
        sa.Column("basis_pieces", sa.BigInteger(), nullable=False),
        sa.Column("basis_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "book_id",
            "source",
            "kind",
            "document_id",
            "sku",
            "warehouse",
            name=op.f("stock_line_pk"),
        ),
        comment="the latest documents about stock on their time line, with what was posted for each",
    )
    op.create_index(
        "stock_line_place_ix",
        "stock_line",
        ["book_id", "sku", "warehouse", "at_us", "kind", "source", "document_id"],
        unique=False,
    )
    op.create_index(
        "stock_line_redemption_ix",
        "stock_line",
        ["redemption_id"],
        unique=False,
        postgresql_where=sa.text("redemption_id <> 0"),
    )
    op.create_table(
        "stock_move",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False, comment="plugin.facts.FactKind"),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("pieces", sa.BigInteger(), nullable=False),
        sa.Column("value_minor", sa.BigInteger(), nullable=False),
        sa.Column("business_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("redemption_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("stock_move_pk")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        "stock_move_sku_ix", "stock_move", ["book_id", "sku", "warehouse", "id"], unique=False
    )
    op.create_table(
        "ticket",
        sa.Column("draw_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("redemption_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("draw_id", "number", name=op.f("ticket_pk")),
    )
    op.create_index("ticket_redemption_ix", "ticket", ["redemption_id"], unique=False)
    op.add_column(
        "identity",
        sa.Column("is_merged", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column(
        "lot",
        sa.Column(
            "held",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="of what remains, set aside for redemptions",
        ),
    )
    op.alter_column(
        "lot_use",
        "points",
        existing_type=sa.BIGINT(),
        comment="taken from the lot, negative when they came back",
        existing_comment="taken from the lot, above 0",
        existing_nullable=False,
    )
    op.add_column(
        "member",
        sa.Column(
            "merged_into",
            sa.BigInteger(),
            nullable=True,
            comment="the member that this one turned out to be",
        ),
    )
    op.create_index(
        "member_merged_into_ix",
        "member",
        ["merged_into"],
        unique=False,
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )
    op.add_column(
        "order_state",
        sa.Column(
            "hold_id",
            sa.BigInteger(),
            nullable=True,
            comment="redemption whose points pay a part of the order",
        ),
    )
