// Calls of the API from a page: the token of the page goes along, and a problem becomes an error in words.
const token = document.querySelector('meta[name="ladd-token"]').content

export const headers = () => (token ? { 'X-LADD-Token': token } : {})

export class Refused extends Error {
  constructor (problem, status) {
    const reasons = (problem.reasons || []).map(reason => reason.message)
    super([problem.detail || `The service answers with status ${status}.`, ...reasons].join('\n'))
    this.code = problem.code
    this.reasons = reasons
  }
}

export async function call (method, address, body, more = {}) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) }
  const answer = await fetch(address, {
    method,
    headers: { ...headers(), ...more, Accept: 'application/json', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    ...sent
  })
  const text = await answer.text()
  const read = text ? parsed(text) : {}
  if (!answer.ok) throw new Refused(read, answer.status)
  return read
}

function parsed (text) {
  try { return JSON.parse(text) } catch { return { detail: text.slice(0, 200) } }
}
