/**
 * One event stream for the whole browser: the tab that holds the lock opens it, all others are told by
 * it. When that tab goes, the lock passes on. Every event is the whole of what is shown, so a tab that
 * has missed some has lost nothing.
 */
import { readonly, ref } from 'vue'
import { api, ok, type Schemas } from './client'

export type Desk = Schemas['DeskOut']

const LOCK = 'callcenter-stream'
const CHANNEL = 'callcenter-stream'
const QUIET_MS = 40_000 // two heartbeats of the service and a little
const AGAIN_MS = 2_000

interface Told {
  desk?: Desk | null
  connected?: boolean
  /** A tab that has just come asks for the newest. */
  hello?: boolean
}

const desk = ref<Desk | null>(null)
const connected = ref(true)
let running: AbortController | null = null
let channel: BroadcastChannel | null = null
let source: EventSource | null = null

function tell(told: Told): void {
  channel?.postMessage(JSON.parse(JSON.stringify(told)))
}

function show(told: Told): void {
  if (told.desk !== undefined) desk.value = told.desk
  if (told.connected !== undefined) connected.value = told.connected
}

function showAndTell(told: Told): void {
  show(told)
  tell(told)
}

/** Until `over`: open, and open again by itself. */
async function lead(over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await new Promise<void>((done) => {
      const stream = new EventSource('/api/desk/stream')
      source = stream
      let timer = 0
      const alive = (): void => {
        window.clearTimeout(timer)
        timer = window.setTimeout(broken, QUIET_MS)
      }
      const end = (): void => {
        window.clearTimeout(timer)
        stream.close()
        done()
      }
      const broken = (): void => {
        showAndTell({ connected: false })
        end()
      }
      stream.addEventListener('open', () => {
        showAndTell({ connected: true })
        alive()
      })
      stream.addEventListener('desk', (event: MessageEvent<string>) => {
        showAndTell({ desk: JSON.parse(event.data) as Desk, connected: true })
        alive()
      })
      // Comments keep the line open but tell the page nothing, so silence alone is no fault.
      stream.addEventListener('error', broken)
      over.addEventListener('abort', end, { once: true })
    })
    if (over.aborted) return
    await new Promise((done) => window.setTimeout(done, AGAIN_MS))
    // Also finds out whether the session is over, which an event stream cannot say.
    await refresh().catch(() => undefined)
  }
}

/** Ask now, after a command of one's own: what is shown is what came back. */
export async function refresh(): Promise<void> {
  showAndTell({ desk: await ok(api.GET('/api/desk')), connected: true })
}

export function start(): void {
  if (running) return
  const over = new AbortController()
  running = over
  channel = new BroadcastChannel(CHANNEL)
  channel.onmessage = (event: MessageEvent<Told>) => {
    if (event.data.hello && source) tell({ desk: desk.value, connected: connected.value })
    else show(event.data)
  }
  tell({ hello: true })
  navigator.locks
    .request(LOCK, { signal: over.signal }, () => lead(over.signal))
    .catch(() => undefined) // given up while waiting
}

export function stop(): void {
  running?.abort()
  running = null
  source = null
  channel?.close()
  channel = null
  desk.value = null
  connected.value = true
}

export const stream = { desk: readonly(desk), connected: readonly(connected) }
