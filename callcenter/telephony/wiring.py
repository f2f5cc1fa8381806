"""Builds telephony: the PBX's link, the ledger and its reader, audio, queues and seats."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.access.actor import Actor
from callcenter.people.voices import SecretCalls, Voices
from callcenter.platform.broadcast import Change
from callcenter.platform.clock import utc_now
from callcenter.platform.db.outbox import Outbox
from callcenter.platform.health import Check
from callcenter.platform.port import Port
from callcenter.platform.wiring import Platform, Routers, Task
from callcenter.telephony.blocklist import endpoints as blocklist_api
from callcenter.telephony.blocklist.bulk import BlocklistBulk
from callcenter.telephony.blocklist.service import BlocklistService
from callcenter.telephony.calls import endpoints as calls_api
from callcenter.telephony.calls.audience import Audience
from callcenter.telephony.calls.ingest import JournalReader
from callcenter.telephony.calls.seat_rows import SeatTalks
from callcenter.telephony.calls.service import CallService
from callcenter.telephony.domain.ledger import LedgerChanges
from callcenter.telephony.domain.media import MediaNote
from callcenter.telephony.domain.route_default import OpenHours
from callcenter.telephony.domain.seating import DesiredMember
from callcenter.telephony.health import (
    agi_health,
    journal_health,
    link_health,
    outbox_health,
    recordings_health,
    seats_health,
)
from callcenter.telephony.pbx.ami.link import AmiLink, LinkConfig
from callcenter.telephony.pbx.announcer import Announcer
from callcenter.telephony.pbx.ari import AriClient
from callcenter.telephony.pbx.idle_watch import IdleWatch
from callcenter.telephony.pbx.live import LiveFloor
from callcenter.telephony.pbx.old_logs import OldLogs
from callcenter.telephony.pbx.parting import Parting
from callcenter.telephony.pbx.reconciler import Reconciler
from callcenter.telephony.pbx.recording_anew import RecordingAnew
from callcenter.telephony.pbx.registrations import Registrations
from callcenter.telephony.pbx.room_watch import RoomWatch
from callcenter.telephony.pbx.route_facts import RouteFacts
from callcenter.telephony.pbx.seat_contests import SeatContests
from callcenter.telephony.pbx.seat_sound import SeatSounds
from callcenter.telephony.pbx.stranger_watch import StrangerWatch
from callcenter.telephony.pbx.switch import PbxSwitch
from callcenter.telephony.pbx.turns import Turns
from callcenter.telephony.queues import endpoints as queues_api
from callcenter.telephony.queues.service import QueueService
from callcenter.telephony.recordings import endpoints as recordings_api
from callcenter.telephony.recordings.ears import Ears
from callcenter.telephony.recordings.quiet import QuietWatch
from callcenter.telephony.recordings.retention import Retention
from callcenter.telephony.recordings.service import MediaService
from callcenter.telephony.recordings.sweeper import OrphanSweeper
from callcenter.telephony.recordings.worker import MediaWorker, NoteMedia
from callcenter.telephony.seats import endpoints as seats_api
from callcenter.telephony.seats import phone_endpoints
from callcenter.telephony.seats.ports import Sitting
from callcenter.telephony.seats.service import SeatService
from callcenter.telephony.transfers import endpoints as transfers_api
from callcenter.telephony.transfers.service import TransferService
from callcenter.telephony.voicemail import endpoints as voicemail_api
from callcenter.telephony.voicemail.service import VoiceMessageService

ROUTERS = Routers(
    guarded=(
        calls_api.router,
        transfers_api.router,
        recordings_api.router,
        voicemail_api.router,
        seats_api.router,
        queues_api.router,
        blocklist_api.router,
    ),
    plain=(phone_endpoints.router,),
)

Members = Callable[[], Awaitable[Sequence[DesiredMember]]]
"""What the queues should have for members: the agents fill it."""
Hours = Callable[[], Awaitable[OpenHours]]
"""When the line is open: the opening calendar fills it."""


@dataclass(frozen=True, slots=True)
class Telephony:
    """What the other contexts may have of telephony, and the ports that they fill."""

    link: AmiLink
    live: LiveFloor
    calls: CallService
    media: MediaService
    worker: MediaWorker
    seats: SeatService
    queues: QueueService
    reader: JournalReader
    reconciler: Reconciler
    audience: Audience
    outbox: Outbox
    members: Port[Members]
    hours: Port[Hours]
    sitting: Port[Sitting]
    contests: SeatContests
    note_media: Port[NoteMedia]
    confidential: Port[SecretCalls]
    tasks: Sequence[Task]
    checks: Mapping[str, Check]


def wire_telephony(platform: Platform) -> Telephony:
    """The link to the PBX is made when the tasks run; `Sitting` and `CaseNumbers` come from those
    who stand above."""
    database, settings, shelf = platform.database, platform.settings, platform.shelf
    publish = platform.broadcast.publish
    members: Port[Members] = Port("members of queues")
    hours: Port[Hours] = Port("opening hours")
    sitting: Port[Sitting] = Port("who sits where")
    confidential: Port[SecretCalls] = Port("confidential calls")
    note_media: Port[NoteMedia] = Port("audio at its case")

    async def wanted_members() -> Sequence[DesiredMember]:
        return await members()()

    async def open_hours() -> OpenHours:
        return await hours()()

    link = AmiLink(LinkConfig.of(settings, platform.secrets.ami_password))
    live = LiveFloor(link)
    ari = AriClient.of(settings, platform.secrets.ari_password)
    platform.stack.push_async_callback(ari.close)
    seats = SeatService(database, settings)
    queues = QueueService(database, settings)
    blocklist = BlocklistService(database)
    zone = ZoneInfo(settings.time_zone)
    sounds = SeatSounds(settings.seat_srtp)
    link.subscribe(sounds.on_event)
    registrations = Registrations(link)
    contests = SeatContests(registrations, settings.seat_registration_seconds)
    reconciler = Reconciler(
        link,
        ari,
        seats.desired,
        settings,
        members=wanted_members,
        queues=queues.pbx,
        sounds=sounds,
        contests=contests,
        facts=RouteFacts(
            link, blocklist.standing, open_hours, lambda: utc_now().astimezone(zone).date()
        ),
    )
    blocklist.on_change(reconciler.request)
    registrations.on_change(seats.phones_came)
    registrations.on_change(sounds.phones_came)
    sounds.on_change(reconciler.request)
    contests.on_change(reconciler.request)
    contests.on_change(lambda: live.usurp(contests.usurped))
    sounds.on_change(lambda: live.refuse_sound(sounds.refusing))
    seats.on_change(registrations.expect_changes)
    seats.on_change(reconciler.request)
    queues.on_change(reconciler.request)
    strangers = StrangerWatch(link, registrations, settings)
    idle = IdleWatch(registrations, settings.sip_tls_port, settings.sip_idle_max)
    announcer = Announcer(link, live, queues.pbx, at_once=settings.announcements_at_once)
    queues.on_change(announcer.queues_changed)

    calls = CallService(database)

    async def note(session: AsyncSession, files: Sequence[MediaNote]) -> Sequence[Change]:
        return await note_media()(session, files)

    media = MediaService(database, settings)
    worker = MediaWorker(database, settings, note_media=note, publish=publish)
    media.on_work(worker.wake)
    retention = Retention(database, settings, note_media=note, publish=publish)
    sweeper = OrphanSweeper(database, settings)

    anew = RecordingAnew(link, live)
    ears = Ears(anew.counts, anew.begin_anew) if settings.recording_listen else None
    quiet = QuietWatch(settings, anew.together, ears=ears)

    def audio_came(changes: LedgerChanges) -> None:
        if changes.recordings or changes.voice_messages:
            audio_taken()

    def audio_taken() -> None:
        worker.expect(*media.take_fresh())

    own = database.apart()  # However many ask for connections, the record of calls goes on.
    outbox = Outbox(own, attempts=settings.outbox_attempts, publish=publish)
    audience = Audience(outbox)
    audience.join("media", media, then=audio_taken)
    audience.after_commit(audio_came)
    reader = JournalReader(own, settings, audience=audience, publish=publish)

    async def must_hear(who: Actor, call_ids: Collection[str]) -> None:
        await Voices(confidential()).must_hear(who, call_ids)

    async def seat_of(user_id: int) -> str | None:
        return await sitting().seat_of(user_id)

    transfers = TransferService(
        database,
        settings,
        PbxSwitch(link, live),
        live,
        seats,
        seat_of,
        queues.transfer_numbers,
        must_hear,
    )
    shelf.put(SeatTalks(database), contests, idle)
    shelf.put(link, live, calls, media, seats, queues, registrations, transfers, strangers)
    shelf.put(blocklist, BlocklistBulk(blocklist, settings.time_zone))
    shelf.put(VoiceMessageService(database, media))
    tasks = (
        Task("outbox", outbox.run),
        Task("journal", reader.run),
        Task("ami-link", link.run),
        Task("seats", reconciler.run),
        Task("registrations", registrations.run),
        Task("announcer", announcer.run),
        Task("strangers", strangers.run),
        Task("idle-connections", idle.run),
        Task("old-logs", OldLogs(link, settings).run),
        Task("turns", Turns(link, live).run),
        Task("parting", Parting(link, live).run),
        Task("media", worker.run),
        Task("retention", retention.run),
        Task("sweeper", sweeper.run),
        Task("quiet", quiet.run),
        Task("room", RoomWatch(settings.room_state_file, link, live).run),
    )
    checks: dict[str, Check] = {
        "ami": partial(link_health, link),
        "seats": partial(seats_health, reconciler),
        "journal": partial(journal_health, reader),
        "outbox": partial(outbox_health, outbox),
        "agi": partial(agi_health, settings),
        "recordings": partial(recordings_health, settings),
        "sip_guessing": strangers.health,
        "phones": contests.health,
        "sip_connections": idle.health,
    }
    return Telephony(
        link=link,
        live=live,
        calls=calls,
        media=media,
        worker=worker,
        seats=seats,
        queues=queues,
        reader=reader,
        reconciler=reconciler,
        audience=audience,
        outbox=outbox,
        members=members,
        hours=hours,
        sitting=sitting,
        contests=contests,
        note_media=note_media,
        confidential=confidential,
        tasks=tasks,
        checks=checks,
    )
