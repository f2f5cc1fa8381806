/** How the sound goes, out of the browser's own statistics (W3C webrtc-stats). */

export interface EchoFigures {
  /** Of the packets that came; null: none yet. */
  lostShare: number | null
  roundTripMs: number | null
  jitterMs: number | null
  /** Sound came back, not silence alone. */
  heard: boolean
}

const HEARD_ENERGY = 0.0005

type Entry = Record<string, unknown>

function number(entry: Entry | undefined, name: string): number | null {
  const value = entry?.[name]
  return typeof value === 'number' ? value : null
}

/** Packets at a moment, to count from: what is sent before both ends are ready is no loss. */
export interface Packets {
  received: number
  lost: number
}

interface Report {
  forEach(see: (entry: Entry) => void): void
}

export function packetsOf(report: Report): Packets {
  let found: Packets = { received: 0, lost: 0 }
  report.forEach((entry) => {
    if (entry.type !== 'inbound-rtp') return
    found = {
      received: number(entry, 'packetsReceived') ?? 0,
      lost: number(entry, 'packetsLost') ?? 0,
    }
  })
  return found
}

export function figuresOf(
  report: Report,
  since: Packets = { received: 0, lost: 0 },
): EchoFigures {
  const found = new Map<unknown, Entry>()
  report.forEach((entry) => found.set(entry.type, entry))
  const came = found.get('inbound-rtp')
  const told = found.get('remote-inbound-rtp')
  const now = packetsOf(report)
  const received = now.received - since.received
  const lost = Math.max(0, now.lost - since.lost)
  const roundTrip = number(told, 'roundTripTime')
  const jitter = number(came, 'jitter')
  return {
    lostShare: received > 0 ? lost / (received + lost) : null,
    roundTripMs: roundTrip === null ? null : Math.round(roundTrip * 1000),
    jitterMs: jitter === null ? null : Math.round(jitter * 1000),
    heard: (number(came, 'totalAudioEnergy') ?? 0) > HEARD_ENERGY,
  }
}
