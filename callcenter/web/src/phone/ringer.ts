/** The sound of a ringing call: made here, so that no file has to come in time. */

const HERTZ = 425 // GB 3380: the tone that people here know as ringing
const ON_MS = 1000
const EVERY_MS = 5000

let context: AudioContext | null = null
let timer = 0

export function ring(): void {
  if (timer) return
  context ??= new AudioContext()
  void context.resume()
  const once = (): void => {
    if (!context) return
    const tone = context.createOscillator()
    const volume = context.createGain()
    tone.frequency.value = HERTZ
    volume.gain.value = 0.15
    tone.connect(volume).connect(context.destination)
    tone.start()
    tone.stop(context.currentTime + ON_MS / 1000)
  }
  once()
  timer = window.setInterval(once, EVERY_MS)
}

export function quiet(): void {
  window.clearInterval(timer)
  timer = 0
}

/** Whether the browser lets us ring: it wants to have been touched first. */
export function mayRing(): boolean {
  context ??= new AudioContext()
  return context.state === 'running'
}

export async function allowRinging(): Promise<boolean> {
  context ??= new AudioContext()
  await context.resume()
  return mayRing()
}
