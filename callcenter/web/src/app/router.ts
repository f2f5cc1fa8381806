/** Which page is where, and who may see it without a log-in. `pages.json` names them for the service. */
import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import { session } from './session'

declare module 'vue-router' {
  interface RouteMeta {
    /** For whoever is not logged in, too. */
    open?: boolean
    word?: 'page.desk' | 'page.login' | 'page.password' | 'page.check' | 'page.trust'
  }
}

export const routes: RouteRecordRaw[] = [
  { path: '/', redirect: '/desk' },
  {
    path: '/login',
    component: () => import('./LoginPage.vue'),
    meta: { open: true, word: 'page.login' },
  },
  {
    path: '/password',
    component: () => import('./PasswordPage.vue'),
    meta: { word: 'page.password' },
  },
  { path: '/desk', component: () => import('../desk/DeskPage.vue'), meta: { word: 'page.desk' } },
  {
    path: '/check',
    component: () => import('../check/CheckPage.vue'),
    meta: { open: true, word: 'page.check' },
  },
  {
    path: '/trust',
    component: () => import('../check/TrustPage.vue'),
    meta: { open: true, word: 'page.trust' },
  },
  { path: '/:rest(.*)*', component: () => import('./NoPage.vue'), meta: { open: true } },
]

export const router = createRouter({ history: createWebHistory(), routes })

router.beforeEach(async (to) => {
  if (to.meta.open && to.path !== '/login') return true
  const who = await session.find()
  if (to.path === '/login') return who ? '/desk' : true
  if (!who) return { path: '/login', query: { to: to.fullPath } }
  if (who.must_change_password && to.path !== '/password') return '/password'
  return true
})
