"""Prompts and hold music of this instance: rendered, or recorded by people, ready for the PBX.

``prompts.toml`` holds every text. A prompt is rendered once per text, voice and synthesiser and
kept in the cache under a hash of these, so a second set-up only compares files and a second
instance renders nothing. A file in ``CALLCENTER_HOME/prompts-custom/LANGUAGE/`` takes the place of
the rendered one; when it is removed, the next set-up brings the rendered one back. Recordings may
have any rate; they are brought to the telephone's form and to the level of the others, because
people's voices and rendered numbers are heard in one sentence.

Every file is written beside its place and renamed: a PBX that runs meanwhile hears the old one or
the new one, never half of one.
"""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import tempfile
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from callcenter.platform.config import Settings
from callcenter.platform.errors import SetupError
from callcenter.setup.music import (
    MUSIC_LEVEL,
    MUSIC_VERSION,
    SPEECH_LEVEL,
    Samples,
    at_level,
    load,
    music,
    pause,
    read_sound,
    tone,
    trimmed,
    wav,
)
from callcenter.setup.private_root import Say
from callcenter.setup.toolbox import Toolbox

MANIFEST = Path(__file__).with_name("prompts.toml")
LANGUAGES = ("zh", "en")
CUSTOM_PROMPTS, CUSTOM_MUSIC = "prompts-custom", "moh-custom"
FOLDERS = ("callcenter", "digits")
"""Tables of the manifest that are a folder of sounds; the other tables' names have none."""

RENDERER_VERSION = 2
"""Raised when the same text and voice would come out different."""
WORKERS = min(4, os.cpu_count() or 1)
RENDER_SECONDS = 30.0
"""One prompt takes some 20 ms; a loaded machine gets its time."""
PROGRESS_EVERY = 50
PART_PAUSE_SECONDS = 0.25
PROMPT_LONGEST_SECONDS = 180.0
MUSIC_LONGEST_SECONDS = 1200.0
MUSIC_NAME = "hotline"


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of text that one voice speaks."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Tone:
    """A sound without words: a frequency in Hz for some seconds."""

    hertz: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Prompt:
    """One sound of one language. `name` is the PBX's: ``callcenter/welcome``, ``digits/2``."""

    language: str
    name: str
    content: tuple[Part, ...] | Tone

    @property
    def custom_name(self) -> str:
        """Its name below ``prompts-custom/LANGUAGE``: ours stand there without a folder."""
        return self.name.removeprefix("callcenter/")

    @property
    def text(self) -> str:
        """What is said; empty for a tone."""
        return "" if isinstance(self.content, Tone) else "".join(p.text for p in self.content)


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of the synthesiser; pitch is 0 to 99."""

    name: str
    words_per_minute: int
    pitch: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that is said, and by whom."""

    voices: Mapping[str, Voice]
    prompts: tuple[Prompt, ...]

    def text_of(self, language: str, name: str) -> str:
        """What `name` says in `language`; KeyError if it does not exist there."""
        for prompt in self.prompts:
            if (prompt.language, prompt.name) == (language, name):
                return prompt.text
        raise KeyError(name)


def read_manifest(text: str, number: str) -> Manifest:
    """The manifest in `text` for the hotline's `number`; `SetupError` (``bad_prompt``) if bad."""
    try:
        tables = tomllib.loads(text)
        voices = {language: Voice(**tables["voices"][language]) for language in LANGUAGES}
        digits = {
            language: [str(tables["digits"][digit][language]) for digit in "0123456789"]
            for language in LANGUAGES
        }
        return Manifest(voices, tuple(_prompts(tables, digits, number)))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise SetupError(
            f"{MANIFEST.name} cannot be used ({type(error).__name__}: {error}); mend it.",
            code="bad_prompt",
            file=str(MANIFEST),
        ) from error


def _prompts(
    tables: Mapping[str, Any], digits: Mapping[str, Sequence[str]], number: str
) -> Iterator[Prompt]:
    for language in LANGUAGES:
        for table in ("callcenter", "digits", "pbx"):
            prefix = f"{table}/" if table in FOLDERS else ""
            for name, texts in tables[table].items():
                if language in texts:
                    parts = tuple(_parts(language, texts[language], digits, number))
                    yield Prompt(language, prefix + name, parts)
        for name, values in tables["tones"].items():
            yield Prompt(language, name, Tone(float(values["hertz"]), float(values["seconds"])))


def _parts(
    language: str,
    value: str | list[dict[str, str]],
    digits: Mapping[str, Sequence[str]],
    number: str,
) -> Iterator[Part]:
    for piece in [{language: value}] if isinstance(value, str) else value:
        ((spoken, text),) = piece.items()
        gap = "" if spoken == "zh" else " "
        said = gap.join(digits[spoken][int(digit)] for digit in number)
        text = text.format(number=said)
        if not text.strip():
            raise ValueError("a prompt has no text")
        yield Part(spoken, text)


def load_manifest(settings: Settings) -> Manifest:
    """The manifest as it is for this deployment."""
    return read_manifest(MANIFEST.read_text(encoding="utf-8"), settings.hotline_number)


def render_prompts(settings: Settings, toolbox: Toolbox, progress: Say) -> None:
    """Make every prompt and the hold music; quick when nothing has changed.

    They are put below ``asterisk/sounds/LANGUAGE`` and into ``asterisk/moh`` of the home; what was
    there under another name is removed. `SetupError` names the recording, the program or the
    folder that will not do.
    """
    manifest = load_manifest(settings)
    _check_languages(settings.home / CUSTOM_PROMPTS)
    renderer = _Renderer(settings, toolbox, manifest, progress)
    recorded = {language: _recorded(settings, manifest, language) for language in LANGUAGES}
    with ThreadPoolExecutor(WORKERS) as pool:
        # Reading the results in order raises the first error; the rest of the pool is let go.
        jobs = [
            pool.submit(renderer.sound, prompt, recorded[prompt.language].get(prompt.custom_name))
            for prompt in manifest.prompts
        ]
        try:
            sounds = [job.result() for job in jobs]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    for language in LANGUAGES:
        wanted = {
            f"{prompt.name}.wav": sound
            for prompt, sound in zip(manifest.prompts, sounds, strict=True)
            if prompt.language == language
        }
        _place(settings.asterisk_dir / "sounds" / language, wanted)
    _place(settings.asterisk_dir / "moh", _music_files(settings, renderer))


def _check_languages(folder: Path) -> None:
    for file in _sound_files(folder):
        if file.relative_to(folder).parts[0] not in LANGUAGES:
            raise SetupError(
                f"{file} is of no language; put it below {' or '.join(LANGUAGES)} in {folder}.",
                code="bad_prompt",
                file=str(file),
            )


def _recorded(settings: Settings, manifest: Manifest, language: str) -> dict[str, Path]:
    """Recordings by custom name; one that stands for no prompt is a typing error, and is said."""
    folder = settings.home / CUSTOM_PROMPTS / language
    known = [prompt.custom_name for prompt in manifest.prompts if prompt.language == language]
    found: dict[str, Path] = {}
    for file in _sound_files(folder):
        name = file.relative_to(folder).with_suffix("").as_posix()
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f" Is {near[0]} meant?" if near else ""
            raise SetupError(
                f"{file} takes no prompt's place: none is called {name}.{hint} The names are in"
                f" {MANIFEST.name}.",
                code="bad_prompt",
                file=str(file),
            )
        _once(found, name, file)
    return found


def _music_files(settings: Settings, renderer: _Renderer) -> dict[str, bytes]:
    found: dict[str, Path] = {}
    folder = settings.home / CUSTOM_MUSIC
    for file in _sound_files(folder):
        _once(found, file.relative_to(folder).with_suffix("").as_posix().replace("/", "-"), file)
    if not found:
        return {f"{MUSIC_NAME}.wav": renderer.hold_music()}
    return {f"{name}.wav": renderer.recorded_music(file) for name, file in found.items()}


def _sound_files(folder: Path) -> Iterator[Path]:
    """Sound files below `folder`, in order; hidden files and texts that lie about are no matter."""
    for file in sorted(folder.rglob("*")):
        visible = not any(part.startswith(".") for part in file.relative_to(folder).parts)
        if visible and file.is_file() and file.suffix.lower() not in (".txt", ".md"):
            yield file


def _once(found: dict[str, Path], name: str, file: Path) -> None:
    if name in found:
        raise SetupError(
            f"{file} and {found[name].name} stand for the same sound; remove one.",
            code="bad_prompt",
            file=str(file),
        )
    found[name] = file


class _Renderer:
    """Makes WAV files, each at most once for all instances of this cache. Threads may share it."""

    def __init__(
        self, settings: Settings, toolbox: Toolbox, manifest: Manifest, progress: Say
    ) -> None:
        self._folder = settings.cache / "prompts"
        self._espeak = list(toolbox.espeak_command)
        self._voices = manifest.voices
        self._progress = progress
        self._count = 0
        self._lock = threading.Lock()
        self._synthesiser = self._run(["--version"], "tell its version").split("Data at")[0].strip()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cache_error(self._folder, error) from error

    def sound(self, prompt: Prompt, recording: Path | None) -> bytes:
        """`prompt` as the PBX plays it: the recording if there is one."""
        if recording is not None:
            return self._converted(recording, PROMPT_LONGEST_SECONDS, SPEECH_LEVEL)
        content = prompt.content
        if isinstance(content, Tone):
            return wav(tone(content.hertz, content.seconds))
        voices = [repr(self._voices[part.language]) for part in content]
        key = ("speech", RENDERER_VERSION, self._synthesiser, *voices, content)
        return self._cached(key, lambda: self._spoken(prompt, content))

    def hold_music(self) -> bytes:
        """Our own hold music."""
        return self._cached(("music", MUSIC_VERSION, RENDERER_VERSION), lambda: wav(music()))

    def recorded_music(self, file: Path) -> bytes:
        """Somebody else's, from `file`."""
        return self._converted(file, MUSIC_LONGEST_SECONDS, MUSIC_LEVEL)

    def _converted(self, file: Path, longest: float, level: float) -> bytes:
        try:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError as error:
            raise SetupError(
                f"{file} cannot be read ({error.strerror}); mend its rights, or remove it.",
                code="bad_prompt",
                file=str(file),
            ) from error
        key = ("recorded", RENDERER_VERSION, content, file.suffix.lower(), longest, level)
        return self._cached(key, lambda: wav(at_level(read_sound(file, longest), level)))

    def _spoken(self, prompt: Prompt, parts: Sequence[Part]) -> bytes:
        pieces: list[Samples] = []
        for part in parts:
            said = trimmed(self._say(prompt, part))
            if not said.size:
                raise _speech_error(f"said nothing for {prompt.name} ({part.text})")
            pieces += [pause(PART_PAUSE_SECONDS)] if pieces else []
            pieces.append(at_level(said, SPEECH_LEVEL))
        with self._lock:
            self._count += 1
            if self._count % PROGRESS_EVERY == 0:
                self._progress(f"{self._count} prompts rendered")
        return wav(np.concatenate(pieces))

    def _say(self, prompt: Prompt, part: Part) -> Samples:
        voice = self._voices[part.language]
        words = ["-v", voice.name, "-s", str(voice.words_per_minute), "-p", str(voice.pitch)]
        with tempfile.TemporaryDirectory(prefix="prompt-") as folder:
            file = Path(folder) / "said.wav"
            self._run([*words, "-z", "-w", str(file), "--", part.text], f"say {prompt.name}")
            if not file.exists():
                raise _speech_error(f"wrote no sound for {prompt.name} ({part.text})")
            return load(file)

    def _run(self, arguments: Sequence[str], purpose: str) -> str:
        try:
            done = subprocess.run(
                [*self._espeak, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=RENDER_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _speech_error(f"cannot {purpose} ({error})") from error
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
            raise _speech_error(f"cannot {purpose} ({reason[-1]})")
        return done.stdout

    def _cached(self, key: tuple[object, ...], make: Callable[[], bytes]) -> bytes:
        """What `key` names from the cache, else made and put there."""
        name = hashlib.sha256(repr(key).encode()).hexdigest()[:32]
        file = self._folder / f"{name}.wav"
        try:
            found = file.read_bytes()
        except FileNotFoundError:
            found = b""
        except OSError as error:
            raise _cache_error(file, error) from error
        if _is_whole(found):
            return found
        made = make()
        try:
            _write(file, made)
        except OSError as error:
            raise _cache_error(file, error) from error
        return made


def _is_whole(content: bytes) -> bool:
    """Whether `content` is a WAV file with all it says it has: a lost disk can cut one short."""
    if len(content) <= 44 or content[:4] != b"RIFF":
        return False
    (size,) = struct.unpack("<I", content[4:8])
    return bool(size + 8 == len(content))


def _place(folder: Path, wanted: Mapping[str, bytes]) -> None:
    """Make `folder` hold exactly `wanted`, by path below it; what is right is not touched."""
    try:
        for name, content in wanted.items():
            file = folder / name
            if not file.is_file() or file.read_bytes() != content:
                file.parent.mkdir(parents=True, exist_ok=True)
                _write(file, content)
        for file in folder.rglob("[!.]*"):
            if file.is_file() and file.relative_to(folder).as_posix() not in wanted:
                file.unlink(missing_ok=True)
    except OSError as error:
        raise SetupError(
            f"{error.filename or folder} cannot be written ({error.strerror}); mend the rights, or"
            " set CALLCENTER_HOME to a folder of yours.",
            code="home_not_writable",
        ) from error


def _write(file: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _cache_error(path: Path, error: OSError) -> SetupError:
    return SetupError(
        f"{path} cannot be written ({error.strerror}); set CALLCENTER_CACHE to a folder that can.",
        code="cache_not_writable",
    )


def _speech_error(problem: str) -> SetupError:
    return SetupError(
        f"The speech synthesiser {problem}; remove the private root from the cache, or install"
        " espeak-ng again, and start again.",
        code="speech_failed",
    )
