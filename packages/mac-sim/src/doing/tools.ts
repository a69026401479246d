/** Programs of booted macOS that change something: name for `main.ts` -> path below `/`. */
export const DOING_TOOLS = {
  hdiutil: 'usr/bin/hdiutil',
  installer: 'usr/sbin/installer',
  kmutil: 'usr/bin/kmutil',
  pkgutil: 'usr/sbin/pkgutil',
} as const;
export type DoingTool = keyof typeof DOING_TOOLS;
