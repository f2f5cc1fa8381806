/** The case of a call: found as soon as there is one, edited over a draft, saved with its version. */
import { computed, reactive, ref, watch } from 'vue'
import { api, ok, type Schemas } from '../api/client'
import { ApiError } from '../api/errors'
import { changed, draftOf, type Fields, KEPT_WITHIN_MS, keepDraft } from './drafts'

type Case = Schemas['CaseOut']
const FIELDS = [
  'kind',
  'validity',
  'title',
  'content',
  'citizen_name',
  'contact_number',
  'address',
  'confidential',
] as const
const FIND_MS = 500
const KEPT_CALL = 'callcenter.desk.call'

function fieldsOf(found: Case): Fields {
  return Object.fromEntries(FIELDS.map((name) => [name, found[name]]))
}

export function useCase(login: string) {
  const call = ref(sessionStorage.getItem(KEPT_CALL) ?? '')
  const found = ref<Case | null>(null)
  const typed = reactive<Fields>({
    kind: null,
    validity: 'valid',
    title: '',
    content: '',
    citizen_name: '',
    contact_number: '',
    address: '',
    confidential: false,
  })
  const error = ref<unknown>(null)
  const busy = ref(false)
  const savedAt = ref<number | null>(null)
  const draft = computed(() => (found.value ? changed(typed, fieldsOf(found.value)) : { ...typed }))
  const unsaved = computed(() => found.value !== null && Object.keys(draft.value).length > 0)
  let keeping = 0
  let loading = false

  /** Show the case of `id`; what was typed for the one before is kept. */
  async function open(id: string): Promise<void> {
    if (!id || (id === call.value && (found.value || loading))) return
    if (call.value && found.value) await keep()
    call.value = id
    sessionStorage.setItem(KEPT_CALL, id)
    found.value = null
    savedAt.value = null
    loading = true
    try {
      while (call.value === id && !found.value) {
        const page = await ok(api.GET('/api/cases', { params: { query: { call_id: id } } }))
        const one = page.items[0]
        if (one) await show(id, one)
        else await new Promise((done) => window.setTimeout(done, FIND_MS))
      }
    } catch (problem) {
      error.value = problem
      window.setTimeout(() => {
        if (call.value === id && !found.value) void retry(id)
      }, 2000)
    } finally {
      loading = false
    }
  }

  async function retry(id: string): Promise<void> {
    call.value = ''
    error.value = null
    await open(id)
  }

  async function show(id: string, one: Case): Promise<void> {
    const kept = await draftOf(login, id)
    if (call.value !== id) return
    Object.assign(typed, fieldsOf(one), kept)
    found.value = one
  }

  async function keep(): Promise<void> {
    window.clearTimeout(keeping)
    if (found.value) await keepDraft(login, call.value, { ...draft.value })
  }

  async function save(): Promise<void> {
    const one = found.value
    if (!one) return
    busy.value = true
    error.value = null
    const sent = { ...draft.value }
    try {
      const saved = await ok(
        api.PATCH('/api/cases/{number}', {
          params: { path: { number: one.number } },
          body: { ...sent, version: one.version } as Schemas['CasePatch'],
        }),
      )
      // Only what was sent and is still so: what was typed meanwhile stays typed.
      for (const [name, value] of Object.entries(sent)) {
        if (typed[name] === value) typed[name] = fieldsOf(saved)[name] ?? null
      }
      found.value = saved
      savedAt.value = Date.now()
    } catch (problem) {
      error.value = problem
      if (problem instanceof ApiError && problem.code === 'version_conflict') {
        found.value = await ok(
          api.GET('/api/cases/{number}', { params: { path: { number: one.number } } }),
        ).catch(() => one)
      }
    } finally {
      busy.value = false
      await keep()
    }
  }

  /** Put the case away; its draft, if there is one, stays. */
  async function close(): Promise<void> {
    await keep()
    call.value = ''
    found.value = null
    sessionStorage.removeItem(KEPT_CALL)
  }

  watch(typed, () => {
    window.clearTimeout(keeping)
    keeping = window.setTimeout(() => void keep(), KEPT_WITHIN_MS)
  })

  if (call.value) void retry(call.value)

  return { call, found, typed, error, busy, savedAt, unsaved, open, save, close, keep }
}
