"""Builds people: users, sessions, tokens, the audit trail, and who may see a citizen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callcenter.people.access.open_answers import OpenAnswers
from callcenter.people.rights_now import RightsNow
from callcenter.people.tokens import endpoints as tokens_api
from callcenter.people.tokens.service import TokenService
from callcenter.people.trail import endpoints as trail_api
from callcenter.people.trail.heads import Heads
from callcenter.people.trail.keys import use_key
from callcenter.people.trail.service import Trail
from callcenter.people.users import endpoints as users_api
from callcenter.people.users import oidc_endpoints, session_endpoints
from callcenter.people.users.bulk import UserBulk
from callcenter.people.users.oidc import OidcService
from callcenter.people.users.passwords import Passwords
from callcenter.people.users.service import UserService
from callcenter.people.users.sessions import SessionService
from callcenter.platform.wiring import Platform, Routers, Task

ROUTERS = Routers(
    guarded=(session_endpoints.router, users_api.router, tokens_api.router, trail_api.router),
    open=(session_endpoints.open_router, oidc_endpoints.router),
)


@dataclass(frozen=True, slots=True)
class People:
    """What the other contexts may have of people."""

    users: UserService
    rights: RightsNow
    sessions: SessionService
    trail: Trail
    tasks: Sequence[Task]


def wire_people(platform: Platform) -> People:
    """Errors: none; nothing is asked of the database yet. `ConfidentialCalls` is filled by the
    cases."""
    database, settings, shelf = platform.database, platform.settings, platform.shelf
    use_key(database, settings.trail_key_path)
    trail = Trail(database)
    heads = Heads(database, settings.trail_heads_path, settings.trail_syslog)
    platform.stack.push_async_callback(heads.close)
    tokens = TokenService(database, days=settings.token_days)
    passwords = Passwords(settings)
    users = UserService(database, passwords, publish=platform.broadcast.publish)
    bulk = UserBulk(users, new_max=settings.users_new_max)
    sessions = SessionService(database, settings, users, passwords)
    answers = OpenAnswers()
    tokens.on_end(answers.changed)
    sessions.on_end(answers.changed)
    oidc = OidcService(database, settings, users, sessions)
    platform.stack.push_async_callback(oidc.close)
    shelf.put(trail, tokens, users, bulk, sessions, answers, oidc)
    return People(
        users,
        RightsNow(users, tokens),
        sessions,
        trail,
        (Task("open-answers", answers.run), Task("trail-heads", heads.run)),
    )
