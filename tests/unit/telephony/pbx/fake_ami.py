"""An AMI server on loopback that says what a test tells it to, for the speed of unit tests.

What a real Asterisk says to the same actions is pasted into the tests; the live tests use a real
one.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping

SECRET = "right"
BANNER = b"Asterisk Call Manager/11.0.0\r\n"
BOOTED = "Event: FullyBooted\nPrivilege: system,all\nStatus: Fully Booted"

Fields = dict[str, str]
Answer = Callable[[Fields], str]
"""From the action to the text of the answer: messages parted by an empty line; '' for silence."""


def wire(text: str) -> bytes:
    """Messages as they go over the wire: CR LF at each line, an empty line after each message."""
    return text.strip().replace("\n", "\r\n").encode() + b"\r\n\r\n"


def success(message: str = "Done") -> Answer:
    """An answer that says yes."""
    return lambda action: f"Response: Success\nActionID: {action['ActionID']}\nMessage: {message}"


def error(message: str) -> Answer:
    """An answer that says no."""
    return lambda action: f"Response: Error\nActionID: {action['ActionID']}\nMessage: {message}"


def listing(end: str, *items: str) -> Answer:
    """An answer of several messages; `items` are written without their ActionID."""

    def answer(action: Fields) -> str:
        said = f"ActionID: {action['ActionID']}"
        parts = [f"Response: Success\n{said}\nEventList: start\nMessage: will follow"]
        parts += [f"{item.strip()}\n{said}" for item in items]
        parts += [f"Event: {end}\n{said}\nEventList: Complete\nListItems: {len(items)}"]
        return "\n\n".join(parts)

    return answer


def silence(_action: Fields) -> str:
    """No answer at all."""
    return ""


def login(action: Fields) -> str:
    """What the PBX says to a login, and that it is booted."""
    said = f"ActionID: {action['ActionID']}"
    if action["Secret"] != SECRET:
        return f"Response: Error\n{said}\nMessage: Authentication failed"
    return f"Response: Success\n{said}\nMessage: Authentication accepted\n\n{BOOTED}"


EMPTY_PBX: Mapping[str, Answer] = {
    "CoreShowChannels": listing("CoreShowChannelsComplete"),
    "QueueStatus": listing("QueueStatusComplete"),
    "PJSIPShowEndpoints": error("No endpoints found\n"),
}


class FakeAmi:
    """The server; one that is not told otherwise accepts the login and says yes to everything."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {**EMPTY_PBX, "Login": login}
        """By the action's name; any other action is answered with success."""
        self.received: list[Fields] = []
        """Every action of every connection, in order."""
        self.banner = BANNER
        self.connections = 0
        self.deaf = False
        """It takes every byte and says nothing: what a half-open connection looks like."""
        self.port = 0
        self._arrived: dict[str, asyncio.Queue[Fields]] = defaultdict(asyncio.Queue)
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Accept connections; at the same port as before, if it has listened before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections, and end those that are."""
        if self._server is not None:
            self._server.close()
            self.hang_up()
            await self._server.wait_closed()
            self._server = None

    def hang_up(self) -> None:
        """End every connection at once."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def say(self, text: str | bytes) -> None:
        """Say something unasked, on the newest connection."""
        self._writers[-1].write(text if isinstance(text, bytes) else wire(text))

    async def next(self, name: str) -> Fields:
        """The next action of that name that has not been taken yet."""
        return await self._arrived[name].get()

    def count(self, name: str) -> int:
        """How many actions of that name have come."""
        return sum(action["Action"] == name for action in self.received)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            if self.banner and not self.deaf:
                writer.write(self.banner)
            while True:
                block = (await reader.readuntil(b"\r\n\r\n")).decode()
                pairs = (line.partition(": ") for line in block.strip().split("\r\n"))
                action = {name: value for name, _, value in pairs}
                self.received.append(action)
                self._arrived[action["Action"]].put_nowait(action)
                said = "" if self.deaf else self.answers.get(action["Action"], success())(action)
                if said:
                    writer.write(wire(said))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # The link has gone.
        finally:
            writer.close()
