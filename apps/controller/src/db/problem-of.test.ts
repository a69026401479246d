import { describe, expect, it } from 'vitest';
import { Problem } from '../common/problem.ts';
import { isOfData, problemOf } from './problem-of.ts';

/** As they were seen when an embedded Postgres was killed and stopped under both clients. */
const told = (message: string, more: object = {}) => Object.assign(new Error(message), more);
const wrapped = (originalCode: string) => ({
  code: 'P2010',
  meta: { driverAdapterError: { cause: { originalCode } } },
});

describe('what a failed statement means to the caller', () => {
  it.each([
    told('the database system is starting up', { code: '57P03' }),
    told('connect ECONNREFUSED /run/.s.PGSQL.5432', { code: 'ECONNREFUSED', syscall: 'connect' }),
    told('connect ENOENT /run/.s.PGSQL.5432', { code: 'ENOENT', syscall: 'connect' }),
    told('Connection terminated unexpectedly'),
    told('Client has encountered a connection error and is not queryable'),
    told('\nInvalid `prisma.site.findFirst()` invocation:\n\n\nServer has closed the connection.', { code: 'P1017' }),
    told('Raw query failed. Code: `57P01`.', wrapped('57P01')),
    told('Raw query failed. Code: `40P01`.', wrapped('40P01')),
    told('Transaction API error: expired', { code: 'P2028' }),
    told('\nInvalid `prisma.site.findFirst()` invocation:\n\n\nNOT_READY: Postgres at db:5432 does not answer.'),
    told('could not extend file', { code: '53100' }),
    told('canceling statement due to lock timeout', { code: '55P03' }),
  ])('come again: %s', (error) => {
    expect(problemOf(error)?.code).toBe('NOT_READY');
  });

  it.each([
    told('duplicate key value violates unique constraint', { code: '23505' }),
    told('Raw query failed. Code: `22003`.', wrapped('22003')),
    told('no such file', { code: 'ENOENT', syscall: 'open' }),
    new TypeError('x is not a function'),
    'a text',
  ])('an error of ours: %s', (error) => {
    expect(problemOf(error)).toBeNull();
  });

  it('a refusal stays what it is', () => {
    const problem = new Problem('NOT_FOUND', 'there is none');
    expect(problemOf(problem)).toBe(problem);
  });
});

describe('whose fault an error is', () => {
  it.each([
    told('value out of range', { code: '22003' }),
    told('index row size exceeds', { code: '54000' }),
    told('Raw query failed. Code: `23514`.', wrapped('23514')),
    told('No record was found', { code: 'P2025' }),
    told('The value of "x" is out of range', { code: 'ERR_OUT_OF_RANGE' }),
    new TypeError('x is not a function'),
    new Problem('NOT_FOUND', 'there is none'),
  ])('of the data, wherever they are tried: %s', (error) => {
    expect(isOfData(error)).toBe(true);
  });

  it.each([
    told('the database system is starting up', { code: '57P03' }),
    told('could not extend file', { code: '53100' }),
    told('deadlock detected', wrapped('40P01')),
    told('cannot execute UPDATE in a read-only transaction', { code: '25006' }),
    told('Raw query failed. Code: `42703`.', wrapped('42703')),
    told('could not read block', { code: '58030' }),
    told('Cannot call write after a stream was destroyed', { code: 'ERR_STREAM_DESTROYED' }),
    told('\nInvalid `prisma.site.findFirst()` invocation:\n\n\nNOT_READY: Postgres at db:5432 does not answer.'),
    told('Raw query failed.', { code: 'P2010' }),
    new Problem('NOT_READY', 'the database does not answer'),
    'a text',
  ])('of the database as a whole, or not known: %s', (error) => {
    expect(isOfData(error)).toBe(false);
  });
});
