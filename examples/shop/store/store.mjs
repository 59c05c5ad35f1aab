// Keeps the stock in one JSON file on a volume: GET /stock, POST /take { item, quantity }.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'

const FILE = '/data/stock.json'
const stock = readStock()

const server = createServer(async (request, response) => {
  if (request.method === 'POST' && request.url === '/take') return take(request, response)
  answer(response, request.url === '/stock' ? 200 : 404, stock)
})
server.listen(9000, () => console.log(`store: ${Object.keys(stock).length} items, port 9000`))
process.on('SIGTERM', () => server.close(() => process.exit(0)).closeAllConnections())

async function take(request, response) {
  const { item, quantity } = JSON.parse((await request.toArray()).join(''))
  if (!(stock[item] >= quantity)) return answer(response, 409, { error: `not enough ${item}` })
  stock[item] -= quantity
  writeFileSync(`${FILE}.new`, JSON.stringify(stock))
  renameSync(`${FILE}.new`, FILE) // A crash leaves the old file or the new one, never half of it.
  console.log(`store: took ${quantity} ${item}, ${stock[item]} left`)
  answer(response, 200, { item, left: stock[item] })
}

function readStock() {
  try {
    return JSON.parse(readFileSync(FILE, 'utf8'))
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return { apples: 20, bread: 5, candles: 8 }
  }
}

function answer(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
