/** Tools as OpenAI's models read them: a TypeScript namespace. https://cookbook.openai.com/articles/openai-harmony#function-calling */
import { isObject, type JsonObject, objectOr, objectsOf, textOr } from '../json.ts';

export function typeScriptOf(tools: readonly JsonObject[]): string {
  const types = tools.map((tool) => {
    const parameters = objectOr(tool.parameters);
    const argument =
      Object.keys(objectOr(parameters.properties)).length > 0 ? `_: ${typeOf(parameters)}` : '';
    return `${comment(tool.description)}type ${textOr(tool.name)} = (${argument}) => any;\n`;
  });
  return `# Tools\n\n## functions\n\nnamespace functions {\n\n${types.join('\n')}\n} // namespace functions`;
}

const comment = (description: unknown) =>
  textOr(description) === '' ? '' : `// ${textOr(description).replaceAll('\n', '\n// ')}\n`;

function typeOf(schema: JsonObject): string {
  if (Array.isArray(schema.enum)) return schema.enum.map((item) => JSON.stringify(item)).join(' | ');
  const variants = objectsOf(schema.oneOf ?? schema.anyOf);
  if (variants.length > 0) return variants.map((one) => `\n| ${typeOf(one)}`).join('');
  if (Array.isArray(schema.type)) return schema.type.join(' | ');
  if (schema.type === 'array') return `${typeOf(objectOr(schema.items))}[]`;
  if (!isObject(schema.properties)) return textOr(schema.type, 'any');
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  const lines = Object.entries(schema.properties).map(([name, value]) => {
    const property = objectOr(value);
    const preset = property.default === undefined ? '' : ` // default: ${JSON.stringify(property.default)}`;
    return `${comment(property.description)}${name}${required.has(name) ? '' : '?'}: ${typeOf(property)},${preset}\n`;
  });
  return `{\n${lines.join('')}}`;
}
