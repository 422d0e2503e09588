// Sends files with their progress: small ones in one form through the front, large ones in parts straight to the storage.
import { call, headers, Refused } from './api.js'

const IN_PARTS_FROM = 64 * 1024 * 1024
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

  const inParts = async (files, about, total, progress) => {
    const ids = []
    let before = 0
    for (const file of files) {
      let upload = await call('POST', `${form.dataset.api}/uploads`, { name: file.name, bytes: file.size })
      const here = `${form.dataset.api}/uploads/${upload.id}`
      while (upload.parts.length) {
        for (const part of upload.parts.filter(each => !each.received)) await sendPart(file, upload, part)
        progress((before + Math.min(file.size, upload.parts.at(-1).number * upload.part_bytes)) / total)
        if (upload.next_after === null) break
        upload = await call('GET', `${here}?after=${upload.next_after}`)
      }
      await call('POST', `${here}/complete`)
      ids.push(upload.id)
      before += file.size
    }
    return call('POST', `${form.dataset.api}/datasets`, { ...about, upload_ids: ids })
  }

  const sendPart = async (file, upload, part) => {
    const first = (part.number - 1) * upload.part_bytes
    const answer = await fetch(part.url, { method: 'PUT', body: file.slice(first, first + part.bytes) })
    if (!answer.ok) throw new Error(`part ${part.number}: status ${answer.status}`)
  }
}
