/**
 * The one table of HTTP routes, from siblings by what they serve. A new API is one more array here.
 */

import { azureRoutes } from './azure-routes.js';
import { eventRoutes } from './event-routes.js';
import { flowRoutes } from './flow-routes.js';
import { graphiteRoutes } from './graphite-routes.js';
import { hitRoutes } from './hit-routes.js';
import { queryRoutes } from './query-routes.js';
import { recordRoutes } from './record-routes.js';
import { renderRoutes } from './render-routes.js';
import type { Route } from './route.js';
import { sampleRoutes } from './sample-routes.js';
import { statusRoutes } from './status-routes.js';
import { tagRoutes } from './tag-routes.js';

export const routes: readonly Route[] = [
  ...statusRoutes,
  ...renderRoutes,
  ...queryRoutes,
  ...graphiteRoutes,
  ...eventRoutes,
  ...tagRoutes,
  ...hitRoutes,
  ...flowRoutes,
  ...sampleRoutes,
  ...recordRoutes,
  ...azureRoutes,
];
