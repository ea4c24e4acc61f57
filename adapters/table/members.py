"""Rows to members."""

from __future__ import annotations

from adapters.table import mapping as m
from adapters.table.cells import Cells
from adapters.table.grouping import Document
from adapters.table.head import Assembler, Head, Problems, event_id, set_instant
from pointbook.v1 import events_pb2


def member_assembler(section: m.MemberRow, cells: Cells) -> Assembler:
    """Returns the function that makes members of a file's documents; a tier holds from joining on."""
    parts: dict[str, m.Cell] = {
        "phone": section.phone,
        "card": section.card,
        "display_name": section.display_name,
        "birthday": section.birthday,
        "tier": section.tier,
    }
    head = Head.of(section, cells, parts)
    is_inactive = cells.meets([section.inactive]) if section.inactive else lambda _: False

    def assemble(document: Document) -> events_pb2.Event:
        problems = Problems(cells.file, document)
        texts, at = head.read(document, problems)
        for row in document.rows[1:]:
            problems.add(row, "is a second row of one member")
        problems.stop_if_any()
        version = int(texts["version"])
        event = events_pb2.Event(event_id=event_id(document, version))
        member = event.member
        member.id, member.version = document.id, version
        member.is_active = not is_inactive(document.rows[0].cells)
        member.phone, member.display_name = texts["phone"], texts["display_name"]
        member.birthday = texts["birthday"]
        member.cards.extend([texts["card"]] if texts["card"] else [])
        set_instant(member.joined_at, at)
        if texts["tier"]:
            set_instant(member.tiers.add(tier=texts["tier"]).from_at, at)
        return event

    return assemble
