"""The queue and the menu keys of an instance in which nobody has defined any."""

from __future__ import annotations

from callcenter.platform.config import Settings
from callcenter.telephony.domain.queues import MenuKey, QueuePlan, Strategy

SERVICE_LEVEL_SECONDS = 15
"""GB/T 33358: answered within 15 s."""


def main_queue(settings: Settings) -> QueuePlan:
    """The main queue, as the settings want it."""
    position = settings.announce_position_seconds
    message = settings.announce_voice_message_seconds
    return QueuePlan(
        code=settings.hotline_number,
        name="主队列",
        name_en="Main queue",
        transfer_number=settings.hotline_number,
        # Fair: one after the other. Not leastrecent: a seat that lets it ring has still had no
        # call for the longest time, and the caller would be offered to it again and again.
        strategy=Strategy.RRMEMORY,
        ring_seconds=settings.queue_ring_seconds,
        wrapup_seconds=settings.queue_wrapup_seconds,
        max_waiting=settings.queue_max_waiting,
        wait_limit_seconds=settings.queue_wait_limit_seconds,
        announcements=bool(position or message),
        announce_position_seconds=position,
        announce_voice_message_seconds=message,
        music="hotline",
        overflow=None,
        service_level_seconds=SERVICE_LEVEL_SECONDS,
        language=settings.language,
        weight=0,
    )


def first_menu(settings: Settings) -> tuple[MenuKey, ...]:
    """What the rendered prompt ``callcenter/menu`` says: 2 is English, 9 a voice message."""
    return (MenuKey("2", settings.hotline_number, "en"), MenuKey("9", None))
