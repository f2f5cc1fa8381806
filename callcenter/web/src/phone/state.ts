/** The phone's own states, as pure steps: what happened, and what it is then. */

export type PhoneState =
  | { at: 'off' }
  | { at: 'elsewhere' } // another tab of this browser has the phone
  | { at: 'connecting' }
  | { at: 'idle' }
  | { at: 'ringing'; number: string }
  | { at: 'answering'; number: string }
  | { at: 'talking'; number: string; since: number }

export type PhoneFact =
  | { is: 'started' }
  | { is: 'stopped' }
  | { is: 'taken-elsewhere' }
  | { is: 'registered' }
  | { is: 'disconnected' }
  | { is: 'invited'; number: string }
  | { is: 'accepting' }
  | { is: 'answered'; at: number }
  | { is: 'ended' }

export const OFF: PhoneState = { at: 'off' }

export function inCall(state: PhoneState): boolean {
  return state.at === 'ringing' || state.at === 'answering' || state.at === 'talking'
}

export function step(state: PhoneState, fact: PhoneFact): PhoneState {
  switch (fact.is) {
    case 'stopped':
      return OFF
    case 'taken-elsewhere':
      return { at: 'elsewhere' }
    case 'started':
      return { at: 'connecting' }
    case 'registered':
      return inCall(state) ? state : { at: 'idle' }
    case 'disconnected':
      // The sound of a call has a way of its own: it goes on while the signalling comes back.
      return inCall(state) ? state : { at: 'connecting' }
    case 'invited':
      return inCall(state) ? state : { at: 'ringing', number: fact.number }
    case 'accepting':
      return state.at === 'ringing' ? { at: 'answering', number: state.number } : state
    case 'answered':
      return state.at === 'ringing' || state.at === 'answering'
        ? { at: 'talking', number: state.number, since: fact.at }
        : state
    case 'ended':
      return inCall(state) ? { at: 'idle' } : state
  }
}
