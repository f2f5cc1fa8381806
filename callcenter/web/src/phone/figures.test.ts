import { expect, test } from 'vitest'
import { figuresOf, packetsOf } from './figures'

test('figures come out of the statistics of both ends', () => {
  const report = [
    { type: 'inbound-rtp', packetsReceived: 95, packetsLost: 5, jitter: 0.004, totalAudioEnergy: 1 },
    { type: 'remote-inbound-rtp', roundTripTime: 0.0123 },
  ]
  expect(figuresOf(report)).toEqual({ lostShare: 0.05, roundTripMs: 12, jitterMs: 4, heard: true })
})

test('what is not known yet is not zero', () => {
  expect(figuresOf([])).toEqual({ lostShare: null, roundTripMs: null, jitterMs: null, heard: false })
  const silent = [{ type: 'inbound-rtp', packetsReceived: 10, packetsLost: -1, totalAudioEnergy: 0 }]
  expect(figuresOf(silent)).toMatchObject({ lostShare: 0, heard: false })
})

test('what was lost before both ends were ready is not counted', () => {
  const early = packetsOf([{ type: 'inbound-rtp', packetsReceived: 10, packetsLost: 10 }])
  const later = [{ type: 'inbound-rtp', packetsReceived: 110, packetsLost: 10 }]
  expect(figuresOf(later, early).lostShare).toBe(0)
})
