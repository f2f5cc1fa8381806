/** Who is logged in, for whoever draws something for him; the shell provides it. */
import { inject, type InjectionKey, type Ref, ref } from 'vue'
import type { Schemas } from '../api/client'

export type Me = Schemas['MeOut']
export const ME: InjectionKey<Readonly<Ref<Me | null>>> = Symbol('me')

export function useMe(): Readonly<Ref<Me | null>> {
  return inject(ME, ref(null))
}
