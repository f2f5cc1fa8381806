import { expect, test } from 'vitest'
import { changed } from './drafts'

test('only what differs is a draft', () => {
  const saved = { title: '路灯', content: '', confidential: false, kind: null }
  expect(changed({ ...saved }, { ...saved, kind: '' })).toEqual({ kind: null })
  expect(changed({ ...saved, title: '路灯不亮' }, saved)).toEqual({ kind: null, title: '路灯不亮' })
  expect(changed({ content: '𠮷㛃' }, saved)).toEqual({ content: '𠮷㛃' })
})

test('what was emptied differs from what it was', () => {
  expect(changed({ title: '' }, { title: '路灯' })).toEqual({ title: '' })
})
