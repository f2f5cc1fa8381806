"""What is kept of a call: the journal, recordings, and room for them on the disks."""

from __future__ import annotations

from pydantic import BaseModel, Field

from callcenter.platform.settings.kinds import AudioFormat


class RecordSettings(BaseModel):
    """Mixed into `platform.config.Settings`."""

    # -- journal ----------------------------------------------------------------------------
    journal_poll_ms: int = Field(
        70, ge=5, le=1000, description="Within the 100 ms promised; one commit costs 4 ms of CPU."
    )
    journal_gather_ms: int = Field(
        250,
        ge=0,
        le=5000,
        description="So late at most are rows committed that nobody waits for: a commit costs the"
        " same for one as for twenty. An answer is not kept waiting.",
    )
    journal_batch_rows: int = Field(4000, ge=1, le=100000, description="Rows per transaction.")
    pbx_cdr: bool = Field(
        False,
        description="Whether the PBX keeps its own CDR file, for outside tools: 6 ms of CPU a call,"
        " and nothing of ours reads it.",
    )
    pbx_log_rotate_mib: int = Field(
        64,
        ge=1,
        le=4096,
        description="Of queue_log and the CDR file: weeks of calls.",
    )
    journal_rotate_mib: int = Field(256, ge=1, le=4096, description="~1 million rows a file.")
    journal_keep_days: int = Field(400, ge=1, description="A year's ledger can be rebuilt.")

    # -- recordings -------------------------------------------------------------------------
    recording_format: AudioFormat = AudioFormat.FLAC
    """FLAC keeps what was heard, bit for bit, at a thirtieth of Opus' CPU (0.3 against 9.7 ms for a
    second of talk) and three times its room: see docs/decisions/0011."""
    recording_keep_wav: bool = Field(False, description="Keep the PBX's own WAV beside it.")
    recording_short_tolerance_ms: int = Field(
        1500, ge=0, description="File may be shorter than the bridged time by this."
    )
    recording_side_tolerance_ms: int = Field(
        3000,
        ge=0,
        le=60000,
        description="So much of what was sent may be missing on one side: a phone sends no voice"
        " while a key is pressed (0.15 s each, seen), and twenty keys may be.",
    )
    recording_listen: bool = Field(
        True,
        description="Listen while it is written, and begin anew where a voice is lost: 50 us of CPU"
        " for a second of talk.",
    )
    recording_workers: int = Field(1, ge=1, le=16, description="Compressing threads.")
    recording_settle_ms: int = Field(
        1000, ge=0, le=60000, description="After the call: the PBX closes the file a moment late."
    )
    recording_attempts: int = Field(
        20, ge=1, le=1000, description="Before a file is given up: with the waits, half a day."
    )
    recording_retry_seconds: float = Field(
        5.0, gt=0, le=3600, description="After the first failed attempt; doubles up to an hour."
    )
    recording_keep_days: int = Field(1095, ge=1, description="Three years; a city sets its own.")
    recording_free_floor_mib: int = Field(2048, ge=0, description="Oldest go below this.")

    # -- room on the disks: each is judged by its own disk (docs/decisions/0021) ---------------
    recording_stop_free_mib: int = Field(
        512,
        ge=1,
        description="Below it no new recording and no voice message: a quarter of the floor above,"
        " which retention could not hold; 500 running calls write it full in half a minute.",
    )
    recording_end_free_mib: int = Field(
        256, ge=1, description="Below it those that run are ended, for logs and database."
    )
    log_free_floor_mib: int = Field(
        128, ge=1, description="Below it logs are dropped: a day of an idle hotline's database."
    )
    reserve_mib: int = Field(
        64, ge=0, description="Given free on a full disk, for registrations and other small things."
    )
    reserve_free_mib: int = Field(
        32, ge=1, description="Below it the reserve is given free; nothing of ours goes so far."
    )
    journal_ahead_mib: int = Field(
        64,
        ge=1,
        description="Blocks that the journal owns before it needs them: at 4.6 kB a call 24 minutes"
        " at 10 calls a second, four hours at one.",
    )
    database_ahead_mib: int = Field(
        32, ge=1, description="The same for the SQLite file: at 1.6 kB a call 20,000 calls."
    )
