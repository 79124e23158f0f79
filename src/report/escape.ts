/**
 * What a terminal would act on, and what nobody can see: control characters (escape sequences begin with one), characters
 * that turn the direction of text, joiners and fillers of no width, line separators, spaces that are not U+0020, lone
 * surrogates, private use.
 */
const UNPRINTABLE =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2800]|(?! )\p{Zs}/gu;

/** Text from packets, files and names, made safe to print: what is not printable becomes `\xNN` or `\u{NNNN}`. */
export function escapeText(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}
