/** Microphone and loudspeaker, tried by themselves. */

const LISTEN_MS = 4000
const HEARD = 0.01 // of full scale: speaking, not the noise of a room

/** The loudest that the microphone hears within four seconds; `told` gets the level meanwhile. */
export async function listen(told: (level: number) => void): Promise<boolean> {
  const media = await navigator.mediaDevices.getUserMedia({ audio: true })
  const context = new AudioContext()
  try {
    await context.resume()
    const meter = context.createAnalyser()
    context.createMediaStreamSource(media).connect(meter)
    const samples = new Float32Array(meter.fftSize)
    const until = Date.now() + LISTEN_MS
    let loudest = 0
    while (Date.now() < until) {
      await new Promise((done) => window.setTimeout(done, 50))
      meter.getFloatTimeDomainData(samples)
      const level = samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0)
      loudest = Math.max(loudest, level)
      told(level)
      if (loudest > HEARD * 10) return true
    }
    return loudest > HEARD
  } finally {
    for (const track of media.getTracks()) track.stop()
    await context.close()
  }
}

/** A second of a tone. */
export async function playTone(): Promise<void> {
  const context = new AudioContext()
  await context.resume()
  const tone = context.createOscillator()
  const volume = context.createGain()
  tone.frequency.value = 660
  volume.gain.value = 0.2
  tone.connect(volume).connect(context.destination)
  tone.start()
  tone.stop(context.currentTime + 1)
  await new Promise((done) => {
    tone.addEventListener('ended', done)
  })
  await context.close()
}
