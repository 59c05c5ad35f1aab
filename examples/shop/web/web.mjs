// The shop window: one page at /, and /api/… handed on to the api.
import { createServer } from 'node:http'

const { API, TITLE } = process.env

const server = createServer(async (request, response) => {
  try {
    if (request.url === '/') return await page(response)
    if (request.url.startsWith('/api/')) return await handOn(request, response)
    response.writeHead(404).end('not here\n')
  } catch (error) {
    response.writeHead(502).end(`not today: ${error.cause?.code ?? error.message}\n`)
  }
})
server.listen(8080, () => console.log(`web: ${TITLE} opens on port 8080, api at ${API}`))
process.on('SIGTERM', () => server.close(() => process.exit(0)).closeAllConnections())

async function page(response) {
  const answer = await fetch(`${API}/products`)
  if (!answer.ok) throw new Error((await answer.json()).error)
  const products = await answer.json()
  const rows = products.map(({ item, left, price }) => `<li>${item}: ${price} each, ${left} left`)
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
  response.end(
    `<!doctype html><title>${TITLE}</title>\n<h1>${TITLE}</h1>\n<ul>\n${rows.join('\n')}\n</ul>\n`,
  )
}

async function handOn(request, response) {
  const { method, url } = request
  const body = method === 'POST' ? (await request.toArray()).join('') : undefined
  const answer = await fetch(API + url.slice('/api'.length), { method, body })
  response.writeHead(answer.status, { 'content-type': 'application/json' })
  response.end(await answer.text())
}
