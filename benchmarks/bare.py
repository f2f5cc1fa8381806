"""The bare side: an Asterisk with nothing but Answer, MixMonitor and Queue, and 200 fixed seats.

No AMI, ARI, AGI, CEL, CDR, no registration, no database: whatever the product needs of these
counts as the product's cost. The codec, the sound's way through the PBX, recording only while
bridged, and the queue's strategy are the product's.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from benchmarks.plan import FIRST_SEAT, HOTLINE, RING_MS, BenchFailed, Plan
from benchmarks.side import seats_free
from benchmarks.usage import Usage, usage_of
from callcenter.setup.supervisor import tail
from callcenter.setup.toolbox import Toolbox
from callcenter.simulator.sipp import Sipp, SippProcess

MODULES = """
preload = res_sorcery_config.so
preload = res_sorcery_memory.so
preload = res_sorcery_astdb.so
preload = res_timing_timerfd.so
load = pbx_config.so
load = res_pjproject.so
load = res_pjsip.so
load = res_pjsip_pubsub.so
load = res_pjsip_caller_id.so
load = res_pjsip_endpoint_identifier_ip.so
load = res_pjsip_endpoint_identifier_user.so
load = res_pjsip_nat.so
load = res_pjsip_sdp_rtp.so
load = res_pjsip_session.so
load = chan_pjsip.so
load = res_crypto.so
load = res_rtp_asterisk.so
load = res_stasis.so
load = codec_alaw.so
load = format_pcm.so
load = format_sln.so
load = format_wav.so
load = bridge_simple.so
load = bridge_native_rtp.so
load = bridge_builtin_features.so
load = app_dial.so
load = app_mixmonitor.so
load = app_queue.so
load = func_channel.so
load = res_musiconhold.so
"""
FOLDERS = ("etc", "db", "keys", "agi-bin", "spool", "run", "log", "recordings")
WITH_DEFAULTS = ("acl", "ccss", "features", "indications", "manager", "pjproject", "queuerules")
"""Files that may be empty; missing ones would be complained about."""
STOP_SECONDS = 10.0


def configuration(plan: Plan, home: Path, toolbox: Toolbox) -> dict[str, str]:
    """Every file of the bare PBX's configuration folder, by name."""
    data = toolbox.asterisk_data_dir
    seats = range(FIRST_SEAT, FIRST_SEAT + plan.seats)
    first_rtp, last_rtp = plan.ports.pbx_rtp
    seat = (
        "[{n}]\ntype = aor\ncontact = sip:{n}@127.0.0.1:{port}\n"
        "[{n}]\ntype = endpoint\naors = {n}\ncontext = nowhere\ndisallow = all\nallow = alaw\n"
        "direct_media = no\ndevice_state_busy_at = 1\n"
    )
    files = {
        "asterisk.conf": (
            "[directories]\n"
            f"astetcdir => {home / 'etc'}\nastmoddir => {toolbox.asterisk_modules_dir}\n"
            f"astvarlibdir => {data}\nastdatadir => {data}\nastdbdir => {home / 'db'}\n"
            f"astkeydir => {home / 'keys'}\nastagidir => {home / 'agi-bin'}\n"
            f"astspooldir => {home / 'spool'}\nastrundir => {home / 'run'}\n"
            f"astlogdir => {home / 'log'}\n"
            "[options]\nlockconfdir = no\nhideconnect = yes\ndocumentation_language = en_US\n"
        ),
        "modules.conf": "[modules]\nautoload = no\n" + MODULES,
        "logger.conf": (
            "[general]\nqueue_log = yes\nqueue_log_to_file = yes\n"
            "[logfiles]\nconsole = notice,warning,error\n"
        ),
        "cdr.conf": "[general]\nenable = no\n",
        "cel.conf": "[general]\nenable = no\n",
        "stasis.conf": "[taskpool]\n[declined_message_types]\n",
        "rtp.conf": f"[general]\nrtpstart = {first_rtp}\nrtpend = {last_rtp}\n",
        "extensions.conf": (
            "[from-pstn]\n"
            f"exten => {HOTLINE},1,Answer()\n"
            f" same => n,MixMonitor({home / 'recordings'}/${{UNIQUEID}}.wav,b)\n"
            f" same => n,Queue({HOTLINE})\n"
            " same => n,Hangup()\n"
        ),
        "queues.conf": (
            f"[general]\nautofill = yes\n[{HOTLINE}]\nstrategy = rrmemory\nringinuse = no\n"
            "timeout = 15\nretry = 1\n" + "".join(f"member => PJSIP/{n}\n" for n in seats)
        ),
        "pjsip.conf": (
            "[global]\ntype = global\nendpoint_identifier_order = ip,username\n"
            "[udp]\ntype = transport\nprotocol = udp\n"
            f"bind = 127.0.0.1:{plan.ports.bare_sip}\n"
            "[trunk]\ntype = endpoint\ncontext = from-pstn\ndisallow = all\nallow = alaw\n"
            "direct_media = no\nidentify_by = ip\n"
            "[trunk-address]\ntype = identify\nendpoint = trunk\nmatch = 127.0.0.1\n"
            + "".join(seat.format(n=n, port=plan.ports.seats("bare")) for n in seats)
        ),
    }
    return files | {f"{name}.conf": "; Asterisk's defaults\n" for name in WITH_DEFAULTS}


class Bare:
    """The bare PBX, running, and its seats."""

    name = "bare"

    def __init__(self, plan: Plan, home: Path, toolbox: Toolbox) -> None:
        self.sip = ("127.0.0.1", plan.ports.bare_sip)
        self.queue_log = home / "log" / "queue_log"
        self._plan = plan
        self._home = home
        self._toolbox = toolbox
        self._process: asyncio.subprocess.Process | None = None
        self._farm: SippProcess | None = None

    @property
    def farm(self) -> SippProcess:
        """Its seats."""
        if self._farm is None:
            raise RuntimeError("not started")
        return self._farm

    async def start(self) -> None:
        """Returns when every seat is free; `BenchFailed` with the PBX's last words if not."""
        for folder in FOLDERS:
            (self._home / folder).mkdir(parents=True, exist_ok=True)
        for name, text in configuration(self._plan, self._home, self._toolbox).items():
            (self._home / "etc" / name).write_text(text, encoding="utf-8")
        ports = self._plan.ports
        sipp = Sipp(self._toolbox.sipp_command, self._home / "sipp", self.sip)
        self._farm = await sipp.seats(
            port=ports.seats(self.name), echo_port=ports.echo(self.name), ring_ms=RING_MS
        )
        log = self._home / "log" / "console"
        with log.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(*self._toolbox.asterisk_command, "-f", "-n", "-C", str(self._conf)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            await self.settled()
        except BenchFailed as error:
            raise BenchFailed("\n".join((str(error), *tail(log, 12)))) from None

    async def stop(self) -> None:
        """End seats and PBX."""
        if self._farm is not None:
            await self._farm.stop()
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
                return
        self._process.kill()
        await self._process.wait()

    def usage(self) -> dict[str, Usage]:
        """What the PBX has used: there is nothing else."""
        if self._process is None:
            raise RuntimeError("not started")
        return {"asterisk": usage_of(self._process.pid)}

    async def settled(self) -> None:
        """Returns when no call is left."""
        command = self._toolbox.asterisk_command
        await seats_free(command, self._conf, self._plan.seats, self.name)

    @property
    def _conf(self) -> Path:
        return self._home / "etc" / "asterisk.conf"
