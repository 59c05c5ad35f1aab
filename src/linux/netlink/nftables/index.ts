/** nf_tables: tables, chains, rules, sets and maps, changed in batches. */

export { commitBatch, tryBatch, tryBatchBeside, wholeBatch } from './batch.ts'
export * from './expression.ts'
export { addRule, deleteRule, flushChain, listRules, parseRules, type Rule } from './rule.ts'
export {
  addElements,
  addSet,
  deleteElements,
  listElements,
  listSets,
  parseElements,
  parseSetNames,
  type ElementValue,
  type SetDefinition,
  type SetElement,
  type SetType,
} from './set.ts'
export {
  addChain,
  addTable,
  deleteChain,
  deleteTable,
  listChains,
  listTables,
  parseChains,
  parseTables,
  type BaseChain,
  type Chain,
  type Table,
} from './table.ts'
