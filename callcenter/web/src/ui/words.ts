/**
 * The one way to a word on the screen. The key is checked by the compiler against the Chinese words;
 * that the English ones are the same keys is a test.
 */
import { useI18n } from 'vue-i18n'
import type chinese from '../app/words/zh-CN.json'

export type Words = typeof chinese

type Paths<Tree, Prefix extends string = ''> = {
  [Name in keyof Tree & string]: Tree[Name] extends string
    ? `${Prefix}${Name}`
    : Paths<Tree[Name], `${Prefix}${Name}.`>
}[keyof Tree & string]

export type WordKey = Paths<Words>
export type Named = Record<string, string | number>
export type Say = (key: WordKey, named?: Named) => string

export function useWords(): { say: Say; knows: (key: string) => key is WordKey } {
  const { t, te } = useI18n({ useScope: 'global' })
  return {
    say: (key, named = {}) => t(key, named),
    knows: (key): key is WordKey => te(key),
  }
}
