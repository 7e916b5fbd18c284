/** A schema that has everything that schemas have. */
export const SHOP_SDL = /* GraphQL */ `
  "When, in ISO 8601"
  scalar DateTime @specifiedBy(url: "https://scalars.example/date-time")
  scalar Anything

  enum Role {
    ADMIN
    USER
    GUEST @deprecated(reason: "nobody is one")
  }

  interface Node {
    id: ID!
  }

  "A person"
  type User implements Node {
    id: ID!
    name: String!
    role: Role!
    born: DateTime
    nick: String @deprecated(reason: "use name")
    friends(first: Int = 10): [User!]!
    boss: User
    avatar(size: Int!): String
    orders: [Order!]!
  }

  type Order implements Node {
    id: ID!
    total: Float!
    buyer: User!
    notes: [String]
  }

  union Found = User | Order

  type PageInfo {
    hasNextPage: Boolean!
    endCursor: String
  }
  type UserEdge {
    cursor: String!
    node: User
  }
  type UserConnection {
    totalCount: Int!
    edges: [UserEdge]
    pageInfo: PageInfo!
  }

  input Range {
    from: DateTime
    to: DateTime
  }
  "Which users"
  input UserFilter {
    name: String
    roles: [Role!] = [ADMIN]
    born: Range
    any: [UserFilter!]
    not: UserFilter
    old: String @deprecated(reason: "use name")
  }
  input Key @oneOf {
    id: ID
    name: String
  }
  input NewUser {
    name: String!
    role: Role! = USER
    tags: [[String!]!]
    extra: Anything
  }

  type Query {
    "Gives one user"
    user(id: ID!): User
    userBy(key: Key!): User
    users(filter: UserFilter, first: Int! = 10, after: String): UserConnection!
    search(text: String!, kinds: [Role!]): [Found!]!
    node(id: ID!): Node
    now: DateTime!
    roles: [Role!]!
    echo(_select: String): User
    broken: String
    partial: Order
    order: Order
  }

  type Mutation {
    addUser(user: NewUser!): User!
    order(buyer: ID!, total: Float = 1.5): Order!
    forget(id: ID!): Boolean! @deprecated(reason: "nobody is forgotten")
  }

  type Subscription {
    added: User!
  }
`;
