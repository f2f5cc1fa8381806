/** How an answer that is no success is told: the service's stable code, and what it said. */

export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    status: number,
    code: string,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.details = details
  }
}

/** The service did not answer at all. */
export class Unreachable extends Error {
  constructor() {
    super('the service does not answer')
    this.name = 'Unreachable'
  }
}

/** The error in the body of a refusal, `{"error": {code, message, details}}`. */
export function errorOf(status: number, body: unknown): ApiError {
  const inner = (body as { error?: unknown } | null)?.error
  if (typeof inner === 'object' && inner !== null) {
    const { code, message, details } = inner as Record<string, unknown>
    return new ApiError(
      status,
      typeof code === 'string' ? code : 'unknown',
      typeof message === 'string' ? message : '',
      typeof details === 'object' && details !== null ? (details as Record<string, unknown>) : {},
    )
  }
  return new ApiError(status, 'unknown', '')
}
