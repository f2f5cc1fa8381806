/** Which language, and its words: Chinese unless somebody has chosen English on this computer. */
import { shallowRef } from 'vue'
import type { Language } from 'element-plus/es/locale/index.mjs'
import { createI18n } from 'vue-i18n'
import type { Words } from '../ui/words'

export type Locale = 'zh-CN' | 'en'
const KEPT = 'callcenter.locale'

const words: Record<Locale, () => Promise<{ default: Words }>> = {
  'zh-CN': () => import('./words/zh-CN.json') as Promise<{ default: Words }>,
  en: () => import('./words/en.json') as Promise<{ default: Words }>,
}

/** The words of Element Plus' own components. */
export const elementWords = shallowRef<Language>()

const elements: Record<Locale, () => Promise<{ default: Language }>> = {
  'zh-CN': () => import('element-plus/es/locale/lang/zh-cn.mjs'),
  en: () => import('element-plus/es/locale/lang/en.mjs'),
}

export const i18n = createI18n({
  legacy: false,
  locale: 'zh-CN',
  fallbackLocale: false as const,
  missingWarn: true,
  messages: {} as Record<Locale, Words>,
})

export function keptLocale(): Locale {
  return localStorage.getItem(KEPT) === 'en' ? 'en' : 'zh-CN'
}

export async function useLocale(locale: Locale): Promise<void> {
  const [{ default: found }, { default: element }] = await Promise.all([
    words[locale](),
    elements[locale](),
  ])
  elementWords.value = element
  i18n.global.setLocaleMessage(locale, found)
  i18n.global.locale.value = locale
  document.documentElement.lang = locale
  localStorage.setItem(KEPT, locale)
}
