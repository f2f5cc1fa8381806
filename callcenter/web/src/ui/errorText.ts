/** The words for an error: by its code, so that they are in the reader's language and say the mend. */
import { ApiError, Unreachable } from '../api/errors'
import type { Say, WordKey } from './words'

export interface ErrorText {
  text: string
  /** For whoever is asked for help; empty where the words say all. */
  code: string
}

export function errorText(
  error: unknown,
  say: Say,
  knows: (key: string) => key is WordKey,
): ErrorText {
  if (error instanceof Unreachable) return { text: say('error.unreachable'), code: '' }
  if (error instanceof ApiError) {
    const key = `error.${error.code}`
    const seconds = error.details.retry_after_seconds
    const named = { seconds: typeof seconds === 'number' ? Math.ceil(seconds) : 0 }
    if (knows(key)) return { text: say(key, named), code: '' }
    return { text: say('error.unknown', { message: error.message }), code: error.code }
  }
  return { text: say('error.unknown', { message: String(error) }), code: '' }
}
