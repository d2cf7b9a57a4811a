export { SCENE_CLASSES } from './classes.ts'
export { type SceneNegativesOptions, sceneNegatives } from './negatives.ts'
export { type ScenesOptions, scenes } from './scenes.ts'
