export * from './api-client.ts';
export type { MacChoice } from './choices.ts';
export { FLEET_LABEL, Fleet, type FleetMember, type FleetOptions, fleetChoices } from './fleet.ts';
export { quickstart } from './quickstart.ts';
