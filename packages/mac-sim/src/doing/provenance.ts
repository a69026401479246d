/** Every text that the changing programs print, with where its wording comes from. */
import { type FormProvenance, provenanceOf } from './forms.ts';
import { HDIUTIL_FORMS } from './hdiutil.ts';
import { INSTALLER_FORMS } from './installer.ts';
import { KMUTIL_FORMS } from './kmutil-forms.ts';
import { PKGUTIL_FORMS } from './pkgutil.ts';

export const DOING_PROVENANCE: readonly FormProvenance[] = [
  ...provenanceOf('hdiutil', HDIUTIL_FORMS),
  ...provenanceOf('pkgutil', PKGUTIL_FORMS),
  ...provenanceOf('installer', INSTALLER_FORMS),
  ...provenanceOf('kmutil', KMUTIL_FORMS),
];
