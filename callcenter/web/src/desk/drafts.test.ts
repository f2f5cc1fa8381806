import { expect, test } from 'vitest'
import { changed } from './drafts'

test('only what differs is a draft', () => {
  const saved = { title: '路灯', content: '', confidential: false, kind: null }
  expect(changed({ ...saved }, saved)).toEqual({})
  expect(changed({ ...saved, title: '路灯不亮' }, saved)).toEqual({ title: '路灯不亮' })
  expect(changed({ content: '𠮷㛃' }, saved)).toEqual({ content: '𠮷㛃' })
})

test('nothing chosen is the same, however it is written', () => {
  expect(changed({ kind: '' }, { kind: null })).toEqual({})
  expect(changed({ kind: null }, { kind: 'help' })).toEqual({ kind: null })
})

test('what was emptied differs from what it was', () => {
  expect(changed({ title: '' }, { title: '路灯' })).toEqual({ title: '' })
})
