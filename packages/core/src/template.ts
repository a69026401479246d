/** Texts with `{name}` places, filled from arguments: catalogues hold the text, the caller holds the values. */
export type TemplateArgs = Readonly<Record<string, string | number>>;

/** Fills `{name}` places. A value that was not given shows as `(name unknown)`, so a gap is seen and never guessed. */
export function fillTemplate(template: string, args: TemplateArgs): string {
  return template.replace(/\{([a-zA-Z0-9]+)\}/g, (_place, name: string) => {
    const value = Object.hasOwn(args, name) ? args[name] : undefined;
    return value === undefined ? `(${name} unknown)` : String(value);
  });
}

/** Names of the places in a template, in order, each once. */
export function templateNames(template: string): readonly string[] {
  return [...new Set([...template.matchAll(/\{([a-zA-Z0-9]+)\}/g)].map(([, name = '']) => name))];
}
