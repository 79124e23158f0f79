/** Words of a line; double quotes hold spaces together, and a backslash in them takes the next character as it is. */
export function quotedWords(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let isOpen = false;
  let has = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (isOpen && character === '\\') word += text[++i] ?? '';
    else if (character === '"') {
      isOpen = !isOpen;
      has = true;
    } else if (!isOpen && (character === ' ' || character === '\t')) {
      if (has) words.push(word);
      word = '';
      has = false;
    } else {
      word += character;
      has = true;
    }
  }
  if (has) words.push(word);
  return words;
}
