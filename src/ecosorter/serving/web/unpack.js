// Items as the service sends them.

/** Make items of the columns in which the service sends them (guidance/packed.py); what is nothing is 0 there. */
export function unpack({ items, conditions, sources }) {
  return items.id.map((_, place) => {
    const item = Object.fromEntries(Object.entries(items).map(([field, values]) => [field, values[place] || null]));
    for (const field of ["names", "others", "first"]) item[field] = item[field]?.split("|") ?? [];
    item.title = item.names[0].charAt(0).toUpperCase() + item.names[0].slice(1);
    item.conditions = (item.conditions ?? []).map((at) => conditions[at]);
    item.sources = (item.sources ?? []).map((at) => sources[at]);
    return item;
  });
}
