import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import VueI18nPlugin from '@intlify/unplugin-vue-i18n/vite'
import vue from '@vitejs/plugin-vue'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

const COMPRESSED = /\.(js|css|html|svg|json)$/
const WORTH_IT = 512 // bytes: below it the headers are more

/** Beside each file its .br and .gz: the service compresses nothing while calls run. */
function compressed(): Plugin {
  let folder = 'dist'
  return {
    name: 'compressed',
    apply: 'build',
    configResolved(config) {
      folder = config.build.outDir
    },
    closeBundle() {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !COMPRESSED.test(entry.name)) continue
        const path = join(entry.parentPath, entry.name)
        const content = readFileSync(path)
        if (content.length < WORTH_IT) continue
        const quality = { [constants.BROTLI_PARAM_QUALITY]: 11 }
        writeFileSync(`${path}.br`, brotliCompressSync(content, { params: quality }))
        writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }))
      }
    },
  }
}

export default defineConfig({
  plugins: [
    vue(),
    VueI18nPlugin({
      include: join(import.meta.dirname, 'src/app/words/*.json'),
      strictMessage: true,
      runtimeOnly: true,
      dropMessageCompiler: true,
    }),
    compressed(),
  ],
  build: {
    target: 'es2022',
    assetsDir: 'assets',
    assetsInlineLimit: 0, // a data: URL is no file that a policy knows
    modulePreload: { polyfill: false },
    manifest: 'files.json',
    chunkSizeWarningLimit: 1000,
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
    server: { deps: { inline: ['element-plus'] } },
  },
})
