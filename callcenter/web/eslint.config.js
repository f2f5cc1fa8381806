import vue from 'eslint-plugin-vue'
import accessibility from 'eslint-plugin-vuejs-accessibility'
import typescript from 'typescript-eslint'

/** A workplace knows ui, api, phone and app's words; never another workplace. */
const WORKPLACES = ['desk', 'check']
const betweenWorkplaces = WORKPLACES.map((one) => ({
  files: [`src/${one}/**`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        paths: [{ name: 'jssip', message: 'only phone/ speaks SIP' }],
        patterns: WORKPLACES.filter((other) => other !== one).map((other) => ({
          group: [`**/${other}/**`],
          message: 'a workplace knows no other workplace',
        })),
      },
    ],
  },
}))

export default [
  { ignores: ['dist/**', 'src/api/schema.d.ts'] },
  ...typescript.configs.strict,
  ...typescript.configs.stylistic,
  ...vue.configs['flat/recommended'],
  ...accessibility.configs['flat/recommended'],
  {
    files: ['**/*.vue'],
    languageOptions: { parserOptions: { parser: typescript.parser } },
  },
  {
    files: ['**/*.{ts,vue}'],
    rules: {
      'no-undef': 'off', // the type checker knows better
      'vue/no-bare-strings-in-template': 'error', // every word is in src/app/words
      'vue/no-v-html': 'error',
      'vue/multi-word-component-names': 'off',
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      // A label may be beside its field, or around it.
      'vuejs-accessibility/label-has-for': ['error', { required: { some: ['nesting', 'id'] } }],
    },
  },
  {
    files: ['src/{app,ui,api}/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'jssip', message: 'only phone/ speaks SIP' }] },
      ],
    },
  },
  ...betweenWorkplaces,
]
