/** Fields of tunnel headers for the verbose view. */
import { geneveFlags, GeneveHeader, geneveHeaderLength, geneveOptions, geneveType, geneveVni } from '../wire/geneve.js';
import { greChecksumAt, GreFlag, greFlags, GreHeader, greKeyAt, greSequenceAt, greType } from '../wire/gre.js';
import {
  vxlanDontLearn,
  VxlanFlag,
  vxlanFlags,
  vxlanGroupPolicy,
  VxlanHeader,
  vxlanNextProtocol,
  vxlanPolicyApplied,
  vxlanReserved,
  vxlanVni,
} from '../wire/vxlan.js';
import { bit, flag, table, when, type Read } from './field-table.js';

/** A field that the header has when this flag is set. */
function whenFlag(mask: number, read: Read): Read {
  return when((view, at) => (vxlanFlags(view, at) & mask) !== 0, read);
}

export const VXLAN = table(VxlanHeader, {
  flags: [
    // Wireshark reads 16 bits of flags: two of the second octet belong to the group policy
    ['vxlan.flags', (view, at) => (vxlanFlags(view, at) << 8) | (vxlanReserved(view, at) >>> 24)],
    ['vxlan.flag_g', flag(vxlanFlags, VxlanFlag.GROUP_POLICY)],
    ['vxlan.flag_i', flag(vxlanFlags, VxlanFlag.VNI)],
    ['vxlan.p_bit', whenFlag(VxlanFlag.NEXT_PROTOCOL, () => 1)],
    ['vxlan.o_bit', whenFlag(VxlanFlag.OAM, () => 1)],
  ],
  reserved1: [
    ['vxlan.flag_d', bit(vxlanDontLearn)],
    ['vxlan.flag_a', bit(vxlanPolicyApplied)],
    ['vxlan.gbp', vxlanGroupPolicy],
    ['vxlan.next_proto', whenFlag(VxlanFlag.NEXT_PROTOCOL, vxlanNextProtocol)],
  ],
  vni: [['vxlan.vni', vxlanVni]],
  reserved2: [['vxlan.reserved8', (view, at) => vxlanReserved(view, at) & 0xff]],
});

export const GENEVE = table(
  GeneveHeader,
  {
    versionLength: [['geneve.version', () => 0]],
    flags: [
      ['geneve.flags.oam', (view, at) => geneveFlags(view, at) >> 7],
      ['geneve.flags.critical', (view, at) => (geneveFlags(view, at) >> 6) & 1],
    ],
    type: [['geneve.proto_type', geneveType]],
    vni: [['geneve.vni', geneveVni]],
    reserved: [],
  },
  (put, view, at, end) => {
    // Wireshark has one name for the octets of all options, then of each
    put('geneve.option.length', geneveHeaderLength(view, at) - GeneveHeader.span);
    for (const option of geneveOptions(view, at, end)) {
      put('geneve.option.class', option.class);
      put('geneve.option.type', option.type);
      put('geneve.option.length', option.length);
    }
  },
);

export const GRE = table(
  GreHeader,
  {
    flags: [
      ['gre.flags_and_version', greFlags],
      ['gre.flags.checksum', flag(greFlags, GreFlag.CHECKSUM)],
      ['gre.flags.routing', flag(greFlags, GreFlag.ROUTING)],
      ['gre.flags.key', flag(greFlags, GreFlag.KEY)],
      ['gre.flags.sequence_number', flag(greFlags, GreFlag.SEQUENCE)],
      ['gre.flags.version', (view, at) => greFlags(view, at) & GreFlag.VERSION],
    ],
    type: [['gre.proto', greType]],
  },
  (put, view, at, end) => {
    const checksumAt = greChecksumAt(view, at, end);
    if (checksumAt !== -1) put('gre.checksum', view.getUint16(checksumAt));
    const keyAt = greKeyAt(view, at, end);
    if (keyAt !== -1) put('gre.key', view.getUint32(keyAt));
    const sequenceAt = greSequenceAt(view, at, end);
    if (sequenceAt !== -1) put('gre.sequence_number', view.getUint32(sequenceAt));
  },
);
