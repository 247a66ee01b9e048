/** What changed from one text to another, word by word: how the page shows a memory that was edited. */

// Beyond this many words a comparison costs too much for what it shows: then it is all new.
const MOST_WORDS = 1500;

/**
 * @typedef {{kind: 'same'|'added'|'removed', text: string}} Piece
 * @param {string} before
 * @param {string} after
 * @returns {Piece[]} in reading order; the texts of same+added pieces joined are `after`
 */
export function wordDiff(before, after) {
  if (before === after) return after ? [{ kind: 'same', text: after }] : [];
  const old = words(before);
  const now = words(after);
  if (old.length > MOST_WORDS || now.length > MOST_WORDS) return [{ kind: 'added', text: after }];

  const common = commonLengths(old, now);
  /** @type {Piece[]} */
  const pieces = [];
  let i = 0;
  let j = 0;
  while (i < old.length && j < now.length) {
    if (old[i] === now[j]) {
      push(pieces, 'same', old[i]);
      i += 1;
      j += 1;
    } else if (longer(common, i + 1, j) >= longer(common, i, j + 1)) {
      push(pieces, 'removed', old[i]);
      i += 1;
    } else {
      push(pieces, 'added', now[j]);
      j += 1;
    }
  }
  for (; i < old.length; i += 1) push(pieces, 'removed', old[i]);
  for (; j < now.length; j += 1) push(pieces, 'added', now[j]);
  return pieces;
}

/** Words and the white space between them, so that joining them gives the text back. @param {string} text */
function words(text) {
  return text.match(/\s+|[^\s]+/g) ?? [];
}

/**
 * Length of the longest common subsequence of old[i..] and now[j..], for each i and j.
 * @param {string[]} old
 * @param {string[]} now
 */
function commonLengths(old, now) {
  const rows = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      const row = /** @type {Uint16Array} */ (rows[i]);
      row[j] =
        old[i] === now[j]
          ? longer(rows, i + 1, j + 1) + 1
          : Math.max(longer(rows, i + 1, j), longer(rows, i, j + 1));
    }
  }
  return rows;
}

/** @param {Uint16Array[]} rows @param {number} i @param {number} j */
function longer(rows, i, j) {
  return rows[i]?.[j] ?? 0;
}

/** @param {Piece[]} pieces @param {Piece['kind']} kind @param {string|undefined} text */
function push(pieces, kind, text = '') {
  const last = pieces.at(-1);
  if (last?.kind === kind) last.text += text;
  else pieces.push({ kind, text });
}
