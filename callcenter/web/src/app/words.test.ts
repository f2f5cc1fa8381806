import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

interface Tree {
  [name: string]: string | Tree
}

function leaves(tree: Tree, before = ''): Map<string, string> {
  const found = new Map<string, string>()
  for (const [name, value] of Object.entries(tree)) {
    if (typeof value === 'string') found.set(before + name, value)
    else for (const [key, text] of leaves(value, `${before}${name}.`)) found.set(key, text)
  }
  return found
}

/** As they are written: an import would have them compiled. */
function words(locale: string): Map<string, string> {
  const path = join(import.meta.dirname, 'words', `${locale}.json`)
  return leaves(JSON.parse(readFileSync(path, 'utf-8')) as Tree)
}

const zh = words('zh-CN')
const en = words('en')

function holes(text: string | undefined): string[] {
  return [...(text ?? '').matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '').sort()
}

test('both languages know the same words', () => {
  expect([...en.keys()].sort()).toEqual([...zh.keys()].sort())
})

test('a word has the same holes in both', () => {
  for (const [key, text] of zh) expect([key, holes(en.get(key))]).toEqual([key, holes(text)])
})

test('Chinese sentences have Chinese punctuation', () => {
  for (const [key, text] of zh) expect([key, text.match(/[,;:?!()]/g)]).toEqual([key, null])
})

test('no Latin words stand in Chinese sentences but what the office itself says', () => {
  const allowed = new Set(['Ctrl', 'IP', 'WebSocket', 'Chrome', 'Edge', 'Firefox', 'Windows', 'Linux'])
  for (const [key, text] of zh) {
    if (key === 'app.language') continue // in the other one's own words
    const latin = text.replace(/\{\w+\}/g, ' ').match(/[A-Za-z]{2,}/g) ?? []
    expect([key, latin.filter((word) => !allowed.has(word))]).toEqual([key, []])
  }
})
