// `npm run build`: compiles everything into dist/.
import { build } from './setup.mjs';

await build();
