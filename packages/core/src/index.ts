export * from './boot-args.ts';
export * from './evaluate-types.ts';
export * from './facts.ts';
export * from './findings.ts';
export * from './grant.ts';
export * from './plan.ts';
export * from './quota.ts';
export * from './visit-code.ts';
