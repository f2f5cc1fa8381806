/**
 * The phone in the page. Nothing else knows JsSIP. The tab that holds the lock has the phone, and keeps
 * it until it goes; other tabs of the browser wait for it.
 */
import JsSIP from 'jssip'
import { readonly, ref, shallowRef } from 'vue'
import { api, ok, type Schemas } from '../api/client'
import { type EchoFigures, figuresOf, type Packets, packetsOf } from './figures'
import { allowRinging, mayRing, quiet, ring } from './ringer'
import { OFF, type PhoneFact, type PhoneState, step } from './state'

export type { EchoFigures } from './figures'
export { inCall, type PhoneState } from './state'

type Login = Schemas['BrowserLoginOut']
type Session = ReturnType<InstanceType<typeof JsSIP.UA>['call']>

const LOCK = 'callcenter-phone'
const BUSY = 486 // RFC 3261: here is somebody, and he does not want this call now

const state = shallowRef<PhoneState>(OFF)
/** The microphone could not be had: the browser's name for why. */
const noMicrophone = ref('')
/** The browser plays nothing until somebody has touched the page. */
const soundBlocked = ref(false)

let agent: InstanceType<typeof JsSIP.UA> | null = null
let current: Session | null = null
let login: Login | null = null
let letGo: (() => void) | null = null
let waiting: AbortController | null = null
const speaker = new Audio()
speaker.autoplay = true

function now(fact: PhoneFact): void {
  state.value = step(state.value, fact)
  if (state.value.at === 'ringing') ring()
  else quiet()
}

async function play(media: MediaStream): Promise<void> {
  speaker.srcObject = media
  try {
    await speaker.play()
  } catch (error) {
    // Replaced by a newer one is no fault; not allowed is.
    soundBlocked.value = error instanceof DOMException && error.name === 'NotAllowedError'
  }
}

function take(session: Session): void {
  if (current) {
    session.terminate({ status_code: BUSY })
    return
  }
  current = session
  const over = (): void => {
    if (current !== session) return
    current = null
    speaker.srcObject = null
    now({ is: 'ended' })
  }
  session.on('ended', over)
  session.on('failed', over)
  session.on('accepted', () => {
    now({ is: 'answered', at: Date.now() })
  })
  session.on('peerconnection', ({ peerconnection }: { peerconnection: RTCPeerConnection }) => {
    peerconnection.addEventListener('track', ({ streams, track }) => {
      void play(streams[0] ?? new MediaStream([track]))
    })
  })
  session.on('getusermediafailed', (error: unknown) => {
    noMicrophone.value = error instanceof Error ? error.name : 'unknown'
  })
  now({ is: 'invited', number: session.remote_identity.uri.user ?? '' })
}

function begin(found: Login): void {
  login = found
  const sockets = found.servers.slice(0, 1).map((url) => new JsSIP.WebSocketInterface(url))
  const made = new JsSIP.UA({
    sockets,
    uri: found.uri,
    realm: found.realm,
    ha1: found.ha1,
    register_expires: found.register_seconds,
    session_timers: false,
    connection_recovery_min_interval: 2,
    connection_recovery_max_interval: 15,
  })
  made.on('registered', () => {
    now({ is: 'registered' })
  })
  made.on('disconnected', () => {
    now({ is: 'disconnected' })
  })
  made.on('registrationFailed', () => {
    now({ is: 'disconnected' })
  })
  made.on('newRTCSession', ({ session, originator }: { session: Session; originator: string }) => {
    if (originator === 'remote') take(session)
  })
  agent = made
  now({ is: 'started' })
  made.start()
}

export const phone = {
  state: readonly(state),
  noMicrophone: readonly(noMicrophone),
  soundBlocked,

  /** Be the phone of `seat`, as soon as no other tab is. The same again changes nothing. */
  start(seat: string): void {
    if (waiting) return
    const over = new AbortController()
    waiting = over
    soundBlocked.value = !mayRing()
    void navigator.locks.query().then(({ held }) => {
      if (waiting === over && !agent && held?.some((lock) => lock.name === LOCK)) {
        now({ is: 'taken-elsewhere' })
      }
    })
    navigator.locks
      .request(LOCK, { signal: over.signal }, async () => {
        const path = { extension: seat }
        begin(await ok(api.GET('/api/seats/{extension}/webrtc', { params: { path } })))
        await new Promise<void>((done) => {
          letGo = done
        })
      })
      .catch(() => {
        if (waiting !== over) return
        waiting = null
        now({ is: 'stopped' })
      })
  },

  stop(): void {
    waiting?.abort()
    waiting = null
    agent?.stop()
    agent = null
    current = null
    letGo?.()
    letGo = null
    now({ is: 'stopped' })
  },

  answer(): void {
    if (!current || state.value.at !== 'ringing') return
    noMicrophone.value = ''
    now({ is: 'accepting' })
    current.answer({
      mediaConstraints: { audio: true, video: false },
      pcConfig: { iceServers: (login?.ice_servers ?? []).map((urls) => ({ urls })) },
    })
  },

  reject(): void {
    if (state.value.at === 'ringing') current?.terminate({ status_code: BUSY })
  },

  hangUp(): void {
    current?.terminate()
  },

  /** A key of the keypad, while talking. */
  press(key: string): void {
    if (state.value.at === 'talking') current?.sendDTMF(key, { transportType: JsSIP.C.DTMF_TRANSPORT.RFC2833 })
  },

  busy(): boolean {
    return current !== null
  },

  /**
   * Hear oneself: a call to the house's echo, whose figures `told` gets each second; the function that
   * ends it. Only while the phone is ready and in no call.
   */
  echo(told: (figures: EchoFigures) => void, over: (cause: string) => void): () => void {
    if (!agent || current || !login) return () => undefined
    let timer = 0
    const end = (cause: string): void => {
      window.clearInterval(timer)
      current = null
      speaker.srcObject = null
      over(cause)
    }
    const session = agent.call(login.uri.replace(/^sip:[^@]*@/, 'sip:echo@'), {
      mediaConstraints: { audio: true, video: false },
      pcConfig: { iceServers: login.ice_servers.map((urls) => ({ urls })) },
      eventHandlers: {
        failed: ({ cause }: { cause: string }) => {
          end(cause)
        },
        ended: () => {
          end('')
        },
      },
    })
    current = session
    const connection = session.connection
    connection.addEventListener('track', ({ streams, track }) => {
      void play(streams[0] ?? new MediaStream([track]))
    })
    let begun: Packets | undefined
    timer = window.setInterval(() => {
      void connection.getStats().then((report) => {
        const entries = report as unknown as Parameters<typeof packetsOf>[0]
        const now = packetsOf(entries)
        if (begun) told(figuresOf(entries, begun))
        else if (now.received > 0) begun = now
      })
    }, 1000)
    return () => {
      if (current === session) session.terminate()
    }
  },

  /** After a touch: ring and play from now on. */
  async allowSound(): Promise<void> {
    const may = await allowRinging()
    if (speaker.srcObject) await speaker.play()
    soundBlocked.value = !may
  },
}
