/**
 * The one way to the service. Types come from its own description, made at build; what a write must
 * carry (the session's CSRF token) is added here, and a refusal is an `ApiError` everywhere.
 */
import createClient, { type Middleware } from 'openapi-fetch'
import { errorOf, Unreachable } from './errors'
import type { components, paths } from './schema'

export type Schemas = components['schemas']

let csrf = ''
const lost = new Set<() => void>()

/** From GET /api/me, POST /api/login, POST /api/password. */
export function setCsrf(token: string | null | undefined): void {
  csrf = token ?? ''
}

export function csrfToken(): string {
  return csrf
}

/** `told` is called whenever an answer says that the session is over. */
export function onSessionLost(told: () => void): () => void {
  lost.add(told)
  return () => lost.delete(told)
}

const OWN_REFUSALS = new Set(['/api/login'])

const ours: Middleware = {
  onRequest({ request }) {
    if (csrf && !['GET', 'HEAD'].includes(request.method)) request.headers.set('X-CSRF-Token', csrf)
    return request
  },
  onResponse({ response, schemaPath }) {
    if (response.status === 401 && !OWN_REFUSALS.has(schemaPath)) {
      for (const told of lost) told()
    }
  },
  onError() {
    return new Unreachable()
  },
}

export const api = createClient<paths>({ baseUrl: window.location.origin })
api.use(ours)

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The body of a success; `ApiError` or `Unreachable` otherwise. */
export async function ok<T>(asked: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await asked
  if (!response.ok) throw errorOf(response.status, error)
  return data as T
}
