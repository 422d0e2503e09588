// Links the views of an image with their places in it, both ways, by pointer and by keyboard.
const list = document.getElementById('views')
const views = [...list.querySelectorAll('li')]
const places = [...document.querySelectorAll('.place')]
const said = document.getElementById('said')
const heading = document.getElementById('said-of')
const mean = [...said.childNodes]
const perRow = Number(views[0].dataset.row)

function show (number) {
  for (const each of [...views, ...places]) each.classList.toggle('on', Number(each.dataset.view) === number)
  if (number === null) {
    heading.textContent = 'Mean over the views'
    said.replaceChildren(...mean)
  } else {
    heading.textContent = `View ${number}`
    said.replaceChildren(...[...views[number].querySelector('.answer').childNodes].map(node => node.cloneNode(true)))
  }
}

for (const view of views) {
  view.addEventListener('pointerenter', () => show(Number(view.dataset.view)))
  view.addEventListener('focus', () => show(Number(view.dataset.view)))
}
list.addEventListener('pointerleave', () => show(null))

// The view whose middle is nearest to the pointer: places overlap.
const picture = document.querySelector('.grid-over')
picture.addEventListener('pointermove', event => {
  const box = picture.getBoundingClientRect()
  const size = picture.viewBox.baseVal.width
  const x = (event.clientX - box.left) / box.width * size
  const y = (event.clientY - box.top) / box.height * size
  const far = place => Math.hypot(middle(place, 'x') - x, middle(place, 'y') - y)
  show(Number(places.reduce((best, place) => (far(place) < far(best) ? place : best)).dataset.view))
})
picture.addEventListener('pointerleave', () => show(null))
const middle = (place, axis) => place[axis].baseVal.value + place.width.baseVal.value / 2

const MOVES = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -perRow, ArrowDown: perRow }
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key === '[') document.querySelector('a[rel=prev]')?.click()
  if (event.key === ']') document.querySelector('a[rel=next]')?.click()
  const move = MOVES[event.key]
  if (move === undefined) return
  const at = views.indexOf(document.activeElement)
  const to = views[at < 0 ? 0 : at + move]
  if (to) { to.focus(); event.preventDefault() }
})
