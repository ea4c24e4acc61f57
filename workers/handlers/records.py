"""Members in a batch: what the ERP's records say, and whom references name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from plugin.events import Event, Kind, Member, member_key
from plugin.store import members as store
from plugin.store.documents import Collision, DocumentKey
from plugin.store.parked import Parking
from workers.handlers.touched import Arrived, Versions, park_refused


@dataclass(slots=True)
class MemberChanges:
    """Who is known by which key, and the records to write by member."""

    by_key: dict[str, int] = field(default_factory=dict)
    records: dict[DocumentKey, Member] = field(default_factory=dict)
    owners: dict[DocumentKey, int] = field(default_factory=dict)
    with_new_tiers: list[int] = field(default_factory=list)
    merging: list[int] = field(default_factory=list)
    of_merged: set[DocumentKey] = field(default_factory=set)

    @property
    def to_decide_again(self) -> list[int]:
        """Members whose orders have to be decided again: their tiers changed, or they become another."""
        return self.with_new_tiers + self.merging


def keys_of(record: Member, source: str) -> list[str]:
    """Returns every key a record gives its member, the ERP's own number first."""
    keys = [member_key("external_id", record.id, source)]
    if record.phone:
        keys.append(member_key("phone", record.phone, source))
    return keys + [member_key("card", card, source) for card in record.cards]


def known_members(
    connection: Connection, book_id: int, versions: Versions
) -> tuple[MemberChanges, list[Parking]]:
    """Looks up the members of arrived records, and which of them get other tiers than they have. Writes nothing.

    Returns:
        The changes, and the versions of records that are another member's, which are taken out.
    """
    changes = MemberChanges()
    arrived = {key: found for key, found in versions.items() if key[1] == Kind.MEMBER}
    if not arrived:
        return changes, []
    wanted = [name for found in arrived.values() for one in found for name in _names(one)]
    changes.by_key = store.resolve(connection, book_id, wanted)
    seen = dict(changes.by_key)
    parkings = []
    for key in arrived:
        parkings += park_refused(versions, key, partial(_record_refusal, seen))
        if key not in versions:
            continue
        one = versions[key][0]
        assert isinstance(one.event, Member)
        changes.records[key] = one.event
        owner = _owner(seen, one)
        if owner is not None:
            changes.owners[key] = owner
            for name in _names(one):
                seen.setdefault(name, owner)
    tiers = store.read_tiers(connection, changes.owners.values())
    merged = store.merged_keys(connection, book_id, wanted)
    changes.of_merged = {
        key for key, r in changes.records.items() if keys_of(r, key[0])[0] in merged
    }
    changes.with_new_tiers = [
        owner
        for key, owner in changes.owners.items()
        if key not in changes.of_merged and tiers[owner] != changes.records[key].tiers
    ]
    return changes, parkings


def _names(arrived: Arrived) -> list[str]:
    """Returns the keys that an arrived record gives its member."""
    assert isinstance(arrived.event, Member)
    return keys_of(arrived.event, arrived.source)


def _owner(seen: Mapping[str, int], arrived: Arrived) -> int | None:
    """Returns whose record this is, by the first of its keys that is somebody's."""
    return next((seen[name] for name in _names(arrived) if name in seen), None)


def _record_refusal(seen: Mapping[str, int], arrived: Arrived) -> tuple[str, str] | None:
    """Tells reason and message when a record names one member and has a key of another."""
    owner = _owner(seen, arrived)
    taken = next((name for name in _names(arrived) if seen.get(name, owner) != owner), None)
    return None if taken is None else _identity_taken(arrived.event, taken)


def _identity_taken(record: Event, name: str) -> tuple[str, str]:
    assert isinstance(record, Member)
    way = name.partition(":")[0].replace("_", " ")
    message = (
        f"member {record.id}: its {way} belongs to another member; merge them or correct the record"
    )
    return "IDENTITY_TAKEN", message


def settle_members(
    connection: Connection, book_id: int, changes: MemberChanges, enrolled: Iterable[str]
) -> dict[DocumentKey, Parking]:
    """Creates the members that records and enrolment call for and gives them their keys.

    Returns:
        Records that cannot be taken because a telephone number or card is another member's.

    Raises:
        Collision: Another lane gave one of the keys away meanwhile.
    """
    refused: dict[DocumentKey, Parking] = {}
    homes = _new_members(changes)
    reached = {name for key in homes for name in keys_of(changes.records[key], key[0])}
    unknown = set(enrolled) - changes.by_key.keys() - reached
    pairs: dict[str, int] = {}
    names = sorted(set(homes.values()) | unknown)
    for name, member_id in zip(
        names, store.create_members(connection, book_id, len(names)), strict=True
    ):
        pairs[name] = changes.by_key[name] = member_id
    changes.owners.update((key, changes.by_key[name]) for key, name in homes.items())
    for key, record in changes.records.items():
        owner = changes.owners[key]
        for name in keys_of(record, key[0]):
            if changes.by_key.setdefault(name, owner) != owner:
                refused[key] = Parking(0, *_identity_taken(record, name))
            elif changes.by_key[name] == owner:
                pairs.setdefault(name, owner)
    known = store.resolve(connection, book_id, pairs)
    if any(known[name] != pairs[name] for name in known):
        # Another lane enrolled the same person since we looked; what we decided about is nobody.
        raise Collision("member")
    store.add_identities(connection, book_id, [(k, m) for k, m in pairs.items() if k not in known])
    for key in refused:
        del changes.records[key]
    return refused


def _new_members(changes: MemberChanges) -> dict[DocumentKey, str]:
    """Returns the key that each record without a member brings a new one under.

    Records that share a telephone number or card share the member, as they would in two batches.
    """
    homes: dict[DocumentKey, str] = {}
    reached: dict[str, str] = {}
    for key, record in changes.records.items():
        if key in changes.owners:
            continue
        names = keys_of(record, key[0])
        homes[key] = home = next((reached[name] for name in names if name in reached), names[0])
        for name in names:
            reached.setdefault(name, home)
    return homes


def write_records(connection: Connection, changes: MemberChanges) -> None:
    """Writes the records of members that are locked."""
    for key, record in changes.records.items():
        store.write_record(
            connection,
            changes.owners[key],
            is_active=record.is_active,
            joined_at_us=record.joined_at,
            tiers=record.tiers,
            display_name=record.display_name,
            birthday=record.birthday,
        )
