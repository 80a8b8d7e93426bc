/** What the schema of a scenario says of one key. */

/** {type, enum, minimum, maximum, above}: `above` is a minimum that is itself excluded. `path` may hold indexes of lists. */
export function leafOf(schema, path) {
  let at = schema;
  for (const part of path) at = resolved(schema, within(resolved(schema, at), part));
  const found = resolved(schema, at);
  return {
    type: found.type ?? "string",
    enum: found.enum ?? null,
    minimum: found.minimum ?? found.exclusiveMinimum,
    maximum: found.maximum,
    above: found.exclusiveMinimum !== undefined,
  };
}

function within(table, part) {
  if (table.type === "array") return table.items;
  return table.properties?.[part] ?? table.additionalProperties;
}

/** Without $ref, and without the null that stands for: not given. */
function resolved(schema, at) {
  if (at.$ref) return resolved(schema, schema.$defs[at.$ref.split("/").at(-1)]);
  if (at.anyOf) return resolved(schema, at.anyOf.find((each) => each.type !== "null"));
  return at;
}
