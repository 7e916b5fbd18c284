import {
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isNonNullType,
  isScalarType,
  isSpecifiedScalarType,
  isUnionType,
} from 'graphql';

/** One type of a schema, as far as selections are checked against it. */
export interface TypeText {
  readonly name: string;
  /** SDL without texts and defaults; of a union without its types. */
  readonly sdl: string;
  /** Of an interface or a union: the object types that it stands for. */
  readonly possible?: readonly string[];
}

/** The types of a schema as texts, which cost nothing until one of them is needed. */
export function typeTexts(schema: GraphQLSchema): readonly TypeText[] {
  return Object.values(schema.getTypeMap())
    .filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type))
    .map((type) => {
      const possible = isAbstractType(type) ? schema.getPossibleTypes(type).map(({ name }) => name) : undefined;
      return { name: type.name, sdl: sdlOf(type), ...(possible && { possible }) };
    });
}

function sdlOf(type: GraphQLNamedType): string {
  const { name } = type;
  if (isScalarType(type)) return `scalar ${name}`;
  if (isEnumType(type)) return `enum ${name}${block(type.getValues().map((value) => value.name))}`;
  if (isUnionType(type)) return `union ${name}`;
  if (isInputObjectType(type)) {
    const oneOf = type.isOneOf ? '@oneOf' : '';
    return `input ${name}${oneOf}${block(Object.values(type.getFields()).map(argumentText))}`;
  }
  const fields = Object.values(type.getFields()).map(
    (field) => `${fieldText(field.name, field.args)}:${String(field.type)}`,
  );
  const kind = isInterfaceType(type) ? 'interface' : 'type';
  return `${kind} ${name}${interfacesOf(type)}${block(fields)}`;
}

/** A field with its arguments and without its type. */
export function fieldText(name: string, args: readonly GraphQLArgument[]): string {
  return args.length > 0 ? `${name}(${args.map(argumentText).join(' ')})` : name;
}

/** What has a default may be left out, and that is all that is known of the default here. */
function argumentText({ name, type, defaultValue }: GraphQLArgument | GraphQLInputField): string {
  return `${name}:${String(isNonNullType(type) && defaultValue !== undefined ? type.ofType : type)}`;
}

const block = (parts: readonly string[]): string => (parts.length > 0 ? `{${parts.join(' ')}}` : '');

function interfacesOf(type: GraphQLObjectType | GraphQLInterfaceType): string {
  const names = type.getInterfaces().map(({ name }) => name);
  return names.length > 0 ? ` implements ${names.join('&')}` : '';
}
