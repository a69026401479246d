/** kmutil of booted macOS, but for `showloaded`, which is rendered. Setting a boot object is refused here; recoveryOS has a kmutil of its own. */
import { createCollection } from './create.ts';
import { inspect } from './inspect.ts';
import { type Program, Refusal } from './io.ts';
import { KMUTIL_FORMS } from './kmutil-forms.ts';

export const kmutil: Program = (call) => {
  const [verb = '', ...args] = call.args;
  if (verb === 'create') return createCollection({ ...call, args });
  if (verb === 'inspect') return inspect({ ...call, args });
  if (verb === 'configure-boot') throw new Refusal(KMUTIL_FORMS.configureBootInMacos.text());
  throw new Refusal(KMUTIL_FORMS.usage.text(`Unexpected argument '${verb}'`), 64);
};
