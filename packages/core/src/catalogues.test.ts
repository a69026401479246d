/** Goal: every code has a text that helps, every place in a text is filled by whoever uses it, and codes stay what they are. */
import { describe, expect, it } from 'vitest';
import { describeError, ERROR_GROUPS, ERRORS, GRPC_STATUS_NAMES, isErrorCode, RETRY_CLASSES } from './errors.ts';
import { FINDING_GROUPS, FINDING_SEVERITIES, FINDINGS } from './findings.ts';
import { retryAfterFailure } from './retry.ts';
import { fillTemplate, templateNames } from './template.ts';
import { developmentKernelFileName, findVariant, VARIANTS } from './variants.ts';

describe('error catalogue', () => {
  it.each(Object.entries(ERRORS))('%s has title, remedy, retry class and status', (code, row) => {
    expect(code).toMatch(/^[A-Z][A-Z0-9_]+$/);
    expect(row.title).not.toMatch(/\.$/);
    expect(row.remedy).toMatch(/[.}]$/);
    expect(RETRY_CLASSES).toContain(row.retry);
    expect(row.http).toBeGreaterThanOrEqual(400);
    expect(row.http).toBeLessThan(600);
    expect(GRPC_STATUS_NAMES).toContain(row.grpc);
  });

  it('has each code once', () => {
    const codes = Object.values(ERROR_GROUPS).flatMap((group) => Object.keys(group));
    expect(new Set(codes).size).toBe(codes.length);
    expect(codes.length).toBe(Object.keys(ERRORS).length);
  });

  it('fills its places, and shows a gap as one', () => {
    expect(describeError('BOOT_ARGS_FOREIGN', { words: 'a=1' }).remedy).toContain('a=1');
    expect(describeError('BOOT_ARGS_FOREIGN').remedy).toContain('(words unknown)');
    expect(describeError('GRANT_EXPIRED')).toMatchObject({ httpStatus: 403, grpcStatus: 'PERMISSION_DENIED' });
  });

  it('knows its codes, and no name that every object has', () => {
    expect(isErrorCode('KC_LINKING')).toBe(true);
    expect(isErrorCode('constructor')).toBe(false);
  });
});

describe('findings catalogue', () => {
  it.each(Object.entries(FINDINGS))('%s has title and next step', (code, row) => {
    expect(code).toMatch(/^[A-Z][A-Z0-9_]+$/);
    expect(FINDING_SEVERITIES).toContain(row.severity);
    expect(row.title).not.toMatch(/\.$/);
    expect(row.nextStep).toMatch(/[.}]$/);
  });

  it('has each code once', () => {
    const codes = Object.values(FINDING_GROUPS).flatMap((group) => Object.keys(group));
    expect(new Set(codes).size).toBe(codes.length);
  });
});

describe('templates', () => {
  it('fill each place, with what an object really has', () => {
    expect(fillTemplate('{a} and {b} and {a}', { a: 1, b: 'x' })).toBe('1 and x and 1');
    expect(fillTemplate('{toString}', {})).toBe('(toString unknown)');
    expect(templateNames('{a} {b} {a}')).toEqual(['a', 'b']);
  });

  it('do not read places in the values', () => {
    expect(fillTemplate('{a}', { a: '{b}', b: 'x' })).toBe('{b}');
  });
});

describe('retryAfterFailure', () => {
  const at = new Date('2026-03-01T12:00:00.000Z');
  const minutes = (code: string, failures: number) => {
    const retryAt = retryAfterFailure(code, at, failures);
    return retryAt === null ? null : (retryAt.getTime() - at.getTime()) / 60_000;
  };

  it.each([
    ['KDK_DOWNLOAD_FAILED', 1, 1],
    ['KDK_DOWNLOAD_FAILED', 2, 2],
    ['KDK_DOWNLOAD_FAILED', 3, 4],
    ['KDK_DOWNLOAD_FAILED', 7, 60],
    ['KDK_DOWNLOAD_FAILED', 1000, 60],
    ['KC_LINKING', 1, 60],
    ['NOT_A_CODE', 1, 60],
    ['KDK_VARIANT_MISSING', 1, null],
  ])('%s, failure %i: %s min', (code, failures, wanted) => {
    expect(minutes(code, failures)).toBe(wanted);
  });
});

describe('variants', () => {
  it('are found in any case, and never guessed', () => {
    expect(findVariant('t6020')?.marketingName).toContain('M2 Pro');
    expect(findVariant('T6040')).toBeNull();
    expect(findVariant('VMAPPLE')).toBeNull();
    expect(findVariant('')).toBeNull();
  });

  it('name the kernel file by the variant, not by the chip', () => {
    expect(developmentKernelFileName('T6041')).toBe('kernel.development.t6041');
    expect(VARIANTS.find(({ chipIds }) => chipIds.includes('0x6040'))?.variant).toBe('T6041');
  });

  it('stand in the table once', () => {
    expect(new Set(VARIANTS.map(({ variant }) => variant)).size).toBe(VARIANTS.length);
  });
});
