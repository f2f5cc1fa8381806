import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { createApp } from 'vue'
import '../ui/look.css'
import App from './App.vue'
import { i18n, keptLocale, useLocale } from './i18n'
import { router } from './router'

const queries = new QueryClient({
  defaultOptions: { queries: { staleTime: 5_000, retry: 2, refetchOnWindowFocus: false } },
})

async function start(): Promise<void> {
  await useLocale(keptLocale())
  createApp(App).use(i18n).use(VueQueryPlugin, { queryClient: queries }).use(router).mount('#app')
}

void start()
