/**
 * Where a Mac stands, as far as it matters to a visit. `remote_hands` = a servo on the power button and an IP-KVM;
 * `no_hands` = nobody gets there, so no visit in recoveryOS can be made.
 */
export const PLACE_TYPES = ['desk', 'rack', 'remote_hands', 'no_hands'] as const;
export type PlaceType = (typeof PLACE_TYPES)[number];

/** Layouts of Apple's own keyboards, and where the characters are that the line of a visit needs. */
export const KEYBOARD_LAYOUTS = {
  us: { name: 'US', slash: '/ left of the right Shift', star: '* Shift-8' },
  uk: { name: 'UK', slash: '/ left of the right Shift', star: '* Shift-8' },
  german: { name: 'German', slash: '/ Shift-7', star: '* Shift and +' },
  swiss_german: { name: 'Swiss German', slash: '/ Shift-7', star: '* Shift-3' },
  french: { name: 'French', slash: '/ Shift and :', star: '* Shift and $' },
  spanish: { name: 'Spanish', slash: '/ Shift-7', star: '* Shift and +' },
  italian: { name: 'Italian', slash: '/ Shift-7', star: '* Shift and +' },
  swedish: { name: 'Swedish', slash: '/ Shift-7', star: "* Shift and '" },
  japanese: { name: 'Japanese', slash: '/ right of the full stop', star: '* Shift and :' },
} as const satisfies Record<string, { readonly name: string; readonly slash: string; readonly star: string }>;
export type KeyboardLayout = keyof typeof KEYBOARD_LAYOUTS;

/** Where the characters are on every layout, for a sheet that does not know which one is there. */
export function allKeyboards(): string {
  const groups = new Map<string, string[]>();
  for (const { name, slash, star } of Object.values(KEYBOARD_LAYOUTS)) {
    const keys = `${slash}, ${star}`;
    groups.set(keys, [...(groups.get(keys) ?? []), name]);
  }
  return [...groups].map(([keys, names]) => `${names.join(', ')}: ${keys}.`).join(' ');
}

/** Places in a password link that are filled with what is known of the Mac. */
export const PASSWORD_LINK_PLACES = ['serial', 'assetTag', 'name', 'hardwareUuid', 'account'] as const;
export type PasswordLinkValues = Readonly<Record<(typeof PASSWORD_LINK_PLACES)[number], string | null>>;

/** Why this is no template of an address; null = it is one. A link shows where a password is kept, and never holds one. */
export function passwordLinkProblem(template: string): string | null {
  const unknown = placesOf(template).filter((place) => !(PASSWORD_LINK_PLACES as readonly string[]).includes(place));
  if (unknown.length > 0)
    return `{${unknown[0]}} is not known; there are ${PASSWORD_LINK_PLACES.map((place) => `{${place}}`).join(', ')}`;
  if (!/^https:\/\/[^/?#@\s{}]+(?:[/?#][^\s<>"]*)?$/.test(template))
    return 'expected https://NAME/… without a user or password in it';
  return /[?&#](?:pw|pass|passwd|password|secret|token)=(?!\{)/i.test(template)
    ? 'looks as if it held a password or token: link to where it is kept'
    : null;
}

/** The link for one Mac; null when a value that it needs is not known. */
export function fillPasswordLink(template: string, values: PasswordLinkValues): string | null {
  const filled = placesOf(template).map((place) => [place, values[place as keyof PasswordLinkValues] ?? null] as const);
  if (filled.some(([, value]) => value === null)) return null;
  return filled.reduce(
    (text, [place, value]) => text.replaceAll(`{${place}}`, encodeURIComponent(value ?? '')),
    template,
  );
}

function placesOf(template: string): readonly string[] {
  return [...template.matchAll(/\{([^{}]*)\}/g)].map(([, place = '']) => place);
}
