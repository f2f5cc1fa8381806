/** Who is logged in. The service knows; this keeps what it said last. */
import { computed, ref, shallowReadonly, shallowRef } from 'vue'
import { api, ok, onSessionLost, type Schemas, setCsrf } from '../api/client'
import { ApiError } from '../api/errors'

export type Me = Schemas['MeOut']

const me = shallowRef<Me | null>(null)
const known = ref(false)
/** Whether the last session ended without being asked to. */
const ended = ref(false)

onSessionLost(() => {
  if (me.value !== null) ended.value = true
  me.value = null
  setCsrf(null)
})

function isIn(who: Me): Me {
  me.value = who
  known.value = true
  ended.value = false
  setCsrf(who.csrf_token)
  return who
}

export const session = {
  me: shallowReadonly(me),
  ended,
  mustChange: computed(() => me.value?.must_change_password ?? false),

  /** Who is logged in, asked once; null: nobody. */
  async find(): Promise<Me | null> {
    if (known.value) return me.value
    try {
      return isIn(await ok(api.GET('/api/me')))
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        known.value = true
        return null
      }
      throw error
    }
  },

  async logIn(login: string, password: string): Promise<Me> {
    return isIn(await ok(api.POST('/api/login', { body: { login, password } })))
  },

  async changePassword(current: string, fresh: string): Promise<Me> {
    return isIn(await ok(api.POST('/api/password', { body: { current, new: fresh } })))
  },

  async logOut(): Promise<void> {
    await ok(api.POST('/api/logout', {}))
    me.value = null
    setCsrf(null)
  },

  may(permission: string): boolean {
    return me.value?.permissions.includes(permission as never) ?? false
  },
}
