/** What a desk may do: commands, each of which shows what came back. */
import { computed, ref } from 'vue'
import { api, ok } from '../api/client'
import { refresh, stream } from '../api/stream'

const error = ref<unknown>(null)
const busy = ref('')

async function command(name: string, asked: () => Promise<unknown>): Promise<boolean> {
  busy.value = name
  error.value = null
  try {
    await asked()
    await refresh()
    return true
  } catch (problem) {
    error.value = problem
    return false
  } finally {
    busy.value = ''
  }
}

export const desk = {
  agent: computed(() => stream.desk.value?.agent ?? null),
  call: computed(() => stream.desk.value?.call ?? null),
  error,
  busy,

  sit: (seat: string) =>
    command('sit', () => ok(api.POST('/api/agents/me/login', { body: { seat } }))),
  leave: () => command('leave', () => ok(api.POST('/api/agents/me/logout'))),
  ready: () => command('ready', () => ok(api.POST('/api/agents/me/ready'))),
  pause: (reason: string) =>
    command('break', () => ok(api.POST('/api/agents/me/break', { body: { reason } }))),
  endWrapUp: () => command('wrap', () => ok(api.POST('/api/agents/me/wrap-up/end'))),
  hold: () => command('hold', () => ok(api.POST('/api/own-call/hold', { body: {} }))),
  unhold: () => command('hold', () => ok(api.POST('/api/own-call/unhold', { body: {} }))),
  mute: () => command('mute', () => ok(api.POST('/api/own-call/mute', { body: {} }))),
  unmute: () => command('mute', () => ok(api.POST('/api/own-call/unmute', { body: {} }))),
  hangUp: () => command('hang-up', () => ok(api.POST('/api/own-call/hang-up', { body: {} }))),
}
