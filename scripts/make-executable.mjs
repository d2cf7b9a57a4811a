// npm does this for an installed package's bin; a clone that runs `npx densehybrid` needs it too.
import { chmodSync } from 'node:fs'

chmodSync(new URL('../dist/cli/main.js', import.meta.url), 0o755)
