// Sends files with their progress: small ones in one form through the front, large ones in parts straight to the storage.
import { call, headers, Refused } from './api.js'

const IN_PARTS_FROM = 64 * 1024 * 1024
const LINKS = 16
const TRIES = 5
const form = document.getElementById('upload')
if (form) {
  const input = document.getElementById('files')
  const drop = document.getElementById('drop')
  const chosen = document.getElementById('chosen')
  const bar = document.getElementById('sent')
  const said = document.getElementById('upload-said')

  const tell = () => {
    const files = [...input.files]
    chosen.textContent = files.map(file => `${file.name} (${(file.size / 1e6).toFixed(1)} MB)`).join(', ')
    if (files.length && !form.elements.name.value) form.elements.name.value = files[0].name.replace(/\.[a-z.]+$/i, '')
  }
  input.addEventListener('change', tell)
  for (const type of ['dragenter', 'dragover']) drop.addEventListener(type, event => { event.preventDefault(); drop.classList.add('over') })
  for (const type of ['dragleave', 'drop']) drop.addEventListener(type, event => { event.preventDefault(); drop.classList.remove('over') })
  drop.addEventListener('drop', event => { input.files = event.dataTransfer.files; tell() })

  form.addEventListener('submit', async event => {
    event.preventDefault()
    const button = form.querySelector('button')
    button.disabled = true
    bar.hidden = false
    said.textContent = 'Sending.'
    try {
      const found = await send([...input.files], metadata(), part => { bar.value = part })
      location.href = `${form.dataset.sets}/${found.id}`
    } catch (error) {
      said.textContent = error.message
      button.disabled = false
    }
  })

  const metadata = () => {
    const about = { name: form.elements.name.value, role: form.elements.role.value, normalization: form.elements.normalization.value }
    if (form.elements.source_dataset.value) about.source_dataset = form.elements.source_dataset.value
    return about
  }

  const send = async (files, about, progress) => {
    const total = files.reduce((sum, file) => sum + file.size, 0)
    if (total >= IN_PARTS_FROM) {
      try {
        return await inParts(files, about, total, progress)
      } catch (error) {
        if (error instanceof Refused) throw error
        said.textContent = 'The storage does not take files from this page; sending them through the service.'
      }
    }
    return whole(files, about, progress)
  }

  const whole = (files, about, progress) => new Promise((resolve, reject) => {
    const data = new FormData()
    data.append('metadata', new Blob([JSON.stringify(about)], { type: 'application/json' }))
    for (const file of files) data.append('files', file, file.name)
    const request = new XMLHttpRequest()
    request.open('POST', `${form.dataset.api}/datasets`)
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value)
    request.upload.addEventListener('progress', event => { if (event.lengthComputable) progress(event.loaded / event.total) })
    request.addEventListener('error', () => reject(new Error('The connection was lost; nothing was stored. Send again.')))
    request.addEventListener('load', () => {
      let read = {}
      try { read = JSON.parse(request.responseText) } catch { read = { detail: `The service answers with status ${request.status}.` } }
      if (request.status < 300) resolve(read)
      else reject(new Refused(read, request.status))
    })
    request.send(data)
  })

  // Links are asked for a few at a time: each lives for minutes, a large file takes longer.
  const inParts = async (files, about, total, progress) => {
    const ids = []
    let before = 0
    for (const file of files) {
      const upload = await call('POST', `${form.dataset.api}/uploads`, { name: file.name, bytes: file.size })
      const here = `${form.dataset.api}/uploads/${upload.id}`
      for (let after = 0; after !== null;) {
        const page = await call('GET', `${here}?after=${after}&limit=${LINKS}`)
        for (const part of page.parts.filter(each => !each.received)) {
          await sendPart(file, page, part, here, ids.length === 0 && after === 0)
          progress((before + Math.min(file.size, part.number * page.part_bytes)) / total)
        }
        after = page.next_after
      }
      await call('POST', `${here}/complete`)
      ids.push(upload.id)
      before += file.size
    }
    return call('POST', `${form.dataset.api}/datasets`, { ...about, upload_ids: ids })
  }

  const sendPart = async (file, upload, part, here, first) => {
    const from = (part.number - 1) * upload.part_bytes
    for (let tries = 1; ; tries++) {
      try {
        const answer = await fetch(part.url, { method: 'PUT', body: file.slice(from, from + part.bytes) })
        if (answer.ok) return
        throw new Error(`part ${part.number}: status ${answer.status}`)
      } catch (error) {
        // Where the very first part cannot be sent, the storage takes none from pages.
        if (first && part.number === 1) throw error
        if (tries === TRIES) throw new Refused({ detail: `Part ${part.number} could not be sent: ${error.message}. Send again: what has arrived stays.` }, 0)
        await new Promise(resolve => setTimeout(resolve, 1000 * 2 ** tries))
        const fresh = await call('GET', `${here}?after=${part.number - 1}&limit=1`)
        if (fresh.parts[0].received) return
        part = fresh.parts[0]
      }
    }
  }
}
