/** WireGuard (whitepaper section 5.4): recognised, never read; what it carries is encrypted. */

/**
 * Whether a message type and the length of the payload are WireGuard's; on other ports than its own the lengths must be exact.
 */
export function isWireguard(type: number, length: number, onPort: boolean): boolean {
  switch (type) {
    case 1:
      return onPort || length === 148;
    case 2:
      return onPort || length === 92;
    case 3:
      return onPort || length === 64;
    case 4:
      return onPort || (length >= 32 && (length & 15) === 0);
    default:
      return false;
  }
}
