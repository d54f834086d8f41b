/** Images and entitlements under the catalogue `lily`, through all four services. */
import t from 'tap';
import { testDrawing } from './images/drawing.fixture.ts';
import { testImageEntitlements } from './images/entitlements.fixture.ts';
import { startInstallation } from './installation.fixture.ts';

const installation = await startInstallation(t, 'lily');
testDrawing(t, installation);
testImageEntitlements(t, installation);
