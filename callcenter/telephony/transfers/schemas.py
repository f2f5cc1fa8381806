"""JSON forms of transfers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from callcenter.platform.texts import LINE
from callcenter.telephony.domain.ledger import TransferKind

Target = Annotated[str, StringConstraints(min_length=1, max_length=32), LINE]

TRANSFER_EXAMPLE: dict[str, JsonValue] = {
    "call_id": "pbx1:1795407499.12",
    "kind": "attended",
    "target": "8002",
    "from_seat": "8001",
}


class TransferIn(BaseModel):
    """Send the caller on."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"kind": "attended", "target": "8002"}]}
    )

    kind: TransferKind = Field(
        description="`blind`: at once. `attended`: the seat speaks with the target first."
    )
    target: Target = Field(description="A seat, the hotline's queue, or an allowed number.")


class TransferOut(BaseModel):
    """What was asked of the PBX; what came of it is in the call's transfers and talks."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"examples": [TRANSFER_EXAMPLE]}
    )

    call_id: str
    kind: TransferKind
    target: str
    from_seat: str
