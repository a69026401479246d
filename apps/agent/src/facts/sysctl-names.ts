/** The kernel values that facts need, read in one call. */
export const SYSCTL_NAMES = [
  'kern.osbuildconfig',
  'kern.bootargs',
  'kern.osversion',
  'kern.uuid',
  'kern.filesetuuid',
  'kern.bootsessionuuid',
  'kern.boottime',
  'kern.hv_vmm_present',
  'hw.model',
] as const;
