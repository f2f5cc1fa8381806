import { expect, test } from 'vitest'
import { inCall, OFF, type PhoneFact, type PhoneState, step } from './state'

function after(...facts: PhoneFact[]): PhoneState {
  return facts.reduce(step, OFF)
}

const begun: PhoneFact[] = [{ is: 'started' }, { is: 'registered' }]

test('a call rings, is answered, and ends', () => {
  expect(after(...begun)).toEqual({ at: 'idle' })
  const ringing = after(...begun, { is: 'invited', number: '139' })
  expect(ringing).toEqual({ at: 'ringing', number: '139' })
  const talking = step(step(ringing, { is: 'accepting' }), { is: 'answered', at: 7 })
  expect(talking).toEqual({ at: 'talking', number: '139', since: 7 })
  expect(step(talking, { is: 'ended' })).toEqual({ at: 'idle' })
})

test('a line that breaks does not end a call, nor does a new registration', () => {
  const talking = after(...begun, { is: 'invited', number: '1' }, { is: 'answered', at: 1 })
  for (const fact of [{ is: 'disconnected' }, { is: 'registered' }] satisfies PhoneFact[]) {
    expect(step(talking, fact)).toBe(talking)
  }
  expect(step(after(...begun), { is: 'disconnected' })).toEqual({ at: 'connecting' })
})

test('a second call changes nothing of the first', () => {
  const ringing = after(...begun, { is: 'invited', number: '1' })
  expect(step(ringing, { is: 'invited', number: '2' })).toBe(ringing)
})

test('what comes too late is passed over', () => {
  const idle = after(...begun)
  for (const fact of [
    { is: 'accepting' },
    { is: 'answered', at: 3 },
    { is: 'ended' },
  ] satisfies PhoneFact[]) {
    expect(step(idle, fact)).toBe(idle)
  }
})

test('whoever stops or is replaced is in no call', () => {
  const talking = after(...begun, { is: 'invited', number: '1' }, { is: 'answered', at: 1 })
  expect(inCall(step(talking, { is: 'stopped' }))).toBe(false)
  expect(inCall(step(talking, { is: 'taken-elsewhere' }))).toBe(false)
})
