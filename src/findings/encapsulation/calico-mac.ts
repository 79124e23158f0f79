// Calico gives its VXLAN device the MAC address 66 and the first five octets of SHA-1 (FIPS 180-4) over the node's name.

/** The MAC address that Calico gives the VXLAN device of a node, as an integer of 48 bits. */
export function calicoVtepMac(nodeName: string): number {
  const digest = sha1(new TextEncoder().encode(nodeName));
  return 0x66 * 0x10000000000 + digest[0]! * 0x100 + (digest[1]! >>> 24);
}

/** The five words of a message's digest, unsigned. */
function sha1(message: Uint8Array): number[] {
  const blocks = Math.ceil((message.length + 9) / 64);
  const padded = new Uint8Array(blocks * 64);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 4, message.length * 8);
  const hash = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  const words = new Int32Array(80);
  for (let at = 0; at < padded.length; at += 64) {
    for (let t = 0; t < 16; t++) words[t] = view.getInt32(at + t * 4);
    for (let t = 16; t < 80; t++) words[t] = rotate(words[t - 3]! ^ words[t - 8]! ^ words[t - 14]! ^ words[t - 16]!, 1);
    let [a, b, c, d, e] = hash as [number, number, number, number, number];
    for (let t = 0; t < 80; t++) {
      const [f, k] =
        t < 20
          ? [(b & c) | (~b & d), 0x5a827999]
          : t < 40
            ? [b ^ c ^ d, 0x6ed9eba1]
            : t < 60
              ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc]
              : [b ^ c ^ d, 0xca62c1d6];
      const next = (rotate(a, 5) + f + e + k + words[t]!) | 0;
      [e, d, c, b, a] = [d, c, rotate(b, 30), a, next];
    }
    for (const [i, word] of [a, b, c, d, e].entries()) hash[i] = (hash[i]! + word) | 0;
  }
  return hash.map((word) => word >>> 0);
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
