// Keeps a page of what runs up to date: by the events of a job, or by looking again every few seconds.
import { call } from './api.js'

const LOG_LINES = 200
const said = document.getElementById('live-said')
const say = text => { if (said) said.textContent = text }

// The server draws; what it drew anew takes the place of what is shown, unless the visitor is within it.
async function redraw (place) {
  if (place.contains(document.activeElement) || place.querySelector('input:checked')) return
  const answer = await fetch(location.href, { headers: { Accept: 'text/html' } })
  if (!answer.ok) throw new Error(`status ${answer.status}`)
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
  const drawn = place.id ? page.getElementById(place.id) : page.querySelector('[data-live]') || page.querySelector('main > div')
  if (!drawn) return
  const open = [...place.querySelectorAll('details')].map(each => each.open)
  place.replaceChildren(...drawn.childNodes)
  ;[...place.querySelectorAll('details')].forEach((each, number) => { if (open[number]) each.open = true })
  if (!drawn.dataset.live) delete place.dataset.live
}

function soon (action, milliseconds) {
  let timer = null
  return () => { timer ??= setTimeout(() => { timer = null; action() }, milliseconds) }
}

function follow (address, place) {
  const log = document.getElementById('log')
  if (log) log.textContent = 'Nothing has been logged yet.'
  const source = new EventSource(address)
  const again = soon(() => redraw(place).catch(error => say(`The page could not be drawn anew: ${error.message}`)), 700)
  source.addEventListener('open', () => say('Live.'))
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) return
    say(`Connection lost, showing ${new Date().toLocaleTimeString()}; trying again.`)
  })
  for (const type of ['state', 'row', 'progress']) {
    source.addEventListener(type, message => {
      const event = JSON.parse(message.data)
      if (place) again()
      if (type === 'state' && event.task === null && ['succeeded', 'failed', 'canceled', 'expired'].includes(event.data.state)) {
        source.close()
        say('The job has ended.')
      }
    })
  }
  source.addEventListener('log', message => { if (log) line(log, JSON.parse(message.data)) })
}

function line (log, event) {
  const follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 8
  if (!log.firstElementChild) log.textContent = ''
  const row = document.createElement('div')
  row.textContent = `${event.time.slice(11, 19)} ${event.task ?? 'job'}: ${event.data.message ?? JSON.stringify(event.data)}`
  log.append(row)
  while (log.childElementCount > LOG_LINES) log.firstElementChild.remove()
  if (follows) log.scrollTop = log.scrollHeight
}

const live = document.querySelector('[data-live]')
const log = document.getElementById('log')
if (live) follow(live.dataset.live, live)
else if (log) follow(log.dataset.events, null)

for (const place of document.querySelectorAll('[data-refresh]')) {
  setInterval(() => { if (!document.hidden) redraw(place).catch(() => {}) }, 1000 * Number(place.dataset.refresh))
}

document.addEventListener('click', async event => {
  const button = event.target.closest('button[data-call]')
  if (!button || (button.dataset.ask && !window.confirm(button.dataset.ask))) return
  button.disabled = true
  try {
    const found = await call('POST', button.dataset.call)
    if (button.dataset.go) location.href = button.dataset.go + found.id
    else location.reload()
  } catch (error) {
    say(error.message)
    button.disabled = false
  }
})
