// Prices and orders: GET /products, POST /orders { item, quantity }. The stock is the store's.
import { createServer } from 'node:http'

const STORE = process.env.STORE
const PRICES = { apples: 0.5, bread: 3, candles: 2 }

const server = createServer(async (request, response) => {
  try {
    if (request.url === '/products') answer(response, 200, await products())
    else if (request.url === '/orders' && request.method === 'POST') await order(request, response)
    else answer(response, 404, { error: 'GET /products or POST /orders' })
  } catch (error) {
    console.error(`api: ${error.cause?.code ?? error.message}`)
    answer(response, 502, { error: `the store does not answer: ${error.cause?.code ?? error}` })
  }
})
server.listen(3000, () => console.log(`api: port 3000, store at ${STORE}`))
process.on('SIGTERM', () => server.close(() => process.exit(0)).closeAllConnections())

async function products() {
  const stock = await (await fetch(`${STORE}/stock`)).json()
  return Object.entries(stock).map(([item, left]) => ({ item, left, price: PRICES[item] }))
}

async function order(request, response) {
  const wish = parseOrder((await request.toArray()).join(''))
  if (!wish) return answer(response, 400, { error: 'send { "item": …, "quantity": 1 or more }' })
  const taken = await fetch(`${STORE}/take`, { method: 'POST', body: JSON.stringify(wish) })
  console.log(`api: order of ${wish.quantity} ${wish.item}: ${taken.status}`)
  const total = PRICES[wish.item] * wish.quantity
  answer(response, taken.status, { ...(await taken.json()), ...(taken.ok ? { total } : {}) })
}

function parseOrder(text) {
  try {
    const { item, quantity } = JSON.parse(text)
    return Number.isInteger(quantity) && quantity > 0 ? { item: String(item), quantity } : undefined
  } catch {
    return undefined
  }
}

function answer(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
