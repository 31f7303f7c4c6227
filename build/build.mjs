// `npm run build`: compiles everything into dist/.
import { build } from './setup.mjs';

try {
  await build();
} catch (error) {
  process.stderr.write(`weir: ${error.message}\n`);
  process.exit(1);
}
