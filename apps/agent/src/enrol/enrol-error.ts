/** Why enrolment did not go through, with the next step. Codes of the controller's answer are passed on as they are. */
export class EnrolError extends Error {
  override readonly name = 'EnrolError';
  readonly code: string;
  readonly nextStep: string;

  constructor(code: string, detail: string, nextStep: string) {
    super(`${code}: ${detail}\n  Next: ${nextStep}`);
    this.code = code;
    this.nextStep = nextStep;
  }
}
