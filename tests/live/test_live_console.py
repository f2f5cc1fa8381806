"""The console in a real browser: log in, sit down, take a citizen's call in the page, write his
case."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from callcenter.platform.config import Settings
from callcenter.setup.console import ensure_modules
from callcenter.setup.node import ensure_node
from callcenter.simulator.sound import CALLER_HZ
from tests.live.live_browser import LARGE, PATIENCE_MS, Watched, at_console, chromium
from tests.live.live_chromium import ensure_chromium
from tests.live.live_people import PASSWORD
from tests.live.live_stories import HOTLINE, Stories, new_seat
from tests.live.live_system import System, new_number
from tests.live.live_told import loudest, sound_of, told_about

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

SETTINGS = {"agents_required": True, "wrap_up_seconds": 5}
PICTURES = os.environ.get("CONSOLE_PICTURES", "")
"""A folder for pictures of each page, for people."""


@pytest.fixture(scope="session")
def axe() -> Path:
    """axe-core out of the console's own packages."""
    cache = Settings(_env_file=None).cache
    modules = ensure_modules(cache, ensure_node(cache, print), print)
    return modules / "node_modules" / "axe-core" / "axe.min.js"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(system: System) -> AsyncIterator[Browser]:
    cache = Settings(_env_file=None).cache
    program = await asyncio.to_thread(ensure_chromium, cache, print)
    async with chromium(program, system) as running:
        yield running


async def new_operator(system: System, login: str) -> str:
    """A user, and the one-time password."""
    made = await system.post("/api/users", login=login, name="王芳", roles=["operator"])
    return str(made["password"])


async def picture(watched: Watched, name: str) -> None:
    if PICTURES:
        await watched.page.screenshot(path=f"{PICTURES}/{name}.png")


async def logs_in(watched: Watched, login: str, password: str) -> None:
    """From the first page on, with the first password's change."""
    page = watched.page
    await page.goto("/")
    await page.get_by_label("用户名").fill(login)
    await page.get_by_label("密码").fill(password)
    await page.get_by_role("button", name="登录", exact=True).click()
    await page.get_by_label("当前密码").fill(password)
    await page.get_by_label("新密码", exact=True).fill(PASSWORD)
    await page.get_by_label("再输入一次新密码").fill(PASSWORD)
    await watched.is_clean()
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_role("heading", name="请选择座席")).to_be_visible()


async def sits_at(watched: Watched, seat: str) -> None:
    """Chooses the seat with the keyboard alone."""
    page = watched.page
    box = page.get_by_role("combobox", name="座席")
    await box.focus()
    await box.fill(seat)
    await page.get_by_role("option", name=seat).wait_for()
    await box.press("ArrowDown")
    await box.press("Enter")
    await page.get_by_role("button", name="登录座席").press("Enter")
    await expect(page.get_by_text("话机就绪")).to_be_visible()


@pytest.mark.parametrize("size", [(1366, 768), LARGE], ids=["small", "large"])
async def test_every_page_in_both_languages(
    system: System, browser: Browser, axe: Path, size: tuple[int, int]
) -> None:
    login = f"pages{size[0]}"
    password = await new_operator(system, login)
    async with at_console(browser, system, axe, size) as watched:
        page = watched.page
        await page.goto("/desk")
        await page.get_by_label("用户名").fill(login)
        await page.get_by_label("密码").fill("nonsense nonsense")
        watched.expected.add("/api/login")
        await page.get_by_role("button", name="登录", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("用户名或密码错误")
        await picture(watched, f"login-{size[0]}")
        for address in ("/login", "/check", "/trust"):
            await page.goto(address)
            for language in ("zh-CN", "en"):
                await page.get_by_role("heading", level=1).first.wait_for()
                assert await page.evaluate("document.documentElement.lang") == language
                if size != LARGE:
                    await watched.is_clean()
                await watched.fits()
                await picture(watched, f"{address[1:]}-{language}-{size[0]}")
                await page.locator("header button").first.click()
                other = "en" if language == "zh-CN" else "zh-CN"
                await expect(page.locator("html")).to_have_attribute("lang", other)
        await logs_in(watched, login, password)
        await watched.is_clean()
        await picture(watched, f"chooser-{size[0]}")
        await page.get_by_role("button", name="退出登录").click()
        await expect(page.get_by_label("用户名")).to_be_visible()


async def test_a_pc_is_checked_before_it_takes_calls(
    stories: Stories, browser: Browser, axe: Path
) -> None:
    """Trust, microphone, loudspeaker, the phone's line, and the sound's way by an echo call."""
    seat = (await new_seat(stories.system))["extension"]
    password = await new_operator(stories.system, "checker")
    async with at_console(browser, stories.system, axe) as watched:
        page = watched.page
        await logs_in(watched, "checker", password)
        await sits_at(watched, seat)
        # On a break: no caller comes between.
        await page.get_by_role("button", name="小休", exact=True).click()
        await expect(page.get_by_role("button", name="示闲")).to_be_visible()
        await page.get_by_role("link", name="设备检测").click()

        def item(name: str) -> Locator:
            return page.get_by_role("listitem").filter(has_text=name)

        await expect(item("证书")).to_contain_text("正常")
        await expect(item("话机线路")).to_contain_text("毫秒")
        await page.get_by_role("button", name="检测麦克风").click()
        await expect(item("麦克风").first).to_contain_text("正常")
        await page.get_by_role("button", name="播放提示音").click()
        await page.get_by_role("button", name="听到了").click()
        await expect(item("耳机").first).to_contain_text("正常")
        await page.get_by_role("button", name="开始回声呼叫").click()
        await expect(item("回声呼叫")).to_contain_text("正常")
        await expect(item("回声呼叫")).to_contain_text("往返时延")
        await expect(item("回声呼叫")).to_contain_text("丢包")
        await watched.is_clean()
        await picture(watched, "check-done")
        await page.get_by_role("button", name="结束", exact=True).click()
        await expect(page.get_by_role("button", name="开始回声呼叫")).to_be_enabled()


async def test_a_lost_connection_is_shown_and_mends_by_itself(
    stories: Stories, browser: Browser, axe: Path
) -> None:
    system = stories.system
    seat = (await new_seat(system))["extension"]
    password = await new_operator(system, "patient")
    async with at_console(browser, system, axe) as watched:
        page = watched.page
        await logs_in(watched, "patient", password)
        await sits_at(watched, seat)
        system.kill("callcenter")
        lost = page.get_by_role("alert").filter(has_text="正在自动重连")
        await expect(lost).to_be_visible()
        await expect(page.get_by_text("话机正在连接")).to_be_visible()
        # What the browser itself says of a server that is away.
        watched.expected.add("ERR_")
        watched.expected.add("WebSocket connection to")
        system.begin("callcenter")
        await system.ready()
        await expect(lost).to_be_hidden(timeout=PATIENCE_MS)
        await expect(page.get_by_text("话机就绪")).to_be_visible(timeout=PATIENCE_MS)
        await watched.is_clean()


async def test_a_citizens_call_in_the_page(stories: Stories, browser: Browser, axe: Path) -> None:
    system = stories.system
    seat = (await new_seat(system))["extension"]
    password = await new_operator(system, "caller")
    async with at_console(browser, system, axe) as watched:
        page = watched.page
        await logs_in(watched, "caller", password)
        await sits_at(watched, seat)
        await expect(page.get_by_text("空闲")).to_be_visible()
        await watched.is_clean()
        await picture(watched, "desk-ready")
        citizen = await stories.citizen(number := new_number())
        out = await citizen.dial(HOTLINE)
        await expect(page.get_by_role("button", name="接听")).to_be_visible()
        await picture(watched, "desk-ringing")
        await page.keyboard.press("F8")
        await out.answered()
        out.say(stories.caller_voice, repeat=True)
        await out.hears_sound()
        await expect(page.get_by_role("heading", name="工单")).to_be_visible()
        await expect(page.get_by_label("联系电话")).to_have_value(number)
        await page.get_by_label("诉求内容").fill("小区门口的路灯不亮,请𠮷先生处理。")
        await watched.is_clean()
        await picture(watched, "desk-talking")
        await page.keyboard.press("F9")
        await expect(page.get_by_role("button", name="恢复")).to_be_visible()
        await page.keyboard.press("F9")
        await expect(page.get_by_role("button", name="保持")).to_be_visible()
        await page.get_by_role("button", name="挂断").click()
        await expect(page.get_by_text("话机就绪")).to_be_visible()
        await out.hang_up()
        # What was typed and not saved is there again, and so is the state.
        await expect(page.get_by_text("有未保存的内容")).to_be_visible()
        await page.reload()
        await expect(page.get_by_label("诉求内容")).to_have_value(
            "小区门口的路灯不亮,请𠮷先生处理。"
        )
        await expect(page.get_by_text(f"座席 {seat}")).to_be_visible()
        await expect(page.get_by_text("话机就绪")).to_be_visible()
        await page.keyboard.press("Control+s")
        await expect(page.get_by_text("已保存")).to_be_visible()
        await watched.is_clean()
        await picture(watched, "desk-saved")
    (case,) = (await system.get("/api/cases", caller=number))["items"]
    assert case["content"] == "小区门口的路灯不亮,请𠮷先生处理。"
    await system.settle()
    (told,) = await told_about(system.database, number)
    left, right = sound_of(system.settings, told.media[0])
    assert told.seats == [seat]
    assert loudest(left, CALLER_HZ) > 0.01, "the citizen is not left"
    assert abs(right.astype(float)).max() > 1000, "the browser is not right"
