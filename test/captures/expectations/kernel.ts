/** uname, sw_vers, sysctl. */
import { parseSwVers } from '../../../apps/agent/src/macos/sw-vers.ts';
import { parseSysctl } from '../../../apps/agent/src/macos/sysctl.ts';
import { parseUname } from '../../../apps/agent/src/macos/uname.ts';
import type { Expectation, Expectations } from '../capture.ts';
import { unknownBecause, value } from '../expect.ts';

type Config = 'release' | 'development' | 'kasan';

function kernel(config: Config, variant: string, darwin: string, xnu: string): Expectation {
  return {
    read: ({ output }) => {
      const uname = parseUname(output);
      if (!uname.ok) return uname;
      const { versionText, ...others } = uname.value;
      const whole = versionText.startsWith('Darwin Kernel Version ') && versionText.toUpperCase().endsWith(variant);
      return { ...others, whole };
    },
    says: { config, variant, appleSilicon: variant !== 'X86_64', darwin, xnu, whole: true },
  };
}

const UNAME: Expectations = {
  'uname/a-t6000-27.0.txt': kernel('release', 'T6000', '27.0.0', '13432.1.9~1'),
  'uname/a-t6031-rosetta-15.0.txt': kernel('release', 'T6031', '24.0.0', '11215.1.9~22'),
  'uname/a-t6050-26.5.txt': kernel('release', 'T6050', '25.5.0', '12377.121.6~2'),
  'uname/a-t8103-14.6-ec2.txt': kernel('release', 'T8103', '23.6.0', '10063.141.1.700.5~1'),
  'uname/a-t8142-27.0-beta.txt': kernel('release', 'T8142', '27.0.0', '13432.0.94.501.4~1'),
  'uname/a-vmapple-14.5.txt': kernel('release', 'VMAPPLE', '23.5.0', '10063.121.3~5'),
  'uname/pipeline-t6020-14.0b4.txt': {
    read: ({ output }) => parseUname(output),
    says: unknownBecause('no kernel version'),
  },
  'uname/v-dev-t6020-14.0b4.txt': kernel('development', 'T6020', '23.0.0', '10002.0.199.505.1~3'),
  'uname/v-dev-t6031-15.1.txt': kernel('development', 'T6031', '24.1.0', '11215.41.3~2'),
  'uname/v-dev-t8132-26.6.txt': kernel('development', 'T8132', '25.6.0', '12377.161.13~4'),
  'uname/v-dev-x86_64-15.1.txt': kernel('development', 'X86_64', '24.1.0', '11215.41.3~2'),
  'uname/v-kasan-t6020-14.4.txt': kernel('kasan', 'T6020', '23.4.0', '10063.101.15~2'),
  'uname/v-rel-t6020-13.5.txt': kernel('release', 'T6020', '22.6.0', '8796.141.3~6'),
  'uname/v-rel-t8103-13.0b1.txt': kernel('release', 'T8103', '22.0.0', '8792.0.50.111.3~5'),
  'uname/v-rel-t8112-13.4.1.txt': kernel('release', 'T8112', '22.5.0', '8796.121.3~7'),
  'uname/v-rel-t8122-15.1.txt': kernel('release', 'T8122', '24.1.0', '11215.41.3~2'),
  'uname/v-t6031-14.8.7.txt': kernel('release', 'T6031', '23.6.0', '10063.141.1.712.16~1'),
  'uname/v-t6031-15.2.txt': kernel('release', 'T6031', '24.2.0', '11215.61.5~2'),
  'uname/v-t6031-26.3.1-fork.txt': kernel('release', 'T6031', '25.3.0', '12377.91.3~2'),
  'uname/v-t6031-26.3.txt': kernel('release', 'T6031', '25.3.0', '12377.81.4~5'),
  'uname/v-t6041-26.2.txt': kernel('release', 'T6041', '25.2.0', '12377.61.12~1'),
  'uname/v-t6041-26.4.txt': kernel('release', 'T6041', '25.4.0', '12377.101.15~1'),
  'uname/v-t6041-26.6.txt': kernel('release', 'T6041', '25.6.0', '12377.161.14~5'),
  'uname/v-t6050-27.0-beta1.txt': kernel('release', 'T6050', '27.0.0', '13361.0.0.501.1~2'),
  'uname/v-t8101-11.3.txt': kernel('release', 'T8101', '20.4.0', '7195.101.2~1'),
  'uname/v-vmapple-27.0.txt': kernel('release', 'VMAPPLE', '27.0.0', '13432.1.9~1'),
  'uname/v-x86_64-11.1.txt': kernel('release', 'X86_64', '20.2.0', '7195.60.75~1'),
};

const system = (version: string, build: string, extra = ''): Expectation => ({
  read: ({ output }) => parseSwVers(output),
  says: value({ version, build, extra }),
});

const SW_VERS: Expectations = {
  'sw_vers/10.15-old-name.txt': system('10.15.7', '19H2'),
  'sw_vers/12.1.txt': system('12.1', '21C52'),
  'sw_vers/13.4.1-c.txt': system('13.4.1', '22F770820d', '(c)'),
  'sw_vers/14.0b4.txt': system('14.0', '23A5301h'),
  'sw_vers/14.8.7.txt': system('14.8.7', '23J520'),
  'sw_vers/15.1.txt': system('15.1', '24B82'),
  'sw_vers/26.2.txt': system('26.2', '25C56'),
  'sw_vers/26.3.1-fork.txt': system('26.3.1', '25D2128'),
  'sw_vers/27.0-beta.txt': system('27.0', '26A5388g'),
  'sw_vers/flag-productversionextra-empty.txt': {
    read: ({ output }) => parseSwVers(output),
    says: unknownBecause('nothing printed'),
  },
};

function sysctl(says: Readonly<Record<string, string>>, ...alsoAsked: string[]): Expectation {
  return {
    read: ({ output }) => {
      const values = parseSysctl(output, [...Object.keys(says), ...alsoAsked]);
      return values.ok ? Object.fromEntries(values.value) : values;
    },
    says,
  };
}

const unknownOid = (name: string): Expectation => ({
  read: ({ output }) => parseSysctl(output, [name]),
  says: unknownBecause(`unknown oid '${name}'`),
});

const SYSCTL: Expectations = {
  'sysctl/bootargs-empty.txt': sysctl({ 'kern.bootargs': '' }, 'kern.uuid'),
  'sysctl/bootargs-quota.txt': sysctl({
    'kern.bootargs': 'kcsuffix=development hypervisor=0x1 hv_apple_isa_vm_quota=0xFF',
  }),
  'sysctl/guest-vm.txt': sysctl({ 'kern.hv_support': '0', 'kern.hv_vmm_present': '1', 'hw.model': 'VirtualMac2,1' }),
  'sysctl/host-not-vm.txt': sysctl({ 'kern.hv_support': '1', 'kern.hv_vmm_present': '0' }, 'hw.model'),
  'sysctl/mac17-7-26.6.2.txt': sysctl({
    'hw.model': 'Mac17,7',
    'kern.osversion': '25G83',
    'kern.osproductversion': '26.6.2',
    'kern.hv_support': '1',
    'hw.cpufamily': '-143893734',
    'kern.version':
      'Darwin Kernel Version 25.6.0: Fri Jul 31 19:19:08 PDT 2026; root:xnu-12377.161.14~5/RELEASE_ARM64_T6050',
  }),
  'sysctl/n-osbuildconfig-equals-m4.txt': sysctl({ 'kern.development': '0', 'kern.osbuildconfig': 'release' }),
  'sysctl/osbuildconfig-development.txt': sysctl({ 'kern.osbuildconfig': 'development' }),
  'sysctl/osbuildconfig-release.txt': sysctl({ 'kern.osbuildconfig': 'release' }),
  'sysctl/unknown-oid-cpufamily.stderr.txt': unknownOid('sysctl.proc_translated'),
  'sysctl/unknown-oid.stderr.txt': unknownOid('kern.hv_apple_isa_vm_quota'),
};

export const KERNEL: Expectations = { ...UNAME, ...SW_VERS, ...SYSCTL };
