/** What a check tries, without a word on the screen. */

/** Whether the browser trusts the certificate: it registers a worker only then. */
export async function isTrusted(): Promise<boolean> {
  if (!window.isSecureContext) return false
  if (window.location.protocol !== 'https:') return true // this very machine
  try {
    const made = await navigator.serviceWorker.register('/check-worker.js', { scope: '/check/' })
    await made.unregister()
    return true
  } catch {
    return false
  }
}

/** Milliseconds until the phone's WebSocket is open. */
export function openPhoneSocket(): Promise<number> {
  const address = `${window.location.origin.replace(/^http/, 'ws')}/ws/sip`
  const begun = performance.now()
  return new Promise((done, failed) => {
    const socket = new WebSocket(address, 'sip')
    socket.addEventListener('open', () => {
      done(Math.round(performance.now() - begun))
      socket.close()
    })
    socket.addEventListener('error', () => {
      failed(new Error('the WebSocket did not open'))
    })
  })
}
