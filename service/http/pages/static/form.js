// A form over the JSON of a job: fields and text are kept in step, the cost is asked for while typing.
import { call } from './api.js'

const form = document.getElementById('new')
const text = document.getElementById('body')
const estimate = document.getElementById('estimate')
const start = document.getElementById('start')
const callText = document.getElementById('call')
const fields = [...form.querySelectorAll('[data-path]')]
let body = JSON.parse(text.value)
const begun = text.value
let shown = 'curl'

const at = path => path.split('.').reduce((place, name) => (place && typeof place === 'object' ? place[name] : undefined), body.params)

function put (path, value) {
  const names = path.split('.')
  const last = names.pop()
  let place = body.params
  for (const name of names) {
    if (!place[name] || typeof place[name] !== 'object') place[name] = {}
    place = place[name]
  }
  if (value === undefined) delete place[last]
  else place[last] = value
}

function read (field) {
  if (field.tagName === 'FIELDSET') {
    const chosen = [...field.querySelectorAll('input:checked')].map(box => box.value)
    return chosen.length ? chosen : undefined
  }
  const value = field.value.trim()
  if (value === '') return undefined
  if (field.dataset.type === 'switch') return value === 'true'
  const asks = field.tagName === 'INPUT' || field.dataset.type === 'number'
  if (asks && !Number.isNaN(Number(value))) return Number(value)
  return value
}

function fill () {
  for (const field of fields) {
    const value = at(field.dataset.path)
    if (field.tagName === 'FIELDSET') for (const box of field.querySelectorAll('input')) box.checked = Array.isArray(value) && value.includes(box.value)
    else if (value === undefined || value === null || typeof value === 'object') field.value = ''
    else {
      const written = String(value)
      if (field.tagName === 'SELECT' && ![...field.options].some(option => option.value === written)) field.value = ''
      else field.value = written
    }
  }
}

function tell () {
  const sent = JSON.stringify(body, null, 1)
  const origin = new URL(form.dataset.api.replace(/\/v1$/, '') || '/', location.origin).href.replace(/\/$/, '')
  const quoted = sent.replaceAll("'", "'\\''")
  callText.textContent = {
    curl: `curl -X POST ${origin}/v1/jobs -H 'Content-Type: application/json' \\\n -H "Authorization: Bearer $LADD_API_KEY" -d '${quoted}'`,
    Python: `import json\nfrom ladd_client.api import LaddClient\n\nclient = LaddClient("${origin}")\njob = client.submit(json.loads(r'''${sent}'''))\nprint(client.wait(job))`,
    'Command line': `export LADD_URL=${origin} LADD_API_KEY=...\necho '${quoted}' | ladd submit -`
  }[shown]
}

let timer = null
function changed () {
  tell()
  clearTimeout(timer)
  timer = setTimeout(ask, 400)
}

const minutes = seconds => seconds < 90 ? `${Math.round(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`

let asked = 0
async function ask () {
  const number = ++asked
  estimate.className = 'note'
  if (!body.params.dataset && !body.params.datasets && !body.params.source_dataset) { estimate.textContent = 'Choose a set to see.'; return }
  try {
    const plan = await call('POST', `${form.dataset.api}/jobs`, { ...body, validate_only: true })
    if (number !== asked) return
    const parts = Object.entries(plan.cost || {}).filter(([, cost]) => cost && cost.flops)
    const words = parts.map(([name, cost]) => {
      const range = cost.seconds_range ? `${minutes(cost.seconds_range[0])} to ${minutes(cost.seconds_range[1])}` : 'time unknown'
      return `${name.replaceAll('_', ' ')}: ${(cost.flops / 1e12).toPrecision(3)} TFLOP, ${range}`
    })
    estimate.textContent = [`${plan.tasks.length} tasks.`, ...words, ...(plan.notes || [])].join('\n')
    if (start) start.disabled = false
  } catch (error) {
    if (number !== asked) return
    estimate.className = 'note wrong'
    estimate.textContent = error.message
    if (start) start.disabled = true
  }
}

form.addEventListener('input', event => {
  if (event.target === text) {
    try { body = JSON.parse(text.value); body.params ??= {} } catch (error) {
      estimate.className = 'note wrong'
      estimate.textContent = `The JSON cannot be read: ${error.message}`
      if (start) start.disabled = true
      return
    }
    fill()
    changed()
  } else {
    const field = event.target.closest('[data-path]')
    if (!field) return
    if (field.dataset.path === 'dataset' && field.value && text.value === begun) {
      // Presets are written out for a set; what was typed stays where there is anything.
      location.search = `?dataset=${field.value}`
      return
    }
    put(field.dataset.path, read(field))
    text.value = JSON.stringify(body, null, 1)
    changed()
  }
})

form.addEventListener('click', event => {
  const name = event.target.dataset?.callIn
  if (!name) return
  shown = name
  for (const each of form.querySelectorAll('[data-call-in]')) each.setAttribute('aria-selected', String(each.dataset.callIn === name))
  tell()
})

const key = crypto.randomUUID ? crypto.randomUUID() : String(Math.random())
form.addEventListener('submit', async event => {
  event.preventDefault()
  start.disabled = true
  try {
    const job = await call('POST', `${form.dataset.api}/jobs`, body, { 'Idempotency-Key': key })
    location.href = form.dataset.jobs + job.id
  } catch (error) {
    estimate.className = 'note wrong'
    estimate.textContent = error.message
    start.disabled = false
  }
})

for (const [name, value] of Object.entries(body.params)) if (value === null) delete body.params[name]
fill()
changed()
