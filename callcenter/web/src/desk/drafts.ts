/**
 * What is typed and not saved yet, kept in this browser within half a second, so that nothing is lost by
 * a reload, a crash or a line that is down. A draft is its writer's own and goes when it was saved.
 */
import { del, get, set } from 'idb-keyval'

const PREFIX = 'callcenter.draft'
export const KEPT_WITHIN_MS = 300

export type Fields = Record<string, string | boolean | null>

function key(login: string, call: string): string {
  return `${PREFIX}:${login}:${call}`
}

export async function draftOf(login: string, call: string): Promise<Fields> {
  return (await get<Fields>(key(login, call))) ?? {}
}

export async function keepDraft(login: string, call: string, fields: Fields): Promise<void> {
  if (Object.keys(fields).length === 0) await del(key(login, call))
  else await set(key(login, call), fields)
}

/** What differs from what the service has: that is all a draft holds. */
export function changed(typed: Fields, saved: Fields): Fields {
  return Object.fromEntries(
    Object.entries(typed).filter(([name, value]) => (value ?? '') !== (saved[name] ?? '')),
  )
}
