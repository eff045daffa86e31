// Small tools for what the page shows. Text gets into the document as text only, never as markup.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** A new element with these properties and children; a child may be a string. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Sets the text of an element, and leaves it alone if it is the same: a live region speaks only of what is new. */
export function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Milliseconds as the transcripts print them, with their thousands apart. */
export const milliseconds = (ms) => `${grouped(Math.round(ms))}\u00a0ms`;

/** A length of time, in its two largest units. */
export function span(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const units = [[86_400_000, 'd'], [3_600_000, 'h'], [60_000, 'min']];
  const parts = [];
  let left = ms;
  for (const [unit, name] of units) {
    if (left >= unit) parts.push(`${Math.floor(left / unit)} ${name}`);
    left %= unit;
  }
  if (left > 0) parts.push(`${Number((left / 1000).toFixed(3))} s`);
  return parts.slice(0, 2).join(' ');
}

/** A whole number with its thousands apart. */
export const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, '\u202f');

/** A number of things. */
export const count = (number, one, many = `${one}s`) => `${grouped(number)} ${number === 1 ? one : many}`;

/**
 * Makes the rows of a list those of `items`, each known by its `id`. A row is made once, and then updated; if the one
 * with the focus goes, the list gets it.
 */
export function showRows(list, items, make, update) {
  const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
  const wanted = new Set(items.map((item) => String(item.id)));
  for (const [id, row] of rows) {
    if (wanted.has(id)) continue;
    const hadFocus = row.contains(document.activeElement);
    row.remove();
    if (hadFocus) list.focus();
  }
  for (const item of items) {
    let row = rows.get(String(item.id));
    if (!row) {
      row = make(item);
      row.dataset.id = item.id;
      list.append(row);
    }
    update(row, item);
  }
}

/**
 * Does what a form or a button asks for. A refusal is shown beside the field that it is about, if `area` has that, or
 * else where the area has its place for errors; what an earlier one said is taken away.
 */
export async function attempt(area, action) {
  forgive(area);
  try {
    return await action();
  } catch (error) {
    if (error.reason === undefined) throw error;
    accuse(area, error);
    return undefined;
  }
}

function forgive(area) {
  say(byId(area.dataset.error), '');
  for (const field of area.querySelectorAll('[aria-invalid]')) {
    field.removeAttribute('aria-invalid');
    field.removeAttribute('aria-describedby');
  }
}

function accuse(area, { field, reason }) {
  const error = byId(area.dataset.error);
  const named = [field, field.split('.')[0]].map((name) => area.querySelector(`[name='${CSS.escape(name)}']`));
  const input = named.find((input) => input?.checkVisibility());
  if (input) {
    input.setAttribute('aria-invalid', 'true');
    input.setAttribute('aria-describedby', error.id);
    // In a row of controls it would tear them apart.
    if (input.closest('.fields')) input.closest('label').after(error);
    input.focus();
  }
  say(error, `${field}: ${reason}`);
}
