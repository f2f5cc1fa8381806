"""``/ws/sip``: the door of browser phones, behind the same log-in as everything else."""

from __future__ import annotations

import logging

from fastapi import APIRouter, WebSocket, WebSocketDisconnect, status
from starlette.websockets import WebSocketState

from callcenter.people.access.rights import actor_of
from callcenter.people.domain.permissions import Permission
from callcenter.platform.config import Settings
from callcenter.platform.http.given import Given
from callcenter.telephony.pbx.phone_wire import SIP, PbxAway, carry, open_to_pbx

_log = logging.getLogger(__name__)

router = APIRouter()

PATH = "/ws/sip"


@router.websocket(PATH)
async def phone(socket: WebSocket, settings: Given[Settings]) -> None:
    """SIP over WebSocket (RFC 7118) for whoever may have calls of his own.

    Closed with 1008 for who may not, 1002 for another subprotocol, 1013 when the PBX is away or
    goes: the phone tries again. It ends with the session.
    """
    if not actor_of(socket).may(Permission.CALL_OWN):
        await socket.close(status.WS_1008_POLICY_VIOLATION, "call.own is needed")
        return
    if SIP not in socket.scope.get("subprotocols", ()):
        await socket.close(status.WS_1002_PROTOCOL_ERROR, "subprotocol sip")
        return
    try:
        pbx = await open_to_pbx(settings.ari_port)
    except PbxAway as error:
        _log.warning("browser phone: the PBX is away: %s", error)
        await socket.close(status.WS_1013_TRY_AGAIN_LATER, "the PBX is away")
        return
    await socket.accept(subprotocol=SIP)

    async def receive() -> str | bytes | None:
        try:
            message = await socket.receive()
        except (RuntimeError, WebSocketDisconnect):  # closed by us meanwhile
            return None
        text: str | None = message.get("text")
        data: bytes | None = message.get("bytes")
        return text if text is not None else data

    async def send(message: str | bytes) -> None:
        if isinstance(message, str):
            await socket.send_text(message)
        else:
            await socket.send_bytes(message)

    try:
        await carry(pbx, receive, send)
    except PbxAway:
        if socket.application_state is WebSocketState.CONNECTED:
            await socket.close(status.WS_1013_TRY_AGAIN_LATER, "the PBX is away")
