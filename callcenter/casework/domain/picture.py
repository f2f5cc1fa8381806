"""The table of transitions as a page that people read: docs/casework.md, all of it made from the
table, the rules and the refusals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from callcenter.casework.domain.clock_rules import SHANDONG, ClockRule
from callcenter.casework.domain.signals import LADDER
from callcenter.casework.domain.states import REFUSALS, Act, CaseState, ClockKind
from callcenter.casework.domain.table import ORDERS, TABLE, Row, Side, To, targets
from callcenter.casework.domain.working_time import Measure, Start

STATE_WORDS: dict[CaseState, str] = {
    CaseState.NEW: "未建", CaseState.INTAKE: "登记", CaseState.ANSWERED: "直接答复",
    CaseState.ROUTED: "法定途径", CaseState.EMERGENCY: "紧急转接",
    CaseState.OUT_OF_AREA: "不属本市", CaseState.DISPATCHING: "待派单",
    CaseState.DISPATCHED: "待签收", CaseState.IN_HAND: "办理中", CaseState.RETURNED: "退单待审",
    CaseState.CONSULTING: "会商", CaseState.REPLIED: "已答复", CaseState.REVIEWING: "回访中",
    CaseState.REDO: "重办", CaseState.PARKED: "挂账", CaseState.CLOSED: "办结",
    CaseState.WITHDRAWN: "已撤单", CaseState.MERGED: "已并单",
}  # fmt: skip

ACT_WORDS: dict[Act, str] = {
    Act.OPEN: "建单", Act.CORRECT: "更正", Act.NOTE: "备注", Act.ANSWER: "直接答复",
    Act.ROUTE: "告知法定途径", Act.PASS_ON: "转紧急服务", Act.LEAVE_AREA: "不属本市",
    Act.ACCEPT: "受理", Act.CONSULT: "提请会商", Act.DISPATCH: "派单", Act.FIX_UNITS: "会商定责",
    Act.RECALL: "收回", Act.ADD_ASSISTING: "加派协办", Act.SIGN_FOR: "签收",
    Act.CONTACT: "首次联系", Act.RETURN: "退单", Act.ACCEPT_RETURN: "同意退单",
    Act.REFUSE_RETURN: "驳回退单", Act.HAND_DOWN: "转下级", Act.PAUSE: "暂停计时",
    Act.RESUME: "恢复计时", Act.ASK_EXTENSION: "申请延期", Act.GRANT_EXTENSION: "同意延期",
    Act.REFUSE_EXTENSION: "不同意延期", Act.ASSIST_SIGN: "协办签收", Act.ASSIST_RETURN: "协办退单",
    Act.ASSIST_REPLY: "协办答复", Act.ASSIST_RELEASE: "免除协办", Act.ASSIST_KEEP: "维持协办",
    Act.REPLY: "答复", Act.BEGIN_REVIEW: "开始回访", Act.REVIEW: "记录回访", Act.REDO: "发回重办",
    Act.RAISE: "提级办理", Act.PARK: "挂账", Act.LOOK_AGAIN: "复查挂账", Act.UNPARK: "销账",
    Act.CLOSE: "办结", Act.REOPEN: "重新打开", Act.WITHDRAW: "撤单", Act.MERGE: "并单",
    Act.UNMERGE: "拆单", Act.INSTRUCT: "领导签批", Act.URGE: "催办", Act.SUPERVISE: "督办",
    Act.CIRCULATE: "通报",
}  # fmt: skip

INTRODUCTION = """\
# Casework: the closed loop

This page is made from `callcenter/casework/domain` and a test holds it equal:
`.venv/bin/python -m tests.unit.casework.domain.test_picture` writes it anew. Why it has this form:
docs/decisions/0036-steps-and-one-table.md.

A case is the fold of its steps. Who wants something done sends a command; `decide` looks into the
table below and makes a step of it, or refuses with a code. What is not in the table is refused.
"""


def page() -> str:
    """The whole page."""
    parts = (
        [INTRODUCTION],
        ["## Picture\n", *_picture()],
        ["## Table\n", *_rows()],
        ["## Orders of assisting units\n", *_orders()],
        ["## Refusals\n", *_refusals()],
        ["## Clocks of a new line\n", *_rules(SHANDONG)],
        ["## What a late unit is told\n", *_ladder()],
    )
    return "\n".join("\n".join(part) for part in parts)


def _picture() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    for state in CaseState:
        if state is not CaseState.NEW:
            yield f"    {state}: {STATE_WORDS[state]}"
    arrows: defaultdict[tuple[CaseState, CaseState], list[str]] = defaultdict(list)
    for row in TABLE:
        # What may be done everywhere, or changes no state, would hide the rest.
        if row.to is To.SAME or row.act in (Act.WITHDRAW, Act.MERGE, Act.UNMERGE):
            continue
        for source in row.states:
            for target in sorted(targets(row)):
                label = ACT_WORDS[row.act]
                if label not in arrows[source, target]:
                    arrows[source, target].append(label)
    for (source, target), labels in arrows.items():
        start = "[*]" if source is CaseState.NEW else source
        yield f"    {start} --> {target}: {' / '.join(labels)}"
    for state in CaseState:
        if state.ended:
            yield f"    {state} --> [*]"
    yield "```\n"
    yield "Not drawn: what keeps the state; 撤单 and 并单, wherever something is to be done."
    yield ""


def _rows() -> Iterator[str]:
    yield "| In | Act | By | Must say | May say | If | Then | Clocks |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in TABLE:
        cells = (
            _words(row.states),
            f"`{row.act}` {ACT_WORDS[row.act]}",
            _who(row),
            _codes(row.needs),
            _codes(row.may),
            _codes(([row.only] if row.only else []) + [str(guard) for guard in row.guards]),
            f"{STATE_WORDS[row.to]} `{row.to}`" if isinstance(row.to, CaseState) else str(row.to),
            _clocks(row),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def _words(states: Iterable[CaseState]) -> str:
    return "、".join(STATE_WORDS[state] for state in states)


def _who(row: Row) -> str:
    roles = ", ".join(sorted(row.who))
    side = {Side.MAIN: " (main unit)", Side.ASSISTING: " (that assisting unit)"}.get(row.side, "")
    return f"{roles}{side}{', the service' if row.system else ''}"


def _codes(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


def _clocks(row: Row) -> str:
    said = (
        ("starts", row.starts),
        ("stops", row.stops),
        ("pauses", row.pauses),
        ("resumes", row.resumes),
        ("extends", row.extends),
    )
    return "; ".join(
        f"{verb} {'all' if set(kinds) == set(ClockKind) else ' '.join(kinds)}"
        for verb, kinds in said
        if kinds
    )


def _orders() -> Iterator[str]:
    yield "| Act | In | Then |"
    yield "|---|---|---|"
    for act, (before, after) in ORDERS.items():
        yield f"| `{act}` {ACT_WORDS[act]} | {_codes(before)} | `{after}` |"
    yield ""


def _refusals() -> Iterator[str]:
    yield "| Refusal | Means |"
    yield "|---|---|"
    for code, words in REFUSALS.items():
        yield f"| `{code}` | {words} |"
    yield ""


_MEASURES = {
    Measure.MINUTES: "minutes, day and night",
    Measure.WORKING_HOURS: "working hours",
    Measure.WORKING_DAYS: "working days",
}


def _rules(rules: Iterable[ClockRule]) -> Iterator[str]:
    yield "| Clock | For | Limit | Warned before | Red | Told |"
    yield "|---|---|---|---|---|---|"
    for rule in rules:
        signed = {True: "signed off", False: "not signed off", None: ""}[rule.signed]
        names = [name for name in (rule.category, rule.kind, rule.urgency, signed) if name]
        limit = f"{rule.limit.amount} {_MEASURES[rule.limit.measure]}"
        if rule.limit.start is Start.NEXT_WORKING_DAY:
            limit += " from the next one"
        red = "at once" if rule.alarm is Start.NOW else "next working day"
        cells = (
            f"`{rule.clock}`", " ".join(names) or "all", limit, str(rule.warn or ""), red,
            rule.escalate_to,
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"
    yield ""


def _ladder() -> Iterator[str]:
    yield "Warned: yellow, urging 1. Late: overdue. Red card on the day that the rule names. Then:"
    yield ""
    yield "| Signal | Degree | Working days after the red card |"
    yield "|---|---|---|"
    for rung in LADDER:
        yield f"| `{rung.kind}` | {rung.level} | {rung.days} |"
    yield ""
