"""The first schema: intake, documents, members, points, books.

Beside the tables: month partitions, insert-only triggers, the numbering of batches, and the refusal of entries in a closed month.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates everything."""
    _create_tables()
    for statement in (NUMBERING, PARTITIONS, INSERT_ONLY, CLOSED_MONTHS, POSTINGS):
        op.execute(sa.text(statement))


# A batch id carries its month, so that keys lead with the month and partitions need no column of their own.
# Months count from 2020-01; 35 bits leave 34 thousand million batches a month.
NUMBERING = """
CREATE SEQUENCE batch_number CYCLE MAXVALUE 34359738367;

CREATE FUNCTION pointbook_month_number(at timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (extract(year FROM at AT TIME ZONE 'UTC')::bigint - 2020) * 12
     + extract(month FROM at AT TIME ZONE 'UTC')::bigint - 1;

CREATE FUNCTION pointbook_next_batch_id() RETURNS bigint
LANGUAGE sql VOLATILE
RETURN (pointbook_month_number(clock_timestamp()) << 35) | nextval('batch_number');
"""

PARTITIONS = """
CREATE FUNCTION pointbook_ensure_partitions(months_ahead int) RETURNS void
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
        FOREACH parent IN ARRAY ARRAY['inbox', 'point_fact', 'entry'] LOOP
            EXECUTE format(
                'CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%s) TO (%s)',
                parent || to_char(month, '"_p"YYYY_MM'), parent, number << 53, (number + 1) << 53);
        END LOOP;
    END LOOP;
END $$;
"""

INSERT_ONLY = """
CREATE FUNCTION pointbook_refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is insert-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation',
              HINT = 'Record a reversing fact instead.';
END $$;

CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON point_fact FOR EACH ROW EXECUTE FUNCTION pointbook_refuse_change();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON entry FOR EACH ROW EXECUTE FUNCTION pointbook_refuse_change();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON lot_use FOR EACH ROW EXECUTE FUNCTION pointbook_refuse_change();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON chain FOR EACH ROW EXECUTE FUNCTION pointbook_refuse_change();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON ledger_position FOR EACH ROW EXECUTE FUNCTION pointbook_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON point_fact FOR EACH STATEMENT EXECUTE FUNCTION pointbook_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON entry FOR EACH STATEMENT EXECUTE FUNCTION pointbook_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON lot_use FOR EACH STATEMENT EXECUTE FUNCTION pointbook_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON chain FOR EACH STATEMENT EXECUTE FUNCTION pointbook_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON ledger_position FOR EACH STATEMENT EXECUTE FUNCTION pointbook_refuse_change();
"""

# One look per statement, not per row: the transition table lists the days an insert touches. Everything up to the end of a closed
# month is closed, also months before it that never had an entry.
CLOSED_MONTHS = """
CREATE FUNCTION pointbook_refuse_closed_month() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    closed date;
BEGIN
    SELECT p.month INTO closed
    FROM period p
    JOIN (SELECT DISTINCT book_id, accounting_on FROM inserted) d
      ON d.book_id = p.book_id AND d.accounting_on < p.month + interval '1 month'
    WHERE p.is_closed
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'month % is closed: no entry may be added', to_char(closed, 'YYYY-MM')
            USING ERRCODE = 'restrict_violation',
                  HINT = 'Post to the first open day, or reopen the month with a reason.';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER closed_month AFTER INSERT ON entry REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION pointbook_refuse_closed_month();
"""

# The legs of every entry, debit positive: what an accountant queries. Account numbers are accounting.chart.Account.
POSTINGS = """
CREATE VIEW posting AS
SELECT e.id AS entry_id, e.book_id, e.kind, e.business_on, e.accounting_on, e.member_id, e.store,
       e.program_version, e.policy, leg.account, leg.is_points, leg.quantity
FROM entry e
CROSS JOIN LATERAL (VALUES
    (e.debit, false, e.amount_minor),
    (e.credit, false, -e.amount_minor),
    (e.debit_2, false, e.amount_2_minor),
    (e.credit_2, false, -e.amount_2_minor),
    (4::smallint, true, e.units),
    (3::smallint, true, -e.units),
    (5::smallint, true, e.arrears),
    (6::smallint, true, -e.arrears)
) AS leg (account, is_points, quantity)
WHERE leg.quantity <> 0;
"""


def _create_tables() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column(
            "lane", sa.SmallInteger(), nullable=False, comment="-1: a scheduled job or a retry"
        ),
        sa.Column("events", sa.SmallInteger(), nullable=False),
        sa.Column("is_applied", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_in_ledger", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("batch_pk")),
    )
    op.create_index(
        "batch_unposted_ix",
        "batch",
        ["book_id", "id"],
        unique=False,
        postgresql_where=sa.text("is_applied AND NOT is_in_ledger"),
    )
    op.create_index(
        "batch_waiting_ix",
        "batch",
        ["lane", "id"],
        unique=False,
        postgresql_where=sa.text("NOT is_applied"),
    )
    op.create_table(
        "book",
        sa.Column("id", sa.SmallInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("book_pk")),
        sa.UniqueConstraint("code", name=op.f("book_code_key")),
    )
    op.create_table(
        "chain",
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column(
            "entries", sa.Integer(), nullable=False, comment="entries of the day covered by head"
        ),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("book_id", "day", "entries", name=op.f("chain_pk")),
    )
    op.create_table(
        "conflict",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("conflict_pk")),
        sa.UniqueConstraint(
            "source",
            "event_id",
            "content_hash",
            name=op.f("conflict_source_event_id_content_hash_key"),
        ),
    )
    op.create_table(
        "document",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column(
            "seq", sa.BigInteger(), nullable=False, comment="inbox row of the highest version"
        ),
        sa.PrimaryKeyConstraint("source", "kind", "document_id", name=op.f("document_pk")),
        comment="latest snapshot of everything but orders; all versions stay in the inbox",
    )
    op.create_index(
        "document_order_ix",
        "document",
        ["source", "order_id"],
        unique=False,
        postgresql_where=sa.text("order_id <> ''"),
    )
    op.create_table(
        "entry",
        sa.Column(
            "id", sa.BigInteger(), autoincrement=False, nullable=False, comment="its fact's id"
        ),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False, comment="plugin.facts.FactKind"),
        sa.Column("business_on", sa.Date(), nullable=False),
        sa.Column("accounting_on", sa.Date(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("program_version", sa.Integer(), nullable=False),
        sa.Column("policy", sa.SmallInteger(), nullable=False, comment="accounting.policy.Policy"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("debit", sa.SmallInteger(), nullable=False, comment="accounting.chart.Account"),
        sa.Column("credit", sa.SmallInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False, comment="0 or more"),
        sa.Column(
            "debit_2",
            sa.SmallInteger(),
            nullable=True,
            comment="second money pair: the goods of a redemption",
        ),
        sa.Column("credit_2", sa.SmallInteger(), nullable=True),
        sa.Column("amount_2_minor", sa.BigInteger(), nullable=True),
        sa.Column(
            "units", sa.BigInteger(), nullable=False, comment="points to lots: Dr Issued, Cr Units"
        ),
        sa.Column(
            "arrears",
            sa.BigInteger(),
            nullable=False,
            comment="points to debts: Dr Arrears, Cr equity",
        ),
        sa.CheckConstraint("accounting_on >= business_on", name=op.f("entry_accounting_on_check")),
        sa.CheckConstraint(
            "num_nulls(debit_2, credit_2, amount_2_minor) IN (0, 3) AND amount_2_minor >= 0",
            name=op.f("entry_second_pair_check"),
        ),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("entry_amount_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("entry_pk")),
        comment="one compact row per entry; pairs of accounts, so no row can be out of balance",
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        "entry_accounting_on_ix", "entry", ["accounting_on"], unique=False, postgresql_using="brin"
    )
    op.create_table(
        "event_key",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("source", "event_id", name=op.f("event_key_pk")),
        comment="idempotency: one row per event, apart from the inbox because partitions cannot share a unique index",
    )
    op.create_table(
        "identity",
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="plugin.events.member_key"),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "key", name=op.f("identity_pk")),
    )
    op.create_index("identity_member_ix", "identity", ["member_id"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False, comment="plugin.events.Kind"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False, comment="canonical form, plugin.events"),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("inbox_pk")),
        postgresql_partition_by="RANGE (seq)",
    )
    op.create_table(
        "job_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False, comment="JSON"),
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("job_run_pk")),
    )
    op.create_table(
        "ledger_file",
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="relative to the book's folder"),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("book_id", "path", name=op.f("ledger_file_pk")),
    )
    op.create_table(
        "ledger_position",
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "position", name=op.f("ledger_position_pk")),
        sa.UniqueConstraint("batch_id", name=op.f("ledger_position_batch_id_key")),
        comment="order of batches in the Beancount ledger; entries of a batch follow by id",
    )
    op.create_table(
        "lot",
        sa.Column(
            "id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="the opening fact's id",
        ),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column(
            "cost_minor", sa.BigInteger(), nullable=False, comment="carrying amount of what remains"
        ),
        sa.Column(
            "base_points",
            sa.BigInteger(),
            nullable=False,
            comment="points of the order before this lot",
        ),
        sa.Column("unit_cost_nano", sa.BigInteger(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("program_version", sa.Integer(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.CheckConstraint("is_open = (remaining > 0)", name=op.f("lot_is_open_check")),
        sa.CheckConstraint("remaining > 0 OR cost_minor = 0", name=op.f("lot_cost_check")),
        sa.CheckConstraint(
            "remaining >= 0 AND remaining <= points", name=op.f("lot_remaining_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("lot_pk")),
        postgresql_with={"fillfactor": "90"},
    )
    op.create_index(
        "lot_expiry_ix",
        "lot",
        ["book_id", "expires_on"],
        unique=False,
        postgresql_where=sa.text("is_open AND expires_on IS NOT NULL"),
    )
    op.create_index(
        "lot_member_ix",
        "lot",
        ["member_id", "expires_on", "id"],
        unique=False,
        postgresql_where=sa.text("is_open"),
    )
    op.create_table(
        "lot_use",
        sa.Column("fact_id", sa.BigInteger(), nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False, comment="taken from the lot, above 0"),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fact_id", "lot_id", name=op.f("lot_use_pk")),
    )
    op.create_index("lot_use_lot_ix", "lot_use", ["lot_id"], unique=False)
    op.create_table(
        "member",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "tiers", sa.Text(), server_default="[]", nullable=False, comment="tier grants, JSON"
        ),
        sa.Column(
            "points",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="sum of lots' remaining",
        ),
        sa.Column("debt", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("debt >= 0", name=op.f("member_debt_check")),
        sa.CheckConstraint("points >= 0", name=op.f("member_points_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("member_pk")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        "member_profile",
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("display_name", sa.Text(), server_default="", nullable=False),
        sa.Column("birthday", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("member_id", name=op.f("member_profile_pk")),
        comment="personal data, kept apart and erasable",
    )
    op.create_table(
        "order_state",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column(
            "order_version", sa.BigInteger(), nullable=False, comment="0: the order has not arrived"
        ),
        sa.Column("order_seq", sa.BigInteger(), nullable=True),
        sa.Column("member_id", sa.BigInteger(), nullable=True),
        sa.Column("program_version", sa.Integer(), nullable=True),
        sa.Column("posted", sa.Text(), nullable=False, comment="points posted by document, JSON"),
        sa.Column("lot_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint("source", "order_id", name=op.f("order_state_pk")),
    )
    op.create_index(
        "order_state_member_ix",
        "order_state",
        ["member_id"],
        unique=False,
        postgresql_where=sa.text("member_id IS NOT NULL"),
    )
    op.create_index(
        "order_state_waiting_ix",
        "order_state",
        ["book_id"],
        unique=False,
        postgresql_where=sa.text("order_version = 0"),
    )
    op.create_table(
        "parked",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column(
            "waiting_for",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="member key it waits for",
        ),
        sa.Column(
            "resolution",
            sa.Text(),
            server_default="open",
            nullable=False,
            comment="open, applied, discarded",
        ),
        sa.Column(
            "applied_seq",
            sa.BigInteger(),
            nullable=True,
            comment="where a retry recorded its facts",
        ),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "parked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "resolution IN ('open', 'applied', 'discarded')", name=op.f("parked_resolution_check")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("parked_pk")),
    )
    op.create_index(
        "parked_open_ix",
        "parked",
        ["book_id", "seq"],
        unique=False,
        postgresql_where=sa.text("resolution = 'open'"),
    )
    op.create_index(
        "parked_waiting_ix",
        "parked",
        ["waiting_for"],
        unique=False,
        postgresql_where=sa.text("resolution = 'open' AND waiting_for <> ''"),
    )
    op.create_table(
        "period",
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False, comment="first day of the month"),
        sa.Column("is_closed", sa.Boolean(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("book_id", "month", name=op.f("period_pk")),
    )
    op.create_table(
        "point_fact",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False, comment="plugin.facts.FactKind"),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("lot_points", sa.BigInteger(), nullable=False),
        sa.Column("debt_points", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("business_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False, comment="document, as kind:id"),
        sa.Column("program_version", sa.Integer(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False, comment="points each rule gave, JSON"),
        sa.CheckConstraint(
            "points = lot_points - debt_points", name=op.f("point_fact_points_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("point_fact_pk")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index("point_fact_member_ix", "point_fact", ["member_id", "id"], unique=False)
    op.create_table(
        "program_version",
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "content", sa.Text(), nullable=False, comment="the program file, TOML, as applied"
        ),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.Column(
            "applied_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("book_id", "version", name=op.f("program_version_pk")),
    )
    op.create_table(
        "reconciliation_break",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("check_number", sa.SmallInteger(), nullable=False),
        sa.Column("amount", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("age_seconds", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "line", name=op.f("reconciliation_break_pk")),
    )
    op.create_table(
        "reconciliation_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column(
            "watermark", sa.BigInteger(), nullable=False, comment="highest applied batch seen"
        ),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.Column("checks", sa.Text(), nullable=False, comment="the answer as JSON"),
        sa.Column(
            "run_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("reconciliation_run_pk")),
    )
