"""Prompts are rendered once, people's recordings take their place, and all sound alike."""

from __future__ import annotations

import io
import re
import wave
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from callcenter.platform.config import Settings
from callcenter.platform.errors import SetupError
from callcenter.setup import prompts as module
from callcenter.setup.music import (
    BEAT_SECONDS,
    CHORDS,
    MELODY,
    MUSIC_LEVEL,
    PEAK,
    RATE,
    SPEECH_LEVEL,
    Samples,
    active_level,
    at_level,
    in_band,
    music,
    read_sound,
    tone,
    trimmed,
)
from callcenter.setup.prompts import MANIFEST, Tone, read_manifest, render_prompts
from callcenter.setup.toolbox import Toolbox
from callcenter.telephony.pbx.dialplan_check import Dialplan, sounds_played

ROOT = Path(__file__).resolve().parents[3]

SMALL = """
[voices]
zh = { name = "cmn", words_per_minute = 150, pitch = 45 }
en = { name = "en-us", words_per_minute = 150, pitch = 45 }
[callcenter.welcome]
zh = "欢迎拨打{number}。"
en = "Welcome to {number}."
[callcenter.menu]
zh = [{ zh = "请稍候。" }, { en = "For English, press 2." }]
en = "Please wait."
[digits]
""" + "\n".join(
    f'{digit} = {{ zh = "{zh}", en = "{en}" }}'
    for digit, zh, en in zip(
        range(10),
        "零一二三四五六七八九",
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
        strict=True,
    )
)
SMALL += """
liang = { zh = "两" }
[pbx.pbx-transfer]
zh = "请拨号。"
en = "Transfer."
[tones]
beep = { hertz = 950, seconds = 0.4 }
"""
SPOKEN = 2 * (2 + 10 + 1) + 1 + 1
"""Times that the synthesiser speaks for `SMALL`: one of its texts has two parts, 两 is zh only."""


def sine(hertz: float, seconds: float, rate: int, level: float = 0.5) -> Samples:
    times = np.arange(int(rate * seconds)) / rate
    return np.asarray(level * np.sin(2 * np.pi * hertz * times))


def loudest_hertz(samples: Samples, rate: int = RATE) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate / samples.size)


class Stage:
    """A home, a cache, and a program in the synthesiser's place that notes what it was told."""

    def __init__(self, folder: Path, home: str = "home") -> None:
        self.folder = folder
        self.home = folder / home
        self.settings = Settings(home=self.home, cache=folder / "cache")
        self.program = folder / "synthesiser"
        self.notes = folder / "notes"
        self.said: list[str] = []
        if not self.program.exists():
            # Its voice: half a second of 500 Hz at 22.05 kHz, with a second of silence around it.
            silence = np.zeros(22050)
            voice = np.concatenate([silence, sine(500, 0.5, 22050, 0.02), silence])
            soundfile.write(folder / "voice.wav", voice, 22050, subtype="PCM_16")
            self.write_program('cp "$FOLDER/voice.wav" "$9"')

    def write_program(self, deed: str) -> None:
        """`$9` is where the sound belongs, after -v VOICE -s SPEED -p PITCH -z -w."""
        self.program.write_text(
            f"""#!/bin/sh
FOLDER='{self.folder}'
if [ "$1" = --version ]; then echo 'synthesiser 1.0  Data at: /x'; exit 0; fi
for last; do :; done
echo "$last" >> '{self.notes}'
{deed}
""",
            encoding="utf-8",
        )
        self.program.chmod(0o755)

    @property
    def toolbox(self) -> Toolbox:
        return Toolbox([], "22.10.1", self.folder, self.folder, [], [str(self.program)])

    def render(self) -> list[str]:
        """Set up the prompts; what the synthesiser had to say for it."""
        self.notes.write_text("", encoding="utf-8")
        render_prompts(self.settings, self.toolbox, self.said.append)
        return self.notes.read_text(encoding="utf-8").splitlines()

    def sound(self, name: str, language: str = "zh") -> Path:
        return self.settings.asterisk_dir / "sounds" / language / f"{name}.wav"

    def music(self) -> list[str]:
        return sorted(file.name for file in (self.settings.asterisk_dir / "moh").iterdir())

    def record(self, name: str, samples: Samples, rate: int = RATE) -> Path:
        file = self.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, samples, rate)
        return file


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts another text in the manifest's place."""

    def put(text: str) -> None:
        file = tmp_path / "prompts.toml"
        file.write_text(text, encoding="utf-8")
        monkeypatch.setattr(module, "MANIFEST", file)

    put(SMALL)
    return put


@pytest.fixture
def stage(tmp_path: Path, manifest: Callable[[str], None]) -> Stage:
    return Stage(tmp_path)


def frames(file: Path) -> Samples:
    """The file as the PBX would take it: this fails if it is not what the telephone carries."""
    with wave.open(io.BytesIO(file.read_bytes())) as reader:
        shape = (reader.getframerate(), reader.getsampwidth(), reader.getnchannels())
        assert shape == (RATE, 2, 1)
        return np.frombuffer(reader.readframes(reader.getnframes()), "<i2") / 32768


# -- the manifest -------------------------------------------------------------------------------


def real_prompts() -> dict[tuple[str, str], str]:
    found = read_manifest(MANIFEST.read_text(encoding="utf-8"), "12345").prompts
    return {(p.language, p.name): p.text for p in found if not isinstance(p.content, Tone)}


def test_whatever_the_dialplan_plays_exists_in_both_languages() -> None:
    played = sounds_played(Dialplan.read((ROOT / "dialplan").glob("*.conf")))
    assert len(played) > 10
    for language in ("zh", "en"):
        assert {f"callcenter/{name}" for name in played} <= {
            name for spoken, name in real_prompts() if spoken == language
        }


def test_the_keys_of_the_pbx_play_what_exists() -> None:
    text = (ROOT / "asterisk-conf" / "features.conf").read_text(encoding="utf-8")
    (sound,) = re.findall(r"^transferinvalidsound = (\S+)$", text, re.MULTILINE)
    assert {("zh", sound), ("en", sound), ("zh", "pbx-transfer")} <= set(real_prompts())


def test_mandarin_is_written_as_it_is_spoken() -> None:
    """The synthesiser would read figures its own way: 12345 as twelve thousand."""
    menu = ("zh", "callcenter/menu")
    for key, text in real_prompts().items():
        if key[0] == "zh" and key != menu:
            assert re.fullmatch(r"[\u4e00-\u9fff,。、]+", text), (key, text)
    assert "一二三四五" in real_prompts()["zh", "callcenter/welcome"]


def test_the_hotline_says_its_own_number() -> None:
    found = read_manifest(SMALL, "12329")
    assert found.text_of("zh", "callcenter/welcome") == "欢迎拨打一二三二九。"
    assert found.text_of("en", "callcenter/welcome") == "Welcome to one two three two nine."
    with pytest.raises(KeyError):
        found.text_of("en", "digits/liang")


@pytest.mark.parametrize(
    "broken",
    ["not toml", SMALL.replace("[tones]", "[other]"), SMALL.replace("请拨号。", " "),
     SMALL.replace("{number}", "{nubmer}"), SMALL.replace("pitch", "pich")],
)  # fmt: skip
def test_a_manifest_that_cannot_be_used_is_said(broken: str) -> None:
    with pytest.raises(SetupError, match=r"prompts\.toml") as caught:
        read_manifest(broken, "12345")
    assert caught.value.error_code == "bad_prompt"


# -- rendering ----------------------------------------------------------------------------------


def test_every_prompt_is_in_the_telephones_form(stage: Stage) -> None:
    said = stage.render()
    assert len(said) == SPOKEN
    assert {"欢迎拨打一二三四五。", "For English, press 2.", "两"} <= set(said)
    for language in ("zh", "en"):
        for name in ("callcenter/welcome", "callcenter/menu", "digits/0", "pbx-transfer"):
            samples = frames(stage.sound(name, language))
            assert active_level(samples) == pytest.approx(SPEECH_LEVEL, rel=0.1)
            assert np.abs(samples).max() <= PEAK
        assert loudest_hertz(frames(stage.sound("beep", language))) == pytest.approx(950, abs=5)
    # The second of silence on both sides is gone.
    assert frames(stage.sound("digits/0")).size / RATE == pytest.approx(0.58, abs=0.06)
    assert not stage.sound("digits/liang", "en").exists()


def test_a_second_set_up_renders_and_writes_nothing(stage: Stage) -> None:
    stage.render()
    files = {file: file.stat() for file in stage.home.rglob("*.wav")}
    assert stage.render() == []
    for file, was in files.items():
        assert (file.stat().st_ino, file.stat().st_mtime_ns) == (was.st_ino, was.st_mtime_ns)


def test_a_second_instance_shares_the_cache(stage: Stage) -> None:
    stage.render()
    other = Stage(stage.folder, "other")
    assert other.render() == []
    name = "callcenter/welcome"
    assert other.sound(name).read_bytes() == stage.sound(name).read_bytes()
    assert other.music() == stage.music() == ["hotline.wav"]


def test_only_what_changed_is_rendered_again(stage: Stage, manifest: Callable[[str], None]) -> None:
    stage.render()
    manifest(SMALL.replace("请拨号。", "请拨转接号码。"))
    assert stage.render() == ["请拨转接号码。"]
    manifest(SMALL.replace('"en-us", words_per_minute = 150', '"en-us", words_per_minute = 140'))
    # 13 English prompts, and both parts of the Chinese one that is half English.
    assert len(stage.render()) == 13 + 2
    manifest(SMALL)
    assert stage.render() == []


def test_a_prompt_that_is_no_more_goes_away(stage: Stage, manifest: Callable[[str], None]) -> None:
    stage.render()
    assert stage.sound("digits/liang").exists()
    manifest(SMALL.replace('liang = { zh = "两" }', ""))
    stage.render()
    assert not stage.sound("digits/liang").exists()
    assert stage.sound("digits/2").exists()


@pytest.mark.parametrize("left", [b"", b"RIFF", None], ids=["empty", "header", "half"])
def test_what_a_crash_cut_short_is_made_again(stage: Stage, left: bytes | None) -> None:
    stage.render()
    whole = stage.sound("digits/0").read_bytes()
    kept = stage.settings.cache / "prompts"
    one = next(file for file in kept.iterdir() if file.read_bytes() == whole)
    one.write_bytes(whole[: len(whole) // 2] if left is None else left)
    assert len(stage.render()) == 1
    assert one.read_bytes() == whole
    assert stage.render() == []


def test_two_set_ups_at_once_do_no_harm(stage: Stage) -> None:
    stages = [Stage(stage.folder, f"home{number}") for number in range(4)]
    with ThreadPoolExecutor(len(stages)) as pool:
        list(
            pool.map(lambda one: render_prompts(one.settings, one.toolbox, one.said.append), stages)
        )
    names = [
        {str(file.relative_to(one.home)): file.read_bytes() for file in one.home.rglob("*.*")}
        for one in stages
    ]
    assert all(found == names[0] for found in names)
    assert len(names[0]) == SPOKEN - 1 + 2 + 1
    assert not list(stage.folder.rglob(".new-*"))


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("echo 'no such voice' >&2; exit 3", "no such voice"),
        ("exit 0", "wrote no sound"),
        ('cp "$FOLDER/silence.wav" "$9"', "said nothing"),
    ],
)
def test_a_synthesiser_that_fails_is_said(stage: Stage, deed: str, reason: str) -> None:
    soundfile.write(stage.folder / "silence.wav", np.zeros(8000), 22050)
    stage.write_program(deed)
    with pytest.raises(SetupError, match=reason) as caught:
        stage.render()
    assert caught.value.error_code == "speech_failed"
    assert not list(stage.home.rglob("*.wav"))


def test_a_synthesiser_that_is_not_there_is_said(stage: Stage) -> None:
    stage.program.unlink()
    with pytest.raises(SetupError) as caught:
        stage.render()
    assert caught.value.error_code == "speech_failed"


def test_folders_that_cannot_be_written_are_said(stage: Stage) -> None:
    (stage.home / "asterisk").mkdir(parents=True)
    (stage.home / "asterisk" / "sounds").write_text("in the way", encoding="utf-8")
    with pytest.raises(SetupError) as caught:
        stage.render()
    assert caught.value.error_code == "home_not_writable"
    other = Stage(stage.folder, "other")
    blocked = other.home.parent / "cache-in-the-way"
    other.settings = Settings(home=other.home, cache=blocked)
    blocked.write_text("in the way", encoding="utf-8")  # since the settings were read
    with pytest.raises(SetupError) as caught:
        other.render()
    assert caught.value.error_code == "cache_not_writable"


def test_progress_is_told_now_and_then(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROGRESS_EVERY", 10)
    stage.render()
    assert stage.said == ["10 prompts rendered", "20 prompts rendered"]


# -- recordings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_recording_takes_the_prompts_place_until_it_is_removed(
    stage: Stage, rate: int, suffix: str
) -> None:
    stage.render()
    rendered = stage.sound("callcenter/welcome").read_bytes()
    loud = np.stack([sine(1200, 2, rate, 0.9), sine(1200, 2, rate, 0.7)], axis=1)
    file = stage.record(f"prompts-custom/zh/welcome.{suffix}", loud, rate)
    (file.parent / ".hidden.wav").write_text("no sound")
    (file.parent / "who.txt").write_text("recorded by Li Na")
    assert stage.render() == []
    heard = frames(stage.sound("callcenter/welcome"))
    assert loudest_hertz(heard) == pytest.approx(1200, abs=2)
    assert active_level(heard) == pytest.approx(SPEECH_LEVEL, rel=0.02)
    assert heard.size == 2 * RATE
    assert stage.sound("callcenter/welcome", "en").exists()
    file.unlink()
    assert stage.render() == []
    assert stage.sound("callcenter/welcome").read_bytes() == rendered


def test_numbers_and_tones_can_be_recorded_as_well(stage: Stage) -> None:
    stage.record("prompts-custom/zh/digits/liang.wav", sine(700, 1, RATE))
    stage.record("prompts-custom/en/beep.wav", sine(600, 1, RATE))
    said = stage.render()
    assert len(said) == SPOKEN - 1
    assert "两" not in said
    assert loudest_hertz(frames(stage.sound("digits/liang"))) == pytest.approx(700, abs=2)
    assert loudest_hertz(frames(stage.sound("beep", "en"))) == pytest.approx(600, abs=2)
    assert loudest_hertz(frames(stage.sound("beep"))) == pytest.approx(950, abs=5)


BAD_RECORDINGS = {
    "zh/welcom.wav": (sine(500, 1, RATE), "Is welcome meant"),
    "zh/xyzzy.wav": (sine(500, 1, RATE), "none is called xyzzy"),
    "en/digits/liang.wav": (sine(500, 1, RATE), "none is called digits/liang"),
    "fr/welcome.wav": (sine(500, 1, RATE), "of no language"),
    "welcome.wav": (sine(500, 1, RATE), "of no language"),
    "zh/welcome.ogg": (sine(500, 1, RATE), "is not one of"),
    "zh/welcome.wav": (np.zeros(RATE), "is silent"),
    "zh/menu.wav": (sine(500, 181, RATE), "181 s long"),
}


@pytest.mark.parametrize("name", BAD_RECORDINGS)
def test_a_recording_that_will_not_do_is_named(stage: Stage, name: str) -> None:
    samples, problem = BAD_RECORDINGS[name]
    file = stage.record(f"prompts-custom/{name}", samples)
    with pytest.raises(SetupError, match=problem) as caught:
        stage.render()
    assert caught.value.error_code == "bad_prompt"
    assert caught.value.details["file"] == str(file)


def test_a_recording_that_is_no_sound_is_named(stage: Stage) -> None:
    file = stage.record("prompts-custom/zh/welcome.wav", sine(500, 1, RATE))
    for content in (b"", b"text", file.read_bytes()[:20]):
        file.write_bytes(content)
        with pytest.raises(SetupError, match="cannot be read as sound") as caught:
            stage.render()
        assert caught.value.error_code == "bad_prompt"


def test_two_recordings_of_one_prompt_are_one_too_many(stage: Stage) -> None:
    stage.record("prompts-custom/zh/welcome.wav", sine(500, 1, RATE))
    stage.record("prompts-custom/zh/welcome.flac", sine(500, 1, RATE))
    with pytest.raises(SetupError, match="same sound") as caught:
        stage.render()
    assert caught.value.error_code == "bad_prompt"


# -- hold music ---------------------------------------------------------------------------------


def test_our_music_is_quiet_and_goes_round_without_a_seam() -> None:
    round_ = music()
    assert len(MELODY.split()) == 8 * len(CHORDS.split())
    assert round_.size == len(CHORDS.split()) * 4 * BEAT_SECONDS * RATE
    assert active_level(round_) == pytest.approx(MUSIC_LEVEL, rel=0.01)
    assert np.abs(round_).max() < PEAK
    steps = np.abs(np.diff(round_))
    assert abs(round_[0] - round_[-1]) <= np.percentile(steps, 99)
    # Nothing falls silent: who waits hears that he is not cut off.
    seconds = round_.reshape(-1, RATE)
    assert np.sqrt((seconds**2).mean(axis=1)).min() > MUSIC_LEVEL / 5


def test_other_music_takes_its_place_until_it_is_removed(stage: Stage) -> None:
    stage.render()
    ours = (stage.settings.asterisk_dir / "moh" / "hotline.wav").read_bytes()
    first = stage.record("moh-custom/city song.flac", sine(440, 3, 44100), 44100)
    second = stage.record("moh-custom/second.wav", sine(330, 3, 16000), 16000)
    stage.render()
    assert stage.music() == ["city song.wav", "second.wav"]
    heard = frames(stage.settings.asterisk_dir / "moh" / "second.wav")
    assert loudest_hertz(heard) == pytest.approx(330, abs=1)
    assert active_level(heard) == pytest.approx(MUSIC_LEVEL, rel=0.02)
    first.unlink()
    second.unlink()
    stage.render()
    assert stage.music() == ["hotline.wav"]
    assert (stage.settings.asterisk_dir / "moh" / "hotline.wav").read_bytes() == ours


def test_music_that_is_no_sound_is_named(stage: Stage) -> None:
    file = stage.record("moh-custom/song.wav", sine(440, 1, RATE))
    file.with_suffix(".mp3").write_bytes(b"ID3")
    with pytest.raises(SetupError, match=r"song.*same sound") as caught:
        stage.render()
    file.unlink()
    with pytest.raises(SetupError, match="is not one of") as caught:
        stage.render()
    assert caught.value.error_code == "bad_prompt"


# -- sound --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 32000, 44100, 48000, 96000])
def test_what_a_telephone_carries_is_kept_and_nothing_else(rate: int) -> None:
    kept = in_band(sine(1000, 1, rate), rate)
    assert loudest_hertz(kept) == pytest.approx(1000, abs=1)
    assert active_level(kept) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    for gone in (20, *(hertz for hertz in (3950, 4500, 5300, 9000) if hertz < rate / 2)):
        middle = in_band(sine(gone, 1, rate), rate)[RATE // 4 : -RATE // 4]
        assert np.sqrt((middle**2).mean()) < 0.003


@given(st.integers(0, 5000), st.integers(8000, 50000))
def test_a_sound_keeps_its_length(size: int, rate: int) -> None:
    assert in_band(np.ones(size), rate).size == -(-size * RATE // rate)


@given(st.floats(0.001, 1.0), st.floats(0.01, 0.5))
def test_every_level_is_reached_or_the_peak_is(before: float, level: float) -> None:
    found = at_level(sine(500, 0.5, RATE, before), level)
    reached = active_level(found) == pytest.approx(level, rel=0.01)
    assert reached or np.abs(found).max() == pytest.approx(PEAK)
    assert np.abs(found).max() <= PEAK * 1.0001


@given(st.integers(0, RATE), st.integers(0, RATE))
def test_silence_at_the_ends_is_cut_to_measure(before: int, after: int) -> None:
    whole = np.concatenate([np.zeros(before), sine(500, 0.4, RATE), np.zeros(after)])
    kept = trimmed(whole)
    assert active_level(kept) == pytest.approx(active_level(whole), rel=0.1)
    assert 0.4 * RATE - 1 <= kept.size <= (0.4 + 0.02 + 0.06 + 0.04) * RATE


def test_silence_stays_silence(tmp_path: Path) -> None:
    assert trimmed(np.zeros(RATE)).size == 0
    assert at_level(np.zeros(RATE), 0.1).max() == 0
    assert in_band(np.zeros(0), 44100).size == 0
    soundfile.write(tmp_path / "slow.wav", sine(100, 1, 4000), 4000)
    with pytest.raises(SetupError, match="4000 Hz"):
        read_sound(tmp_path / "slow.wav", 10)


def test_a_tone_does_not_click() -> None:
    sound = tone(950, 0.4)
    assert sound.size == 0.4 * RATE
    assert abs(sound[0]) < 0.001
    assert abs(sound[-1]) < 0.05
